package fsm

import (
	"fmt"
	"slices"
	"strings"
)

// MaxActionName bounds an action's name, in characters.
const MaxActionName = 32

// Spec is what the language needs to know of an action (an AATV of the Merit server).
type Spec struct {
	Name string // upper case
	Does string // one line for people
	// Answers are the events that it may answer at once; empty where it always answers
	// with None or WAIT.
	Answers []Event
	// Later are the events that may arrive from outside after it answered WAIT; empty
	// where it never waits.
	Later []Event
	// Decides: an answer of ACK, NAK, ERROR or ACC_CHAL becomes the request's result,
	// which REPLY then sends.
	Decides bool
	// Silent: it may answer None, after which the machine waits for an event from outside.
	Silent bool
	// Ends: the machine leaves the request after it, whatever the next state.
	Ends bool
	// Xvalue and Xstring say what the extras mean; empty where they are not used.
	Xvalue, Xstring string
	// NeedsXstring: a line without Xstring is an error.
	NeedsXstring bool
	// Gone says why the action is refused when a table is read; empty for one that works.
	Gone string
}

// Actions is a set of Specs. The place of an action in it is what compiled tables hold.
type Actions struct {
	specs  []Spec
	byName map[string]int
	// What the default table does, asked by the event alone.
	onDup, onFatal, onTimeout, onAbort *Line
}

// NewActions makes the set, in the order given. Names that clash, are too long, not upper case or
// that no table could write panic.
//
// The default table is made of NULL, LOG and TIMEOUT; where the set lacks one of them, so does the default table.
func NewActions(specs ...Spec) *Actions {
	a := &Actions{specs: slices.Clone(specs), byName: make(map[string]int, len(specs))}
	for i, s := range specs {
		if _, taken := a.byName[s.Name]; taken || !isName(s.Name) || len(s.Name) > MaxActionName || s.Name != strings.ToUpper(s.Name) {
			panic(fmt.Sprintf("action name %q clashes, is no name, too long or not upper case", s.Name))
		}
		a.byName[s.Name] = i
	}
	a.onDup = a.byItself(DUP, "NULL", Same)
	a.onFatal = a.byItself(FATAL, "LOG", End)
	a.onTimeout = a.byItself(TIMEOUT, "TIMEOUT", End)
	a.onAbort = a.byItself(ABORT, "NULL", End)
	return a
}

// byItself makes a line of the default table, nil where the set lacks its action.
func (a *Actions) byItself(e Event, do string, next int32) *Line {
	at, ok := a.byName[do]
	if !ok {
		return nil
	}
	return &Line{From: Any, By: Any, Event: e, Do: int32(at), Next: next}
}

// byDefault is the default table: what to do with an event for which a state has no line of its own.
func (a *Actions) byDefault(e Event) *Line {
	switch e {
	case DUP:
		return a.onDup
	case FATAL:
		return a.onFatal
	case TIMEOUT:
		return a.onTimeout
	case ABORT:
		return a.onAbort
	}
	return nil
}

// Find returns the place of an action by name, without regard to case.
func (a *Actions) Find(name string) (at int, ok bool) {
	at, ok = a.byName[strings.ToUpper(name)]
	return at, ok
}

// Spec returns the action at a place.
func (a *Actions) Spec(at int) *Spec { return &a.specs[at] }

// Len is how many actions there are.
func (a *Actions) Len() int { return len(a.specs) }
