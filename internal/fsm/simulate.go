package fsm

import (
	"fmt"
	"strings"
)

// maxWalk bounds the lines that a walk takes, as a request's are bounded.
const maxWalk = 1000

// The actions whose effect on the machine a simulation has to know; of all others their Specs tell enough.
const (
	actionKill    = "KILL"
	actionPending = "PENDING"
	actionReply   = "REPLY"
	actionTimer   = "TIMER"
)

// Walk is a request's way through a table.
type Walk struct {
	Steps   []Step `json:"steps"`
	Ended   bool   `json:"ended"`
	Waiting bool   `json:"waiting"` // something is pending, and the script has no more events
	State   string `json:"state"`   // the last one
	Result  string `json:"result"`  // what a REPLY would send: ACK, NAK, ERROR, ACC_CHAL, or empty
	Replies int    `json:"replies"` // 0 or 1: a second REPLY sends nothing
	Replied string `json:"replied,omitempty"`
	Why     string `json:"why"` // for people: why the walk goes no further
}

// Step is one event of a walk and what came of it.
type Step struct {
	N       int    `json:"n"`     // from 1
	State   string `json:"state"` // that the event reached
	Event   string `json:"event"`
	Line    *int32 `json:"line,omitempty"`   // its number in the table's text; 0 for the default table; nil: ignored
	Action  string `json:"action,omitempty"` // this and what follows are empty where the event was ignored
	Xvalue  int32  `json:"xvalue,omitempty"`
	Xstring string `json:"xstring,omitempty"`
	Next    string `json:"next,omitempty"`
	Answer  string `json:"answer,omitempty"`
	Pending int    `json:"pending"` // entries and timers after the step
	Note    string `json:"note,omitempty"`
}

// entry is a pending event: which action left it, started in which state.
type entry struct {
	from, by int32
	timer    bool
}

type simulation struct {
	table   *Table
	answers []answerRead
	arrives []arrivalRead
	taken   int // of arrives

	at      int32
	pending []entry
	lines   int
	over    bool // TIMEOUT or ABORT came: nothing is waited for any more
	result  Event
	walk    Walk
}

// Simulate takes a request through the table with what the script says in place of all that is
// outside. It uses no clock and starts nothing. An action that the script has no answer for leaves a
// pending entry where it can, and else answers the first that its Spec has. Faults of
// the script are *ScriptError.
func Simulate(t *Table, s Script) (Walk, error) {
	kind, answers, arrives, err := s.read(t)
	if err != nil {
		return Walk{}, err
	}
	m := &simulation{table: t, answers: answers, arrives: arrives, at: Start}
	m.walk.Steps = []Step{}
	h := Happening{From: Start, By: Plus, Event: kind}
	if general := kind.General(); general != None && t.Next(Start, h) == nil {
		h.Event = general
	}
	for {
		h = m.step(h)
		if m.walk.Why == "" && h.Event == None {
			if h, err = m.next(); err != nil {
				return Walk{}, err
			}
		}
		if m.walk.Why != "" {
			return m.done(), nil
		}
	}
}

// step takes the line for an event and returns the answer of its action as the next
// event; None where there is nothing to do at once.
func (m *simulation) step(h Happening) Happening {
	s := Step{N: len(m.walk.Steps) + 1, State: m.table.StateName(m.at), Event: m.table.Describe(m.at, h)}
	line := m.table.Next(m.at, h)
	if line == nil {
		if h.Event != WAIT { // most tables have no line for it
			s.Pending, s.Note = len(m.pending), "ignored"
			m.walk.Steps = append(m.walk.Steps, s)
		}
		return Happening{}
	}
	if m.lines++; m.lines > maxWalk {
		m.walk.Why = fmt.Sprintf("more than %d lines taken", maxWalk)
		return Happening{}
	}
	from := m.at
	if line.Next != Same {
		m.at = line.Next
	}
	spec := m.table.actions.Spec(int(line.Do))
	answer, note := m.act(spec, line, from)
	if !m.table.owns(from, line) {
		note = join(note, "default table")
	}
	m.decide(spec, answer)
	s.Line, s.Action, s.Xvalue, s.Xstring = new(line.No), spec.Name, line.Xvalue, line.Xstring
	s.Next, s.Answer, s.Pending, s.Note = m.table.StateName(m.at), m.table.EventName(answer), len(m.pending), note
	m.walk.Steps = append(m.walk.Steps, s)
	switch {
	case spec.Ends:
		m.walk.Why = spec.Name + " ends the request"
	case m.at == End:
		m.walk.Why = "End reached"
	}
	return Happening{From: from, By: line.Do, Event: answer}
}

// act is what the action does to the machine, and what it answers.
func (m *simulation) act(spec *Spec, line *Line, from int32) (answer Event, note string) {
	entries := 1
	switch {
	case spec.Silent || spec.Ends:
		answer = None
	case spec.Name == actionPending:
		if answer = NAK; m.exchanges() > 0 {
			answer = ACK
		}
	case len(spec.Later) > 0 && spec.Name != actionTimer:
		// Where the Xvalue has a meaning, it is to ask all at once.
		if answer = WAIT; spec.Xvalue != "" && line.Xvalue == 1 {
			entries = 2
		}
	case len(spec.Answers) > 0:
		answer = spec.Answers[0]
	}
	if a := m.scripted(line.Do); a != nil {
		if answer = a.event; a.entries > 0 {
			entries = a.entries
		}
	}
	switch spec.Name {
	case actionKill:
		m.pending = nil
	case actionReply:
		note = m.reply()
	case actionTimer:
		if answer == ACK && !m.leave(entry{from, line.Do, true}, 1) {
			note = "too late, or too many: no timer set"
		}
	}
	if answer == WAIT && !m.leave(entry{from, line.Do, false}, entries) {
		return ERROR, "too late, or too many pending"
	}
	return answer, note
}

// scripted is the first answer of the script for the action that was not used yet; nil without one.
func (m *simulation) scripted(action int32) *answerRead {
	for i := range m.answers {
		if a := &m.answers[i]; a.action == action && !a.used {
			a.used = true
			return a
		}
	}
	return nil
}

// leave adds pending entries. It refuses after the deadline, and where they are too many.
func (m *simulation) leave(e entry, n int) bool {
	if m.over || len(m.pending)+n > MaxPending {
		return false
	}
	for range n {
		m.pending = append(m.pending, e)
	}
	return true
}

func (m *simulation) exchanges() (n int) {
	for _, e := range m.pending {
		if !e.timer {
			n++
		}
	}
	return n
}

func (m *simulation) reply() (note string) {
	if m.walk.Replies > 0 {
		return "answered before: nothing sent"
	}
	m.walk.Replies, m.walk.Replied = 1, ERROR.String()
	if m.result != None {
		m.walk.Replied = m.result.String()
	}
	return ""
}

func (m *simulation) decide(spec *Spec, event Event) {
	if !spec.Decides {
		return
	}
	switch event {
	case ACK, NAK, ERROR, AccChal:
		m.result = event
	}
}

// next is the next event from outside. It sets Why where there is none.
func (m *simulation) next() (h Happening, err error) {
	if m.over {
		m.pending = nil
	}
	switch {
	case len(m.pending) == 0:
		m.walk.Why = "nothing is pending"
		return h, nil
	case m.taken == len(m.arrives):
		m.walk.Waiting, m.walk.Why = true, "the script has no more events"
		return h, nil
	}
	a := m.arrives[m.taken]
	m.taken++
	if a.action == Any {
		m.over = a.event != DUP
		return Happening{From: m.at, By: Any, Event: a.event}, nil
	}
	for i, e := range m.pending {
		if e.by == a.action && (a.state == Any || a.state == e.from) {
			m.pending = append(m.pending[:i], m.pending[i+1:]...)
			m.decide(m.table.actions.Spec(int(e.by)), a.event)
			return Happening{From: e.from, By: e.by, Event: a.event}, nil
		}
	}
	in := ""
	if a.state != Any {
		in = " that was started in " + m.table.StateName(a.state)
	}
	return h, &ScriptError{
		Path:    fmt.Sprintf("arrives.%d", m.taken-1),
		Message: fmt.Sprintf("no %s%s is pending in state %s", m.table.actions.Spec(int(a.action)).Name, in, m.table.StateName(m.at)),
	}
}

func (m *simulation) done() Walk {
	w := m.walk
	w.Ended, w.State = !w.Waiting, m.table.StateName(m.at)
	if m.result != None {
		w.Result = m.result.String()
	}
	if left := len(m.arrives) - m.taken; left > 0 {
		w.Why += fmt.Sprintf("; %d of the script's arrives came too late", left)
	}
	return w
}

// owns reports whether the line is one of the state's own.
func (t *Table) owns(at int32, line *Line) bool {
	lines := t.states[at].lines
	for i := range lines {
		if &lines[i] == line {
			return true
		}
	}
	return false
}

// findState finds a state by its name, without regard to case.
func (t *Table) findState(name string) (int32, bool) {
	for i := range t.states {
		if strings.EqualFold(t.states[i].name, name) {
			return int32(i), true
		}
	}
	return 0, false
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}
