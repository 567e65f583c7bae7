package httpapi

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
	"aaa-api/internal/operations"
	"aaa-api/internal/store"
	"aaa-api/internal/web"
)

// asRead are the members of a table or users file that mean nothing in an upload: what was read can be written back.
var asRead = []string{"owner", "title", "revision", "created_at", "updated_at"}

// listTables lists the account's own tables, or with ?system=true the built-in ones.
func (a *API) listTables(c *web.Call) error {
	system, err := c.Flag("system")
	if err != nil {
		return err
	}
	if system {
		all, err := operations.ListBuiltInTables.Call(c.Context(), a.Line, from(c), operations.None{})
		if err != nil {
			return err
		}
		return web.ServeList(c, web.SlicePage(all, textKey), textKey, textRow)
	}
	return web.ServeList(c, listOf(a, c, operations.ListTables), textKey, textRow)
}

func textKey(t admin.TextInfo) string { return t.Name }

func textRow(t admin.TextInfo) any { return t }

// addressOf is where a table or users file of the account is read.
func addressOf(c *web.Call, kind store.TextKind, name string) string {
	return "/v2/accounts/" + string(c.Account()) + "/aaa/" + string(kind) + "/" + name
}

// deleteText deletes the table or users file that the path names.
func (a *API) deleteText(c *web.Call, del *operations.Operation[operations.ExpectedName, admin.TextInfo]) error {
	expected, err := c.Expected()
	if err != nil {
		return err
	}
	old, err := del.Call(c.Context(), a.Line, from(c), operations.ExpectedName{Name: c.Param("name"), Expected: expected})
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: old})
}

// The forms in which a table can be read, the first if Accept names none.
const (
	formText     = "text/plain"
	formGraphviz = "text/vnd.graphviz"
	formMermaid  = "text/vnd.mermaid"
)

var tableForms = []string{web.FormJSON, formText, formGraphviz, formMermaid}

// formSuffix is the name of a form in the entity tag.
var formSuffix = map[string]string{formText: "text", formGraphviz: "graphviz", formMermaid: "mermaid"}

// formOf is a form as the tables know it.
var formOf = map[string]admin.TableForm{formText: admin.TableText, formGraphviz: admin.TableGraphviz, formMermaid: admin.TableMermaid}

// getTable gives one of the account's own tables or a built-in one, in the form that Accept asks for.
func (a *API) getTable(c *web.Call) error {
	form := c.Accepted(tableForms...)
	known, err := c.Known(formSuffix[form])
	if err != nil {
		return err
	}
	t, err := operations.GetTable.Call(c.Context(), a.Line, fromWaiting(c), operations.KnownTable{Name: c.Param("name"), Form: formOf[form], Known: known})
	if err != nil {
		return err
	}
	c.Header().Set("Vary", "Accept")
	etag := ""
	if t.Revision > 0 { // a built-in table has none
		etag = web.ETagOfForm(t.Revision, formSuffix[form])
		if done, err := c.NotModified(etag); done || err != nil {
			return err
		}
	}
	if form == web.FormJSON {
		return c.Reply(web.Answer{Data: t, Revision: t.Revision})
	}
	if etag != "" {
		c.Header()["Etag"] = []string{etag}
	}
	c.Send(http.StatusOK, form+"; charset=utf-8", []byte(t.Text))
	return nil
}

// targetName is the name under which an upload is stored: of the path, else of the query
// or of the body, which is inside. They must not disagree.
func targetName(c *web.Call, inside string) (string, error) {
	name := cmp.Or(c.Param("name"), c.Query().Get("name"), inside)
	switch {
	case name == "":
		return "", aaa.Invalid(aaa.Field{Path: "name", Rule: "required", Message: "is needed: in the query, or in JSON as a member"})
	case inside != "" && inside != name:
		return "", aaa.Invalid(aaa.Field{Path: "name", Rule: "conflict", Message: "the URL has the name " + aaa.Quote(name) + ", the body " + aaa.Quote(inside)})
	}
	return name, nil
}

// sentTable reads the table of the body.
func sentTable(c *web.Call) (sent admin.TableUpload, err error) {
	if c.IsText() {
		return admin.TableUpload{Text: c.Body()}, nil
	}
	data, err := c.Data()
	if err != nil {
		return sent, err
	}
	form := make(map[string]any, len(data))
	for member, v := range data {
		switch {
		case member == "name":
			if sent.Name, err = nameMember(v); err != nil {
				return sent, err
			}
		case slices.Contains(asRead, member):
		default:
			form[member] = v
		}
	}
	sent.Members, err = json.Marshal(form)
	return sent, err
}

// nameMember is the member name of an upload in JSON.
func nameMember(v any) (string, error) {
	name, ok := v.(string)
	if !ok || name == "" {
		return "", aaa.Invalid(aaa.Field{Path: "name", Rule: "type", Message: "must be a string with something in it", Target: "string"})
	}
	return name, nil
}

// writtenTable is the table of the body with the name under which it is stored.
func writtenTable(c *web.Call) (admin.TableUpload, error) {
	sent, err := sentTable(c)
	if err == nil {
		sent.Name, err = targetName(c, sent.Name)
	}
	return sent, err
}

func (a *API) createTable(c *web.Call) error {
	sent, err := writtenTable(c)
	if err != nil {
		return err
	}
	made, err := operations.CreateTable.Call(c.Context(), a.Line, from(c), sent)
	if err != nil {
		return advise(err, aaa.KindConflict, "replace it with POST")
	}
	reply := web.Answer{Data: made, Revision: made.Revision, Warnings: warningsOf(made.Warnings)}
	return c.Reply(reply.Created(addressOf(c, store.TextFSM, made.Name)))
}

func (a *API) replaceTable(c *web.Call) error {
	sent, err := writtenTable(c)
	if err != nil {
		return err
	}
	expected, err := c.Expected()
	if err != nil {
		return err
	}
	got, err := operations.ReplaceTable.Call(c.Context(), a.Line, from(c), operations.TableWritten{Upload: sent, Expected: expected})
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: got, Revision: got.Revision, Warnings: warningsOf(got.Warnings)})
}

func (a *API) deleteTable(c *web.Call) error { return a.deleteText(c, operations.DeleteTable) }

// checkTable tells all that is wrong with a table, and stores nothing.
func (a *API) checkTable(c *web.Call) error {
	sent, err := sentTable(c)
	if err != nil {
		return err
	}
	result, err := operations.CheckTable.Call(c.Context(), a.Line, fromWaiting(c), sent)
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: result})
}

// simulateTable takes a request through a table by a script.
func (a *API) simulateTable(c *web.Call) error {
	script, err := json.Marshal(c.Sent())
	if err != nil {
		return err
	}
	walk, err := operations.SimulateTable.Call(c.Context(), a.Line, fromWaiting(c), operations.TableScript{Name: c.Param("name"), Script: script})
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: walk})
}
