package admin

import (
	"context"
	"encoding/json"
	"fmt"

	"aaa-api/internal/aaa"
	"aaa-api/internal/document"
	"aaa-api/internal/fsm"
	"aaa-api/internal/store"
)

// Tables are the state machine tables of accounts, and the built-in ones.
type Tables struct{ *base }

// TableForm is a form in which a table is read.
type TableForm uint8

// The forms.
const (
	TableMembers  TableForm = iota // its members
	TableText                      // as stored
	TableGraphviz                  // a drawing
	TableMermaid                   // a drawing
)

// Table is a table: its members in TableMembers, else its Text.
type Table struct {
	TextInfo
	ID       string       `json:"id,omitempty"`
	Events   []fsm.Named  `json:"events,omitempty"`
	States   []fsm.Origin `json:"states"`
	Comments []string     `json:"comments,omitempty"`

	Text     string             `json:"-"`
	Warnings []document.Warning `json:"-"` // of a write
}

func tableOf(info TextInfo, s *fsm.Source) Table {
	t := Table{TextInfo: info, ID: s.ID, Events: s.Events, States: s.States, Comments: s.Comments}
	if t.States == nil {
		t.States = []fsm.Origin{}
	}
	return t
}

// List returns a page of the account's own tables, by name.
func (s *Tables) List(ctx context.Context, account aaa.AccountID, p store.Page) ([]TextInfo, string, error) {
	return s.listTexts(ctx, account, store.TextFSM, p)
}

// BuiltIns returns the built-in tables.
func (s *Tables) BuiltIns() []TextInfo {
	var list []TextInfo
	for _, b := range fsm.BuiltIns() {
		list = append(list, TextInfo{Name: b.Name, Owner: aaa.SystemConfig, Title: b.Title})
	}
	return list
}

// builtIn finds a built-in table as if it were stored.
func builtIn(name string) (TextInfo, string, bool) {
	for _, b := range fsm.BuiltIns() {
		if b.Name == name {
			return TextInfo{Name: b.Name, Owner: aaa.SystemConfig, Title: b.Title}, b.Text, true
		}
	}
	return TextInfo{}, "", false
}

// own finds an account's own table.
func (s *Tables) own(ctx context.Context, account aaa.AccountID, name string) (store.Text, error) {
	if !textName.MatchString(name) {
		return store.Text{}, store.ErrNotFound
	}
	return orMemory(ctx, s.base, account, func(ctx context.Context) (store.Text, error) {
		return s.Store.Texts().Get(ctx, account, store.TextFSM, name)
	}, func() (store.Text, error) { return s.Tree.StoredTable(account, name) })
}

// Get returns one of the account's own tables or a built-in one, its TextInfo alone if its revision is among those that the caller
// knows.
func (s *Tables) Get(ctx context.Context, who *Caller, account aaa.AccountID, name string, form TableForm, known aaa.Revisions) (Table, error) {
	info, body, err := s.find(ctx, account, name)
	if err != nil {
		return Table{}, err
	}
	if info.Revision > 0 && known.Has(info.Revision) { // a built-in table changes with the service alone
		return Table{TextInfo: info}, nil
	}
	if err := who.heavy(len(body)); err != nil {
		return Table{}, err
	}
	switch form {
	case TableMembers:
		source, _ := fsm.ParseText([]byte(body)) // what could be read, if a later version reads less
		return tableOf(info, source), nil
	case TableText:
		return Table{TextInfo: info, Text: body}, nil
	}
	compiled, err := s.compiled(body)
	if err != nil {
		return Table{}, err
	}
	if form == TableMermaid {
		return Table{TextInfo: info, Text: compiled.Mermaid()}, nil
	}
	return Table{TextInfo: info, Text: compiled.Dot()}, nil
}

func (s *Tables) find(ctx context.Context, account aaa.AccountID, name string) (TextInfo, string, error) {
	t, err := s.own(ctx, account, name)
	if aaa.KindOf(err) == aaa.KindNotFound {
		if info, body, ok := builtIn(name); ok {
			return info, body, nil
		}
	}
	return infoOf(t), t.Body, noText(err, store.TextFSM, name)
}

// compiled is a stored table ready for use.
func (s *Tables) compiled(text string) (*fsm.Table, error) {
	t, faults, _ := fsm.Check([]byte(text), s.Actions)
	if t == nil {
		e := aaa.Errorf(aaa.KindConflict, "the stored table no longer compiles")
		e.Fields = faultFields(faults)
		return nil, e
	}
	return t, nil
}

// TableUpload is a table as a caller writes it: its text, or its members in JSON.
type TableUpload struct {
	Name    string
	Text    []byte
	Members json.RawMessage // instead of Text
}

// parsed is an upload that was read and compiled.
type parsed struct {
	text             string // as it is stored
	source           *fsm.Source
	errors, warnings []fsm.Fault
}

// parse reads and compiles an upload.
func (s *Tables) parse(u TableUpload) parsed {
	var p parsed
	if len(u.Members) == 0 {
		p.text = string(u.Text)
		p.source, _ = fsm.ParseText(u.Text)
		_, p.errors, p.warnings = fsm.Check(u.Text, s.Actions)
		return p
	}
	if p.source, p.errors = fsm.ParseJSON(u.Members); len(p.errors) == 0 {
		_, p.errors, p.warnings = fsm.Compile(p.source, s.Actions)
	}
	p.text = string(p.source.Text())
	if limit := s.Bounds.TextBody; int64(len(p.text)) > limit {
		p.errors = append(p.errors, fsm.Fault{Rule: "too_long", Message: fmt.Sprintf("as text the table has %d octets, at most %d are allowed", len(p.text), limit)})
	}
	return p
}

// writable refuses the names that no account can give to a table.
func writable(name string) error {
	if name == "check" {
		return aaa.Invalid(aaa.Field{Path: "name", Rule: "reserved", Message: "no table can be named check: the address stands for the check of tables", Value: name})
	}
	if _, ok := fsm.BuiltIn(name); ok {
		message := "the built-in table " + name + " cannot be changed, and no other table can have its name"
		return &aaa.Error{Kind: aaa.KindConflict, Message: message, Fields: []aaa.Field{{Path: "name", Rule: "built_in", Message: message}}}
	}
	return nil
}

// prepare makes of an upload what is stored. A table that does not compile is refused.
func (s *Tables) prepare(account aaa.AccountID, u TableUpload) (parsed, store.Text, error) {
	err := checkName(u.Name)
	if err == nil {
		err = writable(u.Name)
	}
	if err != nil {
		return parsed{}, store.Text{}, err
	}
	p := s.parse(u)
	if len(p.errors) > 0 {
		return p, store.Text{}, aaa.Invalid(faultFields(p.errors)...)
	}
	return p, store.Text{Account: account, Kind: store.TextFSM, Name: u.Name, Body: p.text}, nil
}

// written is the table that the store made of an upload.
func (p parsed) written(t store.Text) Table {
	made := tableOf(infoOf(t), p.source)
	made.Warnings = faultWarnings(p.warnings)
	return made
}

// Create stores a new table.
func (s *Tables) Create(ctx context.Context, who *Caller, account aaa.AccountID, u TableUpload) (Table, error) {
	p, t, err := s.prepare(account, u)
	if err != nil {
		return Table{}, err
	}
	got, err := s.createText(ctx, who, t)
	if err != nil {
		return Table{}, err
	}
	return p.written(got), nil
}

// Replace makes the next revision of a table.
func (s *Tables) Replace(ctx context.Context, who *Caller, account aaa.AccountID, u TableUpload, expected aaa.Revisions) (Table, error) {
	p, t, err := s.prepare(account, u)
	if err != nil {
		return Table{}, err
	}
	got, err := s.replaceText(ctx, who, t, expected, func(*store.Text, store.Text) error { return nil })
	if err != nil {
		return Table{}, err
	}
	return p.written(got), nil
}

// Delete deletes one of the account's own tables.
func (s *Tables) Delete(ctx context.Context, who *Caller, account aaa.AccountID, name string, expected aaa.Revisions) (TextInfo, error) {
	if err := writable(name); err != nil {
		return TextInfo{}, err
	}
	return s.deleteText(ctx, who, account, store.TextFSM, name, expected)
}
