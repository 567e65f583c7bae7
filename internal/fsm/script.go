package fsm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Bounds of a script.
const (
	MaxScript        = 1 << 20 // octets of its JSON
	MaxScriptEntries = 1000    // of each of its lists
	MaxPending       = 256     // that a request has pending at once
)

// Script is what a simulation has in place of servers, files and clocks.
type Script struct {
	Request string    `json:"request"` // the kind of request: AUTHEN, ACCT_START, …
	Answers []Answer  `json:"answers,omitempty"`
	Arrives []Arrival `json:"arrives,omitempty"`
}

// Answer is what an action answers the next time that a line takes it.
type Answer struct {
	Action string `json:"action"`
	Answer string `json:"answer"` // an event that the action may answer with, WAIT, or none
	// Entries is how many pending entries a WAIT leaves, 1 to MaxPending; 0 for as many as
	// the action leaves where no script tells: 2 where it asks all servers of a list at once, else 1.
	Entries int `json:"entries,omitempty"`
}

// Arrival is an event from outside, taken when the machine has nothing to do at once: the reply to
// a pending entry, or DUP, TIMEOUT, ABORT.
type Arrival struct {
	Action string `json:"action,omitempty"` // of the pending entry; none for DUP, TIMEOUT, ABORT
	State  string `json:"state,omitempty"`  // in which that was started; empty: the oldest entry of the action
	Event  string `json:"event"`
}

// ScriptError is a fault of a script.
type ScriptError struct {
	Path    string // answers.2.action; empty for the script as a whole
	Message string
}

// Error names the place and the fault.
func (e *ScriptError) Error() string {
	if e.Path == "" {
		return e.Message
	}
	return e.Path + ": " + e.Message
}

// ParseScript reads a script's JSON strictly: what is no member of a script is an error.
// Errors are *ScriptError.
func ParseScript(data []byte) (Script, error) {
	var s Script
	if len(data) > MaxScript {
		return s, &ScriptError{Message: fmt.Sprintf("the script is longer than %d octets", MaxScript)}
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	err := dec.Decode(&s)
	if err == nil {
		if _, more := dec.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows the object")
		}
	}
	if err != nil {
		return Script{}, &ScriptError{Message: "not a script in JSON: " + err.Error()}
	}
	return s, nil
}

// answerRead and arrivalRead are entries of a script with their names looked up.
type answerRead struct {
	action  int32
	event   Event
	entries int
	used    bool
}

type arrivalRead struct {
	action int32 // Any for what belongs to no action
	state  int32 // Any where the script names none
	event  Event
}

// outside are the events that belong to no pending entry.
var outside = []Event{DUP, TIMEOUT, ABORT}

// read looks up all names of the script, so that a fault is found wherever the walk goes.
func (s *Script) read(t *Table) (kind Event, answers []answerRead, arrives []arrivalRead, err error) {
	kind, ok := EventOf(s.Request)
	if !ok || !kind.Request() {
		return kind, nil, nil, &ScriptError{"request", fmt.Sprintf("%q is no kind of request such as AUTHEN, AUTHZ, ACCT, CUSTOM", s.Request)}
	}
	if len(s.Answers) > MaxScriptEntries {
		return kind, nil, nil, &ScriptError{"answers", fmt.Sprintf("has more than %d entries", MaxScriptEntries)}
	}
	if len(s.Arrives) > MaxScriptEntries {
		return kind, nil, nil, &ScriptError{"arrives", fmt.Sprintf("has more than %d entries", MaxScriptEntries)}
	}
	answers, arrives = make([]answerRead, 0, len(s.Answers)), make([]arrivalRead, 0, len(s.Arrives))
	for i := range s.Answers {
		a, err := s.Answers[i].read(t.actions, fmt.Sprintf("answers.%d", i))
		if err != nil {
			return kind, nil, nil, err
		}
		answers = append(answers, a)
	}
	for i := range s.Arrives {
		a, err := s.Arrives[i].read(t, fmt.Sprintf("arrives.%d", i))
		if err != nil {
			return kind, nil, nil, err
		}
		arrives = append(arrives, a)
	}
	return kind, answers, arrives, nil
}

func (a *Answer) read(actions *Actions, path string) (answerRead, error) {
	at, ok := actions.Find(a.Action)
	if !ok {
		return answerRead{}, &ScriptError{path + ".action", fmt.Sprintf("there is no action %q", a.Action)}
	}
	spec := actions.Spec(at)
	event, known := EventOf(a.Answer)
	if !known && a.Answer == None.String() {
		event, known = None, spec.Silent || spec.Ends
	} else if known {
		known = slices.Contains(spec.Answers, event) || slices.Contains(spec.Later, event) || event == WAIT && len(spec.Later) > 0
	}
	switch {
	case !known:
		return answerRead{}, &ScriptError{path + ".answer", fmt.Sprintf("%s never answers %q", spec.Name, a.Answer)}
	case a.Entries < 0 || a.Entries > MaxPending:
		return answerRead{}, &ScriptError{path + ".entries", fmt.Sprintf("must be 1 to %d", MaxPending)}
	case a.Entries != 0 && event != WAIT:
		return answerRead{}, &ScriptError{path + ".entries", "only WAIT leaves pending entries"}
	}
	return answerRead{action: int32(at), event: event, entries: a.Entries}, nil
}

func (a *Arrival) read(t *Table, path string) (arrivalRead, error) {
	r := arrivalRead{action: Any, state: Any}
	var known bool
	if r.event, known = EventOf(a.Event); !known {
		return r, &ScriptError{path + ".event", fmt.Sprintf("there is no event %q", a.Event)}
	}
	name := a.Action
	if name == "" && r.event == TIMER {
		name = actionTimer
	}
	if name == "" {
		if !slices.Contains(outside, r.event) {
			return r, &ScriptError{path + ".action", fmt.Sprintf("%s is the reply to an action: name it", r.event)}
		}
		if a.State != "" {
			return r, &ScriptError{path + ".state", fmt.Sprintf("%s belongs to the request, not to what a state has started", r.event)}
		}
		return r, nil
	}
	at, ok := t.actions.Find(name)
	if !ok {
		return r, &ScriptError{path + ".action", fmt.Sprintf("there is no action %q", name)}
	}
	if spec := t.actions.Spec(at); !slices.Contains(spec.Later, r.event) {
		return r, &ScriptError{path + ".event", fmt.Sprintf("no reply to %s is ever %s", spec.Name, r.event)}
	}
	r.action = int32(at)
	if a.State != "" {
		if r.state, ok = t.findState(a.State); !ok {
			return r, &ScriptError{path + ".state", fmt.Sprintf("the table has no state %q", a.State)}
		}
	}
	return r, nil
}
