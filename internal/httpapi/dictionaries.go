package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"runtime"
	"slices"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
	"aaa-api/internal/document"
	"aaa-api/internal/schema"
	"aaa-api/internal/store"
	"aaa-api/internal/web"
)

// dictionaryView is a dictionary as answers show it. Lists leave Value out.
type dictionaryView struct {
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Owner     aaa.AccountID   `json:"owner"`
	Value     json.RawMessage `json:"value,omitempty"`
	CreatedAt time.Time       `json:"created_at"`
	UpdatedAt time.Time       `json:"updated_at"`
}

func viewDictionary(d store.Dictionary) dictionaryView {
	return dictionaryView{
		ID: d.ID, Name: d.Name, Owner: d.Account, Value: d.Body,
		CreatedAt: d.CreatedAt.UTC(), UpdatedAt: d.UpdatedAt.UTC(),
	}
}

// listDictionaries lists the account's own dictionaries, or with ?system=true the service's.
func (a *API) listDictionaries(c *web.Call) error {
	system, err := c.Flag("system")
	if err != nil {
		return err
	}
	if system {
		return a.listSystemDictionaries(c)
	}
	key := func(d store.Dictionary) string { return d.Name }
	return web.ServeList(c, listOrMemory(a, c, func(ctx context.Context, p store.Page) ([]store.Dictionary, string, error) {
		return a.Store.Dictionaries().List(ctx, c.Account(), p)
	}, func() ([]store.Dictionary, error) { return a.Tree.Dictionaries(c.Account()) }, key), key, func(d store.Dictionary) any {
		d.Body = nil
		return viewDictionary(d)
	})
}

// getDictionary gives one of the account's dictionaries by id or by name, or a system one by name.
func (a *API) getDictionary(c *web.Call) error {
	d, err := orMemory(a, c, c.Account(), func(ctx context.Context) (store.Dictionary, error) { return a.find(ctx, c) }, func() (store.Dictionary, error) {
		return a.Tree.Dictionary(c.Account(), c.Param("dict"))
	})
	if aaa.KindOf(err) == aaa.KindNotFound {
		if err := a.getSystemDictionary(c); aaa.KindOf(err) != aaa.KindNotFound {
			return err
		}
	}
	if err != nil {
		return err
	}
	if err := c.Heavy(len(d.Body)); err != nil {
		return err
	}
	if wantsText(c) {
		etag := web.ETagOfForm(d.Revision, "text")
		c.Header().Set("Vary", "Accept")
		if done, err := c.NotModified(etag); done || err != nil {
			return err
		}
		entries, err := dict.ParseJSON(d.Body)
		if err != nil {
			return err
		}
		visible, err := orMemory(a, c, c.Account(), func(ctx context.Context) (*dict.Set, error) { return a.Tree.Visible(ctx, c.Account()) }, func() (*dict.Set, error) {
			return a.Tree.WarmVisible(c.Account())
		})
		if err != nil {
			return err
		}
		c.Header()["Etag"] = []string{etag}
		text, err := dict.FormatUpload(entries, visible, a.System.Default())
		return replyText(c, text, err)
	}
	c.Header().Set("Vary", "Accept")
	if done, err := c.NotModified(web.ETag(d.Revision)); done || err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: viewDictionary(d), Revision: d.Revision})
}

// find reads the dictionary that the path names by id or by name.
func (a *API) find(ctx context.Context, c *web.Call) (store.Dictionary, error) {
	key := c.Param("dict")
	if aaa.IsID(key) {
		d, err := a.Store.Dictionaries().Get(ctx, c.Account(), key)
		if aaa.KindOf(err) != aaa.KindNotFound {
			return d, err
		}
	}
	if key == "" || len(key) > dict.MaxName {
		return store.Dictionary{}, store.ErrNotFound
	}
	return a.Store.Dictionaries().ByName(ctx, c.Account(), key)
}

// createDictionary stores a new dictionary from JSON or from a FreeRADIUS text.
func (a *API) createDictionary(c *web.Call) error {
	d, compiled, warnings, err := a.uploaded(c, "")
	if err != nil {
		return err
	}
	defer runtime.KeepAlive(compiled) // until the change is in use, which takes it over
	d.ID = aaa.NewID()
	made, err := a.Store.Dictionaries().Create(c.Context(), d)
	if err != nil {
		return err
	}
	a.sync(c)
	if slices.Contains(a.System.Names(), d.Name) {
		warnings = append(warnings, document.Warning{Path: "name", Rule: "shadows", Message: "it takes the place of the system dictionary of this name in the documents of the account and of those below"})
	}
	base := c.Request().URL.Path
	return c.Reply(web.Answer{Data: viewDictionary(made), Revision: made.Revision, Warnings: warningsOf(warnings)}.Created(base + "/" + made.ID))
}

// replaceDictionary replaces the dictionary of the path, or that of the name given.
func (a *API) replaceDictionary(c *web.Call) error {
	byName := c.Param("dict") == ""
	return retryStale(c, func() error {
		var old store.Dictionary
		var err error
		if byName {
			// The name says which: it is read from the upload before anything is looked up.
			var name string
			if name, err = uploadName(c, ""); err != nil {
				return err
			}
			old, err = a.Store.Dictionaries().ByName(c.Context(), c.Account(), name)
		} else {
			old, err = a.find(c.Context(), c)
			if aaa.KindOf(err) == aaa.KindNotFound && slices.Contains(a.System.Names(), c.Param("dict")) {
				return errSystemDictionary
			}
		}
		if err != nil {
			return err
		}
		if _, err := c.IfMatch(old.Revision); err != nil {
			return err
		}
		next, compiled, warnings, err := a.uploaded(c, old.Name)
		if err != nil {
			return err
		}
		defer runtime.KeepAlive(compiled) // as for a new one
		next.ID = old.ID
		got, err := a.Store.Dictionaries().Replace(c.Context(), next, old.Revision)
		if err != nil {
			return err
		}
		a.sync(c)
		return c.Reply(web.Answer{Data: viewDictionary(got), Revision: got.Revision, Warnings: warningsOf(warnings)})
	})
}

var errSystemDictionary = &web.Failure{Status: http.StatusForbidden, Slug: web.SlugForbidden, Detail: "a system dictionary cannot be changed"}

func (a *API) deleteDictionary(c *web.Call) error {
	old, err := a.find(c.Context(), c)
	if aaa.KindOf(err) == aaa.KindNotFound && slices.Contains(a.System.Names(), c.Param("dict")) {
		return errSystemDictionary
	}
	if err != nil {
		return err
	}
	revision, err := c.IfMatch(old.Revision)
	if err != nil {
		return err
	}
	if err := a.Store.Dictionaries().Delete(c.Context(), c.Account(), old.ID, revision); err != nil {
		return err
	}
	a.sync(c)
	old.Body = nil
	return c.Reply(web.Answer{Data: viewDictionary(old)})
}

// uploadName is the name of an upload: ?name= for text, where that is left out the
// old one; the member name for JSON.
func uploadName(c *web.Call, old string) (string, error) {
	name := c.Query().Get("name")
	if !c.IsText() {
		data, err := c.Data()
		if err != nil {
			return "", err
		}
		inside, _ := data["name"].(string)
		if name != "" && name != inside {
			return "", aaa.Invalid(aaa.Field{Path: "name", Rule: "conflict", Message: "the query has the name " + aaa.Quote(name) + ", the dictionary " + aaa.Quote(inside)})
		}
		if inside == "" {
			return "", aaa.Invalid(aaa.Field{Path: "name", Rule: "required", Message: "is needed: as a member of data"})
		}
		return inside, nil
	}
	if name == "" {
		name = old
	}
	if name == "" {
		return "", aaa.Invalid(aaa.Field{Path: "name", Rule: "required", Message: "the query parameter name is needed with a text"})
	}
	return name, nil
}

// uploaded reads a dictionary from the body and compiles it: what does not compile is not stored. Warnings tell of a text's
// lines that are taken and may be meant otherwise.
func (a *API) uploaded(c *web.Call, old string) (d store.Dictionary, compiled *dict.Compiled, warnings []document.Warning, err error) {
	d.Account = c.Account()
	if d.Name, err = uploadName(c, old); err != nil {
		return d, nil, nil, err
	}
	visible, err := a.Tree.Visible(c.Context(), c.Account())
	if err != nil {
		return d, nil, nil, err
	}
	// Names stand for what is there once the upload has taken its predecessor's place.
	others := visible.Without(d.Name, old).Join(a.System.Default())
	var entries []dict.Entry
	if c.IsText() {
		entries, warnings, err = a.textEntries(c.Body(), d.Name, others)
	} else if entries, err = jsonEntries(c); err == nil {
		entries = dict.ResolveUpload(entries, others, a.System.Default())
	}
	if err != nil {
		return d, nil, nil, err
	}
	if compiled, err = dict.CompileUpload(d.Name, old, entries, visible, a.System.Default()); err != nil {
		return d, nil, nil, err
	}
	if d.Body, err = dict.FormatEntries(entries); err != nil {
		return d, nil, nil, err
	}
	return d, a.Tree.Uploaded(d, compiled), warnings, nil
}

// textEntries reads the entries of a dictionary as FreeRADIUS text.
func (a *API) textEntries(text []byte, name string, others *dict.Set) ([]dict.Entry, []document.Warning, error) {
	if faults := schema.Validate(schema.Dictionary, map[string]any{"name": name, "value": []any{}}); len(faults) > 0 {
		return nil, nil, aaa.Invalid(faults...)
	}
	entries, notes, err := dict.ParseUpload(text, others, a.System.Default())
	var warnings []document.Warning
	for _, f := range notes {
		warnings = append(warnings, document.Warning{Path: f.Path, Rule: f.Rule, Message: f.Message})
	}
	return entries, warnings, err
}

// jsonEntries reads the entries of a dictionary in JSON. The owner that a client writes
// means nothing: it is the account of the URL.
func jsonEntries(c *web.Call) ([]dict.Entry, error) {
	data, err := c.Data()
	if err != nil {
		return nil, err
	}
	checked := make(map[string]any, len(data))
	for member, v := range data {
		switch member {
		case "id", "created_at", "updated_at": // as read; they mean nothing here
		case "value":
			if _, ok := v.([]any); ok {
				v = []any{} // the compiler checks the entries, better than a schema can
			}
			checked[member] = v
		default:
			checked[member] = v
		}
	}
	if faults := schema.Validate(schema.Dictionary, checked); len(faults) > 0 {
		return nil, aaa.Invalid(faults...)
	}
	text, err := json.Marshal(data["value"])
	if err != nil {
		return nil, err
	}
	return dict.ParseJSON(text)
}

// systemView is a system dictionary as answers show it.
type systemView struct {
	Name  string          `json:"name"`
	Owner aaa.AccountID   `json:"owner"`
	Value json.RawMessage `json:"value,omitempty"`
}

func (a *API) listSystemDictionaries(c *web.Call) error {
	names := slices.Sorted(slices.Values(a.System.Names()))
	key := func(name string) string { return name }
	return web.ServeList(c, web.SlicePage(names, key), key, func(name string) any {
		return systemView{Name: name, Owner: aaa.SystemConfig}
	})
}

// entryOctets is about the length of an entry of a dictionary.
const entryOctets = 100

func (a *API) getSystemDictionary(c *web.Call) error {
	name := c.Param("dict")
	entries, ok := a.System.Entries(name)
	if !ok {
		return store.ErrNotFound
	}
	if err := c.Heavy(len(entries) * entryOctets); err != nil {
		return err
	}
	c.Header().Set("Vary", "Accept")
	if wantsText(c) {
		text, err := dict.FormatText(entries, a.System.Default())
		return replyText(c, text, err)
	}
	value, err := dict.FormatEntries(entries)
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: systemView{name, aaa.SystemConfig, value}})
}

// replyText answers with a dictionary as FreeRADIUS writes it.
func replyText(c *web.Call, text []byte, err error) error {
	if err != nil {
		return err
	}
	c.Send(http.StatusOK, textType, text)
	return nil
}

const textType = "text/plain; charset=utf-8"

// wantsText reports a client that likes text/plain better than JSON.
func wantsText(c *web.Call) bool { return c.Accepted(web.FormJSON, formText) == formText }
