package admin

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	"aaa-api/internal/aaa"
	"aaa-api/internal/document"
	"aaa-api/internal/fsm"
	"aaa-api/internal/store"
)

// TableCheck is what the check of a table finds.
type TableCheck struct {
	Valid    bool        `json:"valid"`
	Errors   []fsm.Fault `json:"errors"`
	Warnings []fsm.Fault `json:"warnings"`
	States   int         `json:"states"`
	Lines    int         `json:"lines"`
}

// Check returns all that is wrong with a table, and stores nothing.
func (s *Tables) Check(who *Caller, u TableUpload) (TableCheck, error) {
	if err := who.heavyCheck(len(u.Text) + len(u.Members)); err != nil {
		return TableCheck{}, err
	}
	p := s.parse(u)
	result := TableCheck{Valid: len(p.errors) == 0, Errors: []fsm.Fault{}, Warnings: []fsm.Fault{}}
	result.Errors = append(result.Errors, p.errors...)
	result.Warnings = append(result.Warnings, p.warnings...)
	result.States = len(p.source.States)
	for i := range p.source.States {
		result.Lines += len(p.source.States[i].Lines)
	}
	return result, nil
}

// placeOf is where a fault of a table is, as paths name it.
func placeOf(f fsm.Fault) string {
	switch {
	case f.Path != "":
		return f.Path
	case f.Line > 0:
		return "line " + strconv.Itoa(f.Line)
	}
	return "table"
}

func faultFields(list []fsm.Fault) []aaa.Field {
	fields := make([]aaa.Field, len(list))
	for i, f := range list {
		fields[i] = aaa.Field{Path: placeOf(f), Rule: f.Rule, Message: f.Message}
	}
	return fields
}

func faultWarnings(list []fsm.Fault) []document.Warning {
	warnings := make([]document.Warning, len(list))
	for i, f := range list {
		warnings[i] = document.Warning{Path: placeOf(f), Rule: f.Rule, Message: f.Message}
	}
	return warnings
}

// Simulate takes a request through a table by a script: one of the account's own tables,
// one that it inherits, or a built-in one.
func (s *Tables) Simulate(ctx context.Context, who *Caller, account aaa.AccountID, name string, script json.RawMessage) (fsm.Walk, error) {
	text, err := s.inherited(ctx, who, account, name)
	if err != nil {
		return fsm.Walk{}, missing(err, "neither the account nor one above it that the token reaches has a state machine table "+aaa.Quote(name)+", and none is built in")
	}
	if err := who.heavyCheck(len(text) + len(script)); err != nil {
		return fsm.Walk{}, err
	}
	table, err := s.compiled(text)
	if err != nil {
		return fsm.Walk{}, err
	}
	steps, err := fsm.ParseScript(script)
	if err != nil {
		return fsm.Walk{}, scriptError(err)
	}
	walk, err := fsm.Simulate(table, steps)
	return walk, scriptError(err)
}

// inherited is the text of the table that a document of the account means by name: the account's own table, that of the nearest account
// above it, or a built-in one.
func (s *Tables) inherited(ctx context.Context, who *Caller, account aaa.AccountID, name string) (string, error) {
	got, err := s.Tree.Account(ctx, account)
	if err != nil {
		return "", err
	}
	for _, id := range slices.Backward(append(slices.Clone(got.Path), got.ID)) {
		if id != account { // the steps show what is in the table: the caller must be one that may read it
			within, err := s.Tree.Within(ctx, who.Account, id)
			if err != nil {
				return "", err
			}
			if !within {
				break
			}
		}
		t, err := s.own(ctx, id, name)
		if aaa.KindOf(err) != aaa.KindNotFound {
			return t.Body, err
		}
	}
	if _, text, ok := builtIn(name); ok {
		return text, nil
	}
	return "", store.ErrNotFound
}

// scriptError makes a fault of a script that of any other input.
func scriptError(err error) error {
	var fault *fsm.ScriptError
	if errors.As(err, &fault) {
		return aaa.Invalid(aaa.Field{Path: fault.Path, Rule: "script", Message: fault.Message})
	}
	return err
}
