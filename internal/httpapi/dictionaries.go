package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
	"aaa-api/internal/document"
	"aaa-api/internal/schema"
	"aaa-api/internal/store"
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
func (a *API) listDictionaries(c *call) error {
	system, err := c.flag("system")
	if err != nil {
		return err
	}
	if system {
		return a.listSystemDictionaries(c)
	}
	key := func(d store.Dictionary) string { return d.Name }
	return serveList(c, listOrMemory(c, func(ctx context.Context, p store.Page) ([]store.Dictionary, string, error) {
		return a.Store.Dictionaries().List(ctx, c.account, p)
	}, func() ([]store.Dictionary, error) { return a.Tree.Dictionaries(c.account) }, key), key, func(d store.Dictionary) any {
		d.Body = nil
		return viewDictionary(d)
	})
}

// getDictionary gives one of the account's dictionaries by id or by name, or a system one by name.
func (a *API) getDictionary(c *call) error {
	d, err := orMemory(c, c.account, func(ctx context.Context) (store.Dictionary, error) { return a.find(ctx, c) }, func() (store.Dictionary, error) {
		return a.Tree.Dictionary(c.account, c.param("dict"))
	})
	if isNotFound(err) {
		if err := a.getSystemDictionary(c); !isNotFound(err) {
			return err
		}
	}
	if err != nil {
		return err
	}
	if err := c.heavy(len(d.Body)); err != nil {
		return err
	}
	if wantsText(c.r) {
		etag := etagOfForm(d.Revision, textSuffix)
		c.Header().Set("Vary", "Accept")
		if done, err := c.notModified(etag); done || err != nil {
			return err
		}
		visible, err := orMemory(c, c.account, func(ctx context.Context) (*dict.Set, error) { return a.Tree.Visible(ctx, c.account) }, func() (*dict.Set, error) {
			return a.Tree.WarmVisible(c.account)
		})
		if err != nil {
			return err
		}
		c.Header()["Etag"] = []string{etag}
		return c.replyText(func() ([]byte, error) {
			entries, err := dict.ParseJSON(d.Body)
			if err != nil {
				return nil, err
			}
			return dict.FormatUpload(entries, visible, a.System.Default())
		})
	}
	c.Header().Set("Vary", "Accept")
	if done, err := c.notModified(etagOf(d.Revision)); done || err != nil {
		return err
	}
	return c.reply(answer{data: viewDictionary(d), revision: d.Revision})
}

// find reads the dictionary that the path names by id or by name.
func (a *API) find(ctx context.Context, c *call) (store.Dictionary, error) {
	key := c.param("dict")
	if aaa.IsID(key) {
		d, err := a.Store.Dictionaries().Get(ctx, c.account, key)
		if !isNotFound(err) {
			return d, err
		}
	}
	if key == "" || len(key) > dict.MaxName {
		return store.Dictionary{}, store.ErrNotFound
	}
	return a.Store.Dictionaries().ByName(ctx, c.account, key)
}

// createDictionary stores a new dictionary from JSON or from a FreeRADIUS text.
func (a *API) createDictionary(c *call) error {
	d, warnings, err := a.uploaded(c, "")
	if err != nil {
		return err
	}
	d.ID = aaa.NewID()
	made, err := a.Store.Dictionaries().Create(c.ctx(), d)
	if err != nil {
		return err
	}
	c.sync()
	if slices.Contains(a.System.Names(), d.Name) {
		warnings = append(warnings, document.Warning{Path: "name", Rule: "shadows", Message: "it takes the place of the system dictionary of this name in the documents of the account and of those below"})
	}
	base := c.r.URL.Path
	return c.reply(answer{data: viewDictionary(made), revision: made.Revision, warnings: warnings}.created(base + "/" + made.ID))
}

// replaceDictionary replaces the dictionary of the path, or that of the name given.
func (a *API) replaceDictionary(c *call) error {
	byName := c.param("dict") == ""
	return c.retryStale(func() error {
		var old store.Dictionary
		var err error
		if byName {
			// The name says which: it is read from the upload before anything is looked up.
			var name string
			if name, err = c.uploadName(""); err != nil {
				return err
			}
			old, err = a.Store.Dictionaries().ByName(c.ctx(), c.account, name)
		} else {
			old, err = a.find(c.ctx(), c)
			if isNotFound(err) && slices.Contains(a.System.Names(), c.param("dict")) {
				return errSystemDictionary
			}
		}
		if err != nil {
			return err
		}
		if _, err := c.ifMatch(old.Revision); err != nil {
			return err
		}
		next, warnings, err := a.uploaded(c, old.Name)
		if err != nil {
			return err
		}
		next.ID = old.ID
		got, err := a.Store.Dictionaries().Replace(c.ctx(), next, old.Revision)
		if err != nil {
			return err
		}
		c.sync()
		return c.reply(answer{data: viewDictionary(got), revision: got.Revision, warnings: warnings})
	})
}

var errSystemDictionary = &failure{status: http.StatusForbidden, slug: slugForbidden, detail: "a system dictionary cannot be changed"}

func (a *API) deleteDictionary(c *call) error {
	old, err := a.find(c.ctx(), c)
	if isNotFound(err) && slices.Contains(a.System.Names(), c.param("dict")) {
		return errSystemDictionary
	}
	if err != nil {
		return err
	}
	revision, err := c.ifMatch(old.Revision)
	if err != nil {
		return err
	}
	if err := a.Store.Dictionaries().Delete(c.ctx(), c.account, old.ID, revision); err != nil {
		return err
	}
	c.sync()
	old.Body = nil
	return c.reply(answer{data: viewDictionary(old)})
}

// uploadName is the name of an upload: ?name= for text, where that is left out the
// old one; the member name for JSON.
func (c *call) uploadName(old string) (string, error) {
	name := c.query.Get("name")
	if !isText(c.r) {
		data, err := c.data()
		if err != nil {
			return "", err
		}
		inside, _ := data["name"].(string)
		if name != "" && name != inside {
			return "", aaa.Invalid(aaa.Field{Path: "name", Rule: "conflict", Message: "the query has the name " + quoted(name) + ", the dictionary " + quoted(inside)})
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
func (a *API) uploaded(c *call, old string) (d store.Dictionary, warnings []document.Warning, err error) {
	d.Account = c.account
	if d.Name, err = c.uploadName(old); err != nil {
		return d, nil, err
	}
	visible, err := a.Tree.Visible(c.ctx(), c.account)
	if err != nil {
		return d, nil, err
	}
	err = c.lowered(func() (err error) {
		d.Body, warnings, err = a.compiledUpload(c, d.Name, old, visible)
		return err
	})
	return d, warnings, err
}

// compiledUpload is the dictionary of the body as it is stored, once it has been seen to compile.
func (a *API) compiledUpload(c *call, name, old string, visible *dict.Set) (stored []byte, warnings []document.Warning, err error) {
	// Names stand for what is there once the upload has taken its predecessor's place.
	others := visible.Without(name, old).Join(a.System.Default())
	var entries []dict.Entry
	if isText(c.r) {
		entries, warnings, err = a.textEntries(c.body, name, others)
	} else if entries, err = c.jsonEntries(); err == nil {
		entries = dict.ResolveUpload(entries, others, a.System.Default())
	}
	if err != nil {
		return nil, nil, err
	}
	if _, err := dict.CompileUpload(name, old, entries, visible, a.System.Default()); err != nil {
		return nil, nil, err
	}
	stored, err = dict.FormatEntries(entries)
	return stored, warnings, err
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
func (c *call) jsonEntries() ([]dict.Entry, error) {
	data, err := c.data()
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

func (a *API) listSystemDictionaries(c *call) error {
	names := slices.Sorted(slices.Values(a.System.Names()))
	key := func(name string) string { return name }
	return serveList(c, slicePage(names, key), key, func(name string) any {
		return systemView{Name: name, Owner: aaa.SystemConfig}
	})
}

// entryOctets is about the length of an entry of a dictionary.
const entryOctets = 100

func (a *API) getSystemDictionary(c *call) error {
	name := c.param("dict")
	entries, ok := a.System.Entries(name)
	if !ok {
		return store.ErrNotFound
	}
	if err := c.heavy(len(entries) * entryOctets); err != nil {
		return err
	}
	c.Header().Set("Vary", "Accept")
	if wantsText(c.r) {
		return c.replyText(func() ([]byte, error) { return dict.FormatText(entries, a.System.Default()) })
	}
	var value []byte
	if err := c.lowered(func() (err error) { value, err = dict.FormatEntries(entries); return err }); err != nil {
		return err
	}
	return c.reply(answer{data: systemView{name, aaa.SystemConfig, value}})
}

// replyText answers with a dictionary as FreeRADIUS writes it.
func (c *call) replyText(format func() ([]byte, error)) error {
	var text []byte
	if err := c.lowered(func() (err error) { text, err = format(); return err }); err != nil {
		return err
	}
	c.send(http.StatusOK, textType, text)
	return nil
}

var textType = []string{"text/plain; charset=utf-8"}

// wantsText reports a client that likes text/plain better than JSON.
func wantsText(r *http.Request) bool { return accepted(r, formJSON, formText) == formText }
