package fsm

// Bounds of a table.
const (
	MaxText    = 1 << 20 // octets of a table's text
	MaxStates  = 4096
	MaxEvents  = 1024  // that a table declares
	MaxLines   = 65536 // of all states together
	MaxName    = 64    // characters of a state's or a declared event's name
	MaxXstring = 253   // octets
	MaxID      = 20    // characters of %FSMID that are kept
	MaxFaults  = 200   // that one answer tells of
)

// Source is a table as written. Text, JSON and back lose nothing but the spacing:
// names keep their case, comments their places.
type Source struct {
	ID       string   `json:"id,omitempty"`       // of %FSMID
	Events   []Named  `json:"events,omitempty"`   // declared by the table
	States   []Origin `json:"states"`             // the first is where a request begins
	Comments []string `json:"comments,omitempty"` // after the last line
}

// Named is a declared event.
type Named struct {
	Name     string   `json:"name"`
	Comments []string `json:"comments,omitempty"` // the lines before it, each without its #
	Line     int      `json:"-"`
}

// Origin is a state as written.
type Origin struct {
	Name     string    `json:"name"`
	Lines    []Handler `json:"lines,omitempty"`
	Comments []string  `json:"comments,omitempty"`
	Line     int       `json:"-"` // where it stands in the text, from 1; 0 in JSON
}

// Handler is a line as written.
type Handler struct {
	State    string   `json:"state"`  // of the event: a name or *
	Action   string   `json:"action"` // of the event: a name, * or +KIND
	Event    string   `json:"event"`
	Do       string   `json:"do"`   // the action to take
	Next     string   `json:"next"` // a state's name, Same or End
	Xvalue   *int32   `json:"xvalue,omitempty"`
	Xstring  string   `json:"xstring,omitempty"`
	Comments []string `json:"comments,omitempty"`
	Line     int      `json:"-"`
}

// Fault is an error or a warning about a table.
//
// Errors of reading have the rules syntax, too_long, too_many, duplicate, required, before_state and
// reserved, and for JSON those of package schema too. Errors of compiling: undefined (a state), unknown_action,
// gone (an action that works no more), unknown_event, duplicate, required, reserved, syntax, unreferenced (a state
// that no line goes to), no_end (one that can't reach End), cycle (of lines, that no event from outside
// breaks). Warnings: unreachable (a state), shadowed (a line, by an earlier one), never (an event that does not
// come) and unused (an extra or a declared event). The rule more ends a list that was cut.
type Fault struct {
	Line    int    `json:"line,omitempty"` // of the text, from 1; 0 for JSON and for the table as a whole
	Path    string `json:"path,omitempty"` // of JSON: states.0.lines.2.do
	Rule    string `json:"rule"`
	Message string `json:"message"`
}
