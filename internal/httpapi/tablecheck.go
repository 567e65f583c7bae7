package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"aaa-api/internal/aaa"
	"aaa-api/internal/document"
	"aaa-api/internal/fsm"
	"aaa-api/internal/store"
	"aaa-api/internal/web"
)

// sentTable is a table that came with a request.
type sentTable struct {
	name             string // empty where only the URL can tell
	text             string // as it is stored
	source           *fsm.Source
	errors, warnings []fsm.Fault
}

// sentTable reads and compiles the table of the body.
func (a *API) sentTable(c *web.Call) (*sentTable, error) {
	if c.IsText() {
		t := &sentTable{text: string(c.Body())}
		t.source, _ = fsm.ParseText(c.Body())
		_, t.errors, t.warnings = fsm.Check(c.Body(), a.Actions)
		return t, nil
	}
	data, err := c.Data()
	if err != nil {
		return nil, err
	}
	t := &sentTable{}
	form := make(map[string]any, len(data))
	for member, v := range data {
		switch {
		case member == "name":
			if t.name, err = nameMember(v); err != nil {
				return nil, err
			}
		case slices.Contains(asRead, member):
		default:
			form[member] = v
		}
	}
	text, err := json.Marshal(form)
	if err != nil {
		return nil, err
	}
	if t.source, t.errors = fsm.ParseJSON(text); len(t.errors) == 0 {
		_, t.errors, t.warnings = fsm.Compile(t.source, a.Actions)
	}
	t.text = string(t.source.Text())
	if limit := a.Limits.TextBody; int64(len(t.text)) > limit {
		t.errors = append(t.errors, fsm.Fault{Rule: "too_long", Message: fmt.Sprintf("as text the table has %d octets, at most %d are allowed", len(t.text), limit)})
	}
	return t, nil
}

// nameMember is the member name of an upload in JSON.
func nameMember(v any) (string, error) {
	name, ok := v.(string)
	if !ok || name == "" {
		return "", aaa.Invalid(aaa.Field{Path: "name", Rule: "type", Message: "must be a string with something in it", Target: "string"})
	}
	return name, nil
}

// tableCheck is what the check of a table finds.
type tableCheck struct {
	Valid    bool        `json:"valid"`
	Errors   []fsm.Fault `json:"errors"`
	Warnings []fsm.Fault `json:"warnings"`
	States   int         `json:"states"`
	Lines    int         `json:"lines"`
}

// checkTable tells all that is wrong with a table, and stores nothing.
func (a *API) checkTable(c *web.Call) error {
	if err := c.HeavyCheck(len(c.Body())); err != nil {
		return err
	}
	t, err := a.sentTable(c)
	if err != nil {
		return err
	}
	result := tableCheck{Valid: len(t.errors) == 0, Errors: []fsm.Fault{}, Warnings: []fsm.Fault{}}
	result.Errors = append(result.Errors, t.errors...)
	result.Warnings = append(result.Warnings, t.warnings...)
	result.States = len(t.source.States)
	for i := range t.source.States {
		result.Lines += len(t.source.States[i].Lines)
	}
	return c.Reply(web.Answer{Data: result})
}

// placeOf is where a fault of a table stands, as paths tell it.
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

// simulateTable takes a request through a table by a script: one of the account's tables,
// one that it inherits, or a built-in one.
func (a *API) simulateTable(c *web.Call) error {
	text, err := a.inheritedTable(c)
	if err != nil {
		return err
	}
	if err := c.HeavyCheck(len(text) + len(c.Body())); err != nil {
		return err
	}
	table, err := a.compiled(text)
	if err != nil {
		return err
	}
	data, err := json.Marshal(c.Sent())
	if err != nil {
		return err
	}
	script, err := fsm.ParseScript(data)
	if err != nil {
		return scriptError(err)
	}
	walk, err := fsm.Simulate(table, script)
	if err != nil {
		return scriptError(err)
	}
	return c.Reply(web.Answer{Data: walk})
}

// inheritedTable is the text of the table that a document of the account would mean by the
// name in the path: the account's own, that of the nearest account above it, or a built-in one.
func (a *API) inheritedTable(c *web.Call) (string, error) {
	name := c.Param("name")
	account, err := a.Tree.Account(c.Context(), c.Account())
	if err != nil {
		return "", err
	}
	for _, id := range slices.Backward(append(slices.Clone(account.Path), account.ID)) {
		if id != c.Account() { // its steps tell what is in the table: the token must be one that may read it
			if within, err := a.Tree.Within(c.Context(), c.Who().Account, id); err != nil || !within {
				return a.builtInTable(name, err)
			}
		}
		t, err := a.tableOf(c, id, name)
		if aaa.KindOf(err) != aaa.KindNotFound {
			return t.Body, err
		}
	}
	return a.builtInTable(name, nil)
}

// builtInTable is the text of a built-in table, unless err says why there is none to look for.
func (a *API) builtInTable(name string, err error) (string, error) {
	if err != nil {
		return "", err
	}
	if _, text, ok := builtIn(name); ok {
		return text, nil
	}
	return "", store.ErrNotFound
}

// scriptError tells a fault of a script as that of any other input.
func scriptError(err error) error {
	var fault *fsm.ScriptError
	if errors.As(err, &fault) {
		return aaa.Invalid(aaa.Field{Path: fault.Path, Rule: "script", Message: fault.Message})
	}
	return err
}
