package fsm

// Places of states. Start is the first state of a table; End leaves the machine.
const (
	Start = 0
	End   = -1
	Any   = -2 // a line's * for the state or the action of an event
	Plus  = -3 // a line's or an event's action part that is a kind of request (+AUTHEN)
)

// Table is a compiled table. It is never changed.
type Table struct {
	actions  *Actions
	id       string // of %FSMID
	states   []state
	declared []string // events that the table declares
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
	Next    int32 // the next state, or End
	No      int32 // the line's number in the text, from 1; 0 for one of the default table
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
// then the default table's. nil: the event is ignored. It allocates nothing.
func (t *Table) Next(at int32, h Happening) *Line {
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

// byDefault is the default table: asked by event alone where a state has no line of its own.
func (a *Actions) byDefault(Event) *Line { return nil }
