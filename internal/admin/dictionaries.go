package admin

import (
	"context"
	"encoding/json"
	"runtime"
	"slices"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
	"aaa-api/internal/document"
	"aaa-api/internal/schema"
	"aaa-api/internal/store"
)

// Dictionaries are the dictionaries of accounts, and those that the service ships.
type Dictionaries struct{ *base }

// Dictionary is an account's dictionary. Lists leave Value out.
type Dictionary struct {
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Owner     aaa.AccountID   `json:"owner"`
	Value     json.RawMessage `json:"value,omitempty"`
	CreatedAt time.Time       `json:"created_at"`
	UpdatedAt time.Time       `json:"updated_at"`

	Revision int64              `json:"-"`
	Text     []byte             `json:"-"` // as FreeRADIUS writes it, instead of Value
	Warnings []document.Warning `json:"-"` // of a write
}

func dictionaryOf(d store.Dictionary) Dictionary {
	return Dictionary{
		ID: d.ID, Name: d.Name, Owner: d.Account, Value: d.Body,
		CreatedAt: d.CreatedAt.UTC(), UpdatedAt: d.UpdatedAt.UTC(), Revision: d.Revision,
	}
}

// List returns a page of the account's own dictionaries, by name.
func (s *Dictionaries) List(ctx context.Context, account aaa.AccountID, p store.Page) ([]Dictionary, string, error) {
	rows, next, err := listOrMemory(ctx, s.base, account, p, func(ctx context.Context) ([]store.Dictionary, string, error) {
		return s.Store.Dictionaries().List(ctx, account, p)
	}, func() ([]store.Dictionary, error) { return s.Tree.Dictionaries(account) }, func(d store.Dictionary) string { return d.Name })
	return views(rows, next, missing(err, noAccount.Message), func(d store.Dictionary) Dictionary {
		d.Body = nil
		return dictionaryOf(d)
	})
}

// Get returns one of the account's dictionaries by id or by name, as FreeRADIUS writes it if asText is true, and
// without its entries if its revision is among those that the caller knows.
func (s *Dictionaries) Get(ctx context.Context, who *Caller, account aaa.AccountID, key string, asText bool, known aaa.Revisions) (Dictionary, error) {
	d, err := orMemory(ctx, s.base, account, func(ctx context.Context) (store.Dictionary, error) {
		return s.find(ctx, account, key)
	}, func() (store.Dictionary, error) { return s.Tree.Dictionary(account, key) })
	if err != nil {
		return Dictionary{}, noDictionary(err, key)
	}
	got := dictionaryOf(d)
	if known.Has(d.Revision) {
		got.Value = nil
		return got, nil
	}
	if err := who.heavy(len(d.Body)); err != nil || !asText {
		return got, err
	}
	got.Value = nil
	entries, err := dict.ParseJSON(d.Body)
	if err != nil {
		return Dictionary{}, err
	}
	visible, err := orMemory(ctx, s.base, account, func(ctx context.Context) (*dict.Set, error) { return s.Tree.Visible(ctx, account) }, func() (*dict.Set, error) {
		return s.Tree.WarmVisible(account)
	})
	if err != nil {
		return Dictionary{}, err
	}
	got.Text, err = dict.FormatUpload(entries, visible, s.System.Default())
	return got, err
}

// noDictionary gives the store's errors about a dictionary that is to be there their message.
func noDictionary(err error, key string) error {
	return missing(err, "the account has no dictionary "+aaa.Quote(key))
}

// find reads one of the account's dictionaries by id or by name.
func (s *Dictionaries) find(ctx context.Context, account aaa.AccountID, key string) (store.Dictionary, error) {
	if aaa.IsID(key) {
		d, err := s.Store.Dictionaries().Get(ctx, account, key)
		if aaa.KindOf(err) != aaa.KindNotFound {
			return d, err
		}
	}
	if key == "" || len(key) > dict.MaxName {
		return store.Dictionary{}, store.ErrNotFound
	}
	return s.Store.Dictionaries().ByName(ctx, account, key)
}

// findOwn is find for a write.
func (s *Dictionaries) findOwn(ctx context.Context, account aaa.AccountID, key string) (store.Dictionary, error) {
	d, err := s.find(ctx, account, key)
	if aaa.KindOf(err) == aaa.KindNotFound && slices.Contains(s.System.Names(), key) {
		return d, errSystemDictionary
	}
	return d, err
}

var errSystemDictionary = &aaa.Error{Kind: aaa.KindForbidden, Message: "a system dictionary cannot be changed"}

// DictionaryUpload is a dictionary as a caller writes it: its entries in JSON, or as FreeRADIUS writes them.
type DictionaryUpload struct {
	Name  string // empty: that of the dictionary that it replaces
	Value json.RawMessage
	Text  []byte // instead of Value
}

// Create stores a new dictionary.
func (s *Dictionaries) Create(ctx context.Context, who *Caller, account aaa.AccountID, u DictionaryUpload) (Dictionary, error) {
	d, compiled, warnings, err := s.compile(ctx, account, u, "")
	if err != nil {
		return Dictionary{}, err
	}
	defer runtime.KeepAlive(compiled) // until the change is in use, which takes it over
	d.ID = aaa.NewID()
	got, err := s.Store.Dictionaries().Create(ctx, d)
	if err != nil {
		return Dictionary{}, made(err, "the account has a dictionary "+aaa.Quote(d.Name)+" already")
	}
	s.sync(ctx, who, account)
	if slices.Contains(s.System.Names(), d.Name) {
		warnings = append(warnings, document.Warning{Path: "name", Rule: "shadows", Message: "it takes the place of the system dictionary of this name in the documents of the account and of those below"})
	}
	v := dictionaryOf(got)
	v.Warnings = warnings
	return v, nil
}

// Replace makes the next revision of the dictionary that key names by id or by name.
func (s *Dictionaries) Replace(ctx context.Context, who *Caller, account aaa.AccountID, key string, u DictionaryUpload, expected aaa.Revisions) (v Dictionary, err error) {
	var compiled *dict.Compiled
	err = s.change(ctx, who, account, expected, func() error {
		old, err := s.findOwn(ctx, account, key)
		if err != nil {
			return err
		}
		if _, err := matching(expected, old.Revision); err != nil {
			return err
		}
		var next store.Dictionary
		var warnings []document.Warning
		if next, compiled, warnings, err = s.compile(ctx, account, u, old.Name); err != nil {
			return err
		}
		next.ID = old.ID
		got, err := s.Store.Dictionaries().Replace(ctx, next, old.Revision)
		v = dictionaryOf(got)
		v.Warnings = warnings
		return err
	})
	runtime.KeepAlive(compiled) // as for a new one
	return v, noDictionary(err, key)
}

// Delete deletes one of the account's dictionaries by id or by name.
func (s *Dictionaries) Delete(ctx context.Context, who *Caller, account aaa.AccountID, key string, expected aaa.Revisions) (Dictionary, error) {
	old, err := s.findOwn(ctx, account, key)
	if err != nil {
		return Dictionary{}, noDictionary(err, key)
	}
	revision, err := matching(expected, old.Revision)
	if err != nil {
		return Dictionary{}, err
	}
	if err := s.Store.Dictionaries().Delete(ctx, account, old.ID, revision); err != nil {
		return Dictionary{}, noDictionary(err, key)
	}
	s.sync(ctx, who, account)
	old.Body = nil
	return dictionaryOf(old), nil
}

// compile makes of an upload what is stored, in place of the dictionary called old; empty if there is none. A dictionary
// that does not compile is refused. Warnings name a text's lines that are taken and may be meant otherwise.
func (s *Dictionaries) compile(ctx context.Context, account aaa.AccountID, u DictionaryUpload, old string) (d store.Dictionary, compiled *dict.Compiled, warnings []document.Warning, err error) {
	d.Account, d.Name = account, u.Name
	if d.Name == "" {
		d.Name = old
	}
	if faults := schema.Validate(schema.Dictionary, map[string]any{"name": d.Name, "value": []any{}}); len(faults) > 0 {
		return d, nil, nil, aaa.Invalid(faults...)
	}
	visible, err := s.Tree.Visible(ctx, account)
	if err != nil {
		return d, nil, nil, err
	}
	// Names stand for what is there once the upload has taken its predecessor's place.
	others := visible.Without(d.Name, old).Join(s.System.Default())
	var entries []dict.Entry
	if len(u.Value) == 0 {
		var notes []aaa.Field
		entries, notes, err = dict.ParseUpload(u.Text, others, s.System.Default())
		for _, f := range notes {
			warnings = append(warnings, document.Warning{Path: f.Path, Rule: f.Rule, Message: f.Message})
		}
	} else if entries, err = dict.ParseJSON(u.Value); err == nil {
		entries = dict.ResolveUpload(entries, others, s.System.Default())
	}
	if err != nil {
		return d, nil, nil, err
	}
	if compiled, err = dict.CompileUpload(d.Name, old, entries, visible, s.System.Default()); err != nil {
		return d, nil, nil, err
	}
	if d.Body, err = dict.FormatEntries(entries); err != nil {
		return d, nil, nil, err
	}
	return d, s.Tree.Uploaded(d, compiled), warnings, nil
}

// SystemDictionary is a dictionary that the service ships. Lists leave Value out.
type SystemDictionary struct {
	Name  string          `json:"name"`
	Owner aaa.AccountID   `json:"owner"`
	Value json.RawMessage `json:"value,omitempty"`

	Text []byte `json:"-"` // as FreeRADIUS writes it, instead of Value
}

// ListSystem returns the system dictionaries, by name.
func (s *Dictionaries) ListSystem() []SystemDictionary {
	var list []SystemDictionary
	for _, name := range slices.Sorted(slices.Values(s.System.Names())) {
		list = append(list, SystemDictionary{Name: name, Owner: aaa.SystemConfig})
	}
	return list
}

// entryOctets is about the length of an entry of a dictionary.
const entryOctets = 100

// GetSystem returns a system dictionary, as FreeRADIUS writes it if asText is true.
func (s *Dictionaries) GetSystem(who *Caller, name string, asText bool) (SystemDictionary, error) {
	d := SystemDictionary{Name: name, Owner: aaa.SystemConfig}
	entries, ok := s.System.Entries(name)
	if !ok {
		return d, &aaa.Error{Kind: aaa.KindNotFound, Message: "there is no system dictionary " + aaa.Quote(name)}
	}
	err := who.heavy(len(entries) * entryOctets)
	switch {
	case err != nil:
	case asText:
		d.Text, err = dict.FormatText(entries, s.System.Default())
	default:
		d.Value, err = dict.FormatEntries(entries)
	}
	return d, err
}
