package fsm

import (
	"slices"
	"strings"
)

// Places of states. Start is the first state of a table; End leaves the machine.
const (
	Start = 0
	End   = -1
	Any   = -2 // a line's * for the state or the action of an event
	Plus  = -3 // a line's or an event's action part that is a kind of request (+AUTHEN)
	Same  = -4 // the next state of the default table's line for DUP: stay. A table's own lines name their state
)

// Table is a compiled table. It is never changed.
type Table struct {
	actions  *Actions
	id       string // of %FSMID
	states   []state
	declared []string // events that the table declares
	heedsDup bool
}

type state struct {
	name  string
	lines []Line
}

// Line is a compiled line: on an event, an action and the next state. It is never changed.
type Line struct {
	From    int32 // the event's state, or Any
	By      int32 // the event's action, Any or Plus
	Event   Event
	Do      int32 // the action to take: its place in Actions
	Next    int32 // the next state, or End; Same in the default table alone
	No      int32 // the line's number in the text, from 1; 0 for one of the default table, and of a table made from JSON
	Xvalue  int32
	Xstring string
}

// Happening is an event as it reaches a state: which action, started in which
// state, answered what. A request's own arrival is By Plus, with its kind as Event.
type Happening struct {
	From  int32
	By    int32
	Event Event
}

// Next finds the line for an event in a state: the state's own lines in their order,
// then the default table's, which is asked by the event alone. nil: the event is ignored, as it is where
// at is no state (End). It allocates nothing.
func (t *Table) Next(at int32, h Happening) *Line {
	if at < 0 || int(at) >= len(t.states) {
		return nil
	}
	lines := t.states[at].lines
	for i := range lines {
		l := &lines[i]
		if l.Event == h.Event && (l.From == Any || l.From == h.From) &&
			(l.By == h.By || l.By == Any) {
			return l
		}
	}
	return t.actions.byDefault(h.Event)
}

// ID is the version that the table's %FSMID names.
func (t *Table) ID() string { return t.id }

// Actions is the set that the table was compiled with.
func (t *Table) Actions() *Actions { return t.actions }

// States is how many states there are, End not counted.
func (t *Table) States() int { return len(t.states) }

// StateName is the name of a state as the table writes it; End, Same and * for those places.
func (t *Table) StateName(at int32) string {
	switch {
	case at == End:
		return wordEnd
	case at == Same:
		return wordSame
	case at < 0 || int(at) >= len(t.states):
		return wordAny
	}
	return t.states[at].name
}

// EventName is the name of an event, of a declared one too.
func (t *Table) EventName(e Event) string {
	if i := int(e) - int(FirstDeclared); i >= 0 && i < len(t.declared) {
		return t.declared[i]
	}
	return e.String()
}

// EventOf finds an event by its name, a declared one too, without regard to case.
func (t *Table) EventOf(name string) (Event, bool) {
	if e, ok := EventOf(name); ok {
		return e, true
	}
	for i, d := range t.declared {
		if strings.EqualFold(d, name) {
			return FirstDeclared + Event(i), true
		}
	}
	return None, false
}

// HeedsDup reports whether a repetition of a request can change anything. In most tables it can't: the line for DUP, their own or that of
// the default table, does nothing and stays, and no line waits for the ACK of that.
func (t *Table) HeedsDup() bool { return t.heedsDup }

// findDup fills in heedsDup.
func (t *Table) findDup() {
	quiet := t.actions.onDup
	if quiet == nil {
		t.heedsDup = true
		return
	}
	for at := range t.states {
		for _, l := range t.states[at].lines {
			switch l.Event {
			case DUP:
				t.heedsDup = t.heedsDup || l.Do != quiet.Do || int(l.Next) != at
			case ACK:
				t.heedsDup = t.heedsDup || l.By == Any || l.By == quiet.Do
			}
		}
	}
}

// Takes reports whether the first state has a line for requests of a kind, or for the
// general kind that stands in for it.
func (t *Table) Takes(kind Event) bool {
	general := kind.General()
	for i := range t.states[Start].lines {
		l := &t.states[Start].lines[i]
		if l.By == Plus && (l.From == Any || l.From == Start) && (l.Event == kind || l.Event == general) {
			return true
		}
	}
	return false
}

// Xstrings returns the texts that lines give to an action, each once, sorted. Empty
// where the table has no line with that action and a text.
func (t *Table) Xstrings(action string) []string {
	at, ok := t.actions.Find(action)
	if !ok {
		return nil
	}
	var list []string
	for i := range t.states {
		for j := range t.states[i].lines {
			if l := &t.states[i].lines[j]; int(l.Do) == at && l.Xstring != "" {
				list = append(list, l.Xstring)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Describe writes an event that reached a state as a table would name it:
// Start.+AUTHEN.ACK, Wait.RADIUS.NAK. Events that no action answered, like DUP, have * for the action,
// and the state at where they have none of their own.
func (t *Table) Describe(at int32, h Happening) string {
	from := h.From
	if from == Any {
		from = at
	}
	switch {
	case h.By == Plus:
		return t.StateName(from) + ".+" + t.EventName(h.Event) + ".ACK"
	case h.By < 0 || int(h.By) >= t.actions.Len():
		return t.StateName(from) + ".*." + t.EventName(h.Event)
	}
	return t.StateName(from) + "." + t.actions.Spec(int(h.By)).Name + "." + t.EventName(h.Event)
}
