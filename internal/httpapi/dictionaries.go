package httpapi

import (
	"cmp"
	"net/http"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
	"aaa-api/internal/operations"
	"aaa-api/internal/schema"
	"aaa-api/internal/web"
)

// listDictionaries lists the account's own dictionaries, or with ?system=true the service's.
func (a *API) listDictionaries(c *web.Call) error {
	system, err := c.Flag("system")
	if err != nil {
		return err
	}
	if system {
		return a.listSystemDictionaries(c)
	}
	return web.ServeList(c, listOf(a, c, operations.ListDictionaries), func(d admin.Dictionary) string { return d.Name }, func(d admin.Dictionary) any { return d })
}

// getDictionary gives one of the account's dictionaries by id or by name, or a system one by name.
func (a *API) getDictionary(c *web.Call) error {
	form := c.Accepted(web.FormJSON, formText)
	known, err := c.Known(formSuffix[form])
	if err != nil {
		return err
	}
	d, err := operations.GetDictionary.Call(c.Context(), a.Line, fromWaiting(c), operations.KnownDictionary{Key: c.Param("dict"), AsText: form == formText, Known: known})
	if aaa.KindOf(err) == aaa.KindNotFound {
		if err := a.getSystemDictionary(c); aaa.KindOf(err) != aaa.KindNotFound {
			return err
		}
	}
	if err != nil {
		return err
	}
	c.Header().Set("Vary", "Accept")
	etag := web.ETagOfForm(d.Revision, formSuffix[form])
	if done, err := c.NotModified(etag); done || err != nil {
		return err
	}
	if form == formText {
		c.Header()["Etag"] = []string{etag}
		c.Send(http.StatusOK, textType, d.Text)
		return nil
	}
	return c.Reply(web.Answer{Data: d, Revision: d.Revision})
}

// createDictionary stores a new dictionary from JSON or from a FreeRADIUS text.
func (a *API) createDictionary(c *web.Call) error {
	sent, err := sentDictionary(c)
	if err != nil {
		return err
	}
	if sent.Name == "" {
		return errNoName
	}
	made, err := operations.CreateDictionary.Call(c.Context(), a.Line, from(c), sent)
	if err != nil {
		return advise(err, aaa.KindConflict, "replace it with POST")
	}
	base := c.Request().URL.Path
	return c.Reply(web.Answer{Data: made, Revision: made.Revision, Warnings: warningsOf(made.Warnings)}.Created(base + "/" + made.ID))
}

// replaceDictionary replaces the dictionary of the path, or that of the name given.
func (a *API) replaceDictionary(c *web.Call) error {
	sent, err := sentDictionary(c)
	if err != nil {
		return err
	}
	key := cmp.Or(c.Param("dict"), sent.Name)
	if key == "" {
		return errNoName
	}
	expected, err := c.Expected()
	if err != nil {
		return err
	}
	got, err := operations.ReplaceDictionary.Call(c.Context(), a.Line, from(c), operations.DictionaryWritten{Key: key, Upload: sent, Expected: expected})
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: got, Revision: got.Revision, Warnings: warningsOf(got.Warnings)})
}

func (a *API) deleteDictionary(c *web.Call) error {
	expected, err := c.Expected()
	if err != nil {
		return err
	}
	old, err := operations.DeleteDictionary.Call(c.Context(), a.Line, from(c), operations.ExpectedKey{Key: c.Param("dict"), Expected: expected})
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: old})
}

var errNoName = aaa.Invalid(aaa.Field{Path: "name", Rule: "required", Message: "the query parameter name is needed with a text"})

// sentDictionary reads the dictionary of the body. Its name is ?name= for a text, which may leave it out, and a member in JSON.
func sentDictionary(c *web.Call) (sent admin.DictionaryUpload, err error) {
	sent.Name = c.Query().Get("name")
	if c.IsText() {
		sent.Text = c.Body()
		return sent, nil
	}
	data, err := c.Data()
	if err != nil {
		return sent, err
	}
	inside, _ := data["name"].(string)
	if sent.Name != "" && sent.Name != inside {
		return sent, aaa.Invalid(aaa.Field{Path: "name", Rule: "conflict", Message: "the query has the name " + aaa.Quote(sent.Name) + ", the dictionary " + aaa.Quote(inside)})
	}
	if inside == "" {
		return sent, aaa.Invalid(aaa.Field{Path: "name", Rule: "required", Message: "is needed: as a member of data"})
	}
	sent.Name = inside
	if err := checkMembers(data); err != nil {
		return sent, err
	}
	sent.Value, err = c.SentOctets("value")
	return sent, err
}

// checkMembers checks a dictionary in JSON but for its entries, which the compiler checks better than a schema can. The owner that a
// client writes means nothing: it is the account of the URL.
func checkMembers(data map[string]any) error {
	checked := make(map[string]any, len(data))
	for member, v := range data {
		switch member {
		case "id", "created_at", "updated_at": // as read; they mean nothing here
		case "value":
			if _, ok := v.([]any); ok {
				v = []any{}
			}
			checked[member] = v
		default:
			checked[member] = v
		}
	}
	if faults := schema.Validate(schema.Dictionary, checked); len(faults) > 0 {
		return aaa.Invalid(faults...)
	}
	return nil
}

func (a *API) listSystemDictionaries(c *web.Call) error {
	key := func(d admin.SystemDictionary) string { return d.Name }
	all, err := operations.ListSystemDictionaries.Call(c.Context(), a.Line, from(c), operations.None{})
	if err != nil {
		return err
	}
	return web.ServeList(c, web.SlicePage(all, key), key, func(d admin.SystemDictionary) any { return d })
}

func (a *API) getSystemDictionary(c *web.Call) error {
	asText := c.Accepted(web.FormJSON, formText) == formText
	d, err := operations.GetSystemDictionary.Call(c.Context(), a.Line, fromWaiting(c), operations.SystemDictionary{Name: c.Param("dict"), AsText: asText})
	if err != nil {
		return err
	}
	c.Header().Set("Vary", "Accept")
	if asText {
		c.Send(http.StatusOK, textType, d.Text)
		return nil
	}
	return c.Reply(web.Answer{Data: d})
}

const textType = "text/plain; charset=utf-8"
