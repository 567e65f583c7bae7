package router

import (
	"fmt"

	"aaa-api/internal/fsm"
)

// Action is what a line of a table does: an AATV of the Merit server. It has no state of a
// request: that is in the Machine, whose methods are all that an action can do to one.
type Action interface {
	// Spec tells the language of tables about it.
	Spec() fsm.Spec
	// Run takes the action for a request and answers with an event: one of the Spec's
	// Answers, WAIT where something is pending now, None to wait for whatever comes.
	Run(m *Machine, line *fsm.Line) fsm.Event
}

// Actions is the set of actions of a service. It is filled once at start.
type Actions struct {
	list  []Action
	specs *fsm.Actions
}

// NewActions registers the actions given; names that clash panic.
func NewActions(list ...Action) *Actions {
	specs := make([]fsm.Spec, len(list))
	for i, a := range list {
		specs[i] = a.Spec()
	}
	return &Actions{list: list, specs: fsm.NewActions(specs...)}
}

// Specs is the set as tables are compiled against it.
func (a *Actions) Specs() *fsm.Actions { return a.specs }

// builtIn compiles a shipped table.
func (a *Actions) builtIn(name string) (*fsm.Table, error) {
	text, ok := fsm.BuiltIn(name)
	if !ok {
		return nil, fmt.Errorf("no built-in table %s", name)
	}
	table, faults, _ := fsm.Check([]byte(text), a.specs)
	if len(faults) > 0 {
		return nil, fmt.Errorf("built-in table %s, line %d: %s", name, faults[0].Line, faults[0].Message)
	}
	return table, nil
}
