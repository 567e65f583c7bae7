package fsm

import (
	"fmt"
	"strings"
)

// Check reads and compiles a table's text: ParseText and Compile, with the faults of both in one list.
func Check(text []byte, a *Actions) (t *Table, errors, warnings []Fault) {
	src, faults := ParseText(text)
	told := make(map[int]bool, len(faults))
	for _, f := range faults {
		told[f.Line] = true
	}
	c := compile(src, a, told)
	if len(faults) > 0 {
		c.table = nil
	}
	return c.table, bounded(append(faults, c.errors...)), bounded(c.warnings)
}

// Compile checks a table and makes it ready to run. t is nil where there are errors;
// all errors and warnings are told, up to MaxFaults of each, sorted by line. Faults of a Source that was JSON have
// the path instead of the line.
func Compile(s *Source, a *Actions) (t *Table, errors, warnings []Fault) {
	c := compile(s, a, nil)
	return c.table, bounded(c.errors), bounded(c.warnings)
}

// unknown stands in a compiled line for what could not be resolved, which has been told.
const unknown = -100

// compiler is the state of one compilation.
type compiler struct {
	src     *Source
	actions *Actions
	told    map[int]bool // lines with faults of syntax: what they lack has been told

	table     *Table
	states    map[string]int32 // by upper-case name; the first of two
	events    map[string]Event // declared, by upper-case name
	eventUsed []bool           // of the declared
	twice     map[int]bool     // states that have their name from an earlier one
	owner     []int32          // of each line of all: its state
	lines     []Line           // of all states, in order
	within    []int            // of each line of all: its place in its state

	errors, warnings []Fault
}

func compile(s *Source, a *Actions, told map[int]bool) *compiler {
	c := &compiler{src: s, actions: a, told: told}
	if len(s.States) == 0 {
		if told == nil {
			c.errors = append(c.errors, Fault{Rule: "required", Message: "the table has no state"})
		}
		return c
	}
	c.declare()
	c.nameStates()
	c.compileLines()
	c.checkFlow()
	if len(c.errors) == 0 {
		c.build()
	}
	return c
}

// place is where something of the Source stands.
type place struct {
	state, line int // line -1: the state itself
	member      string
}

func (c *compiler) at(p place) Fault {
	s := &c.src.States[p.state]
	no, path := s.Line, ""
	if p.line >= 0 {
		no = s.Lines[p.line].Line
	}
	if no == 0 {
		path = fmt.Sprintf("states.%d", p.state)
		if p.line >= 0 {
			path += fmt.Sprintf(".lines.%d", p.line)
		}
		if p.member != "" {
			path += "." + p.member
		}
	}
	return Fault{Line: no, Path: path}
}

func (c *compiler) fail(p place, rule, format string, args ...any) {
	f := c.at(p)
	f.Rule, f.Message = rule, fmt.Sprintf(format, args...)
	c.errors = append(c.errors, f)
}

func (c *compiler) warn(p place, rule, format string, args ...any) {
	f := c.at(p)
	f.Rule, f.Message = rule, fmt.Sprintf(format, args...)
	c.warnings = append(c.warnings, f)
}

// declare gives numbers to the events that the table declares.
func (c *compiler) declare() {
	c.events = make(map[string]Event, len(c.src.Events))
	c.eventUsed = make([]bool, len(c.src.Events))
	for i, d := range c.src.Events {
		f := Fault{Line: d.Line, Rule: "duplicate"}
		if d.Line == 0 {
			f.Path = placeOfEvent(i)
		}
		name := strings.ToUpper(d.Name)
		_, known := EventOf(name)
		_, twice := c.events[name]
		c.eventUsed[i] = known || twice
		switch {
		case known:
			f.Message = d.Name + " is an event already, without being declared"
			c.errors = append(c.errors, f)
		case twice:
			f.Message = d.Name + " is declared twice"
			c.errors = append(c.errors, f)
		default:
			c.events[name] = FirstDeclared + Event(i)
		}
	}
}

// nameStates gives the states their places.
func (c *compiler) nameStates() {
	c.states = make(map[string]int32, len(c.src.States))
	c.twice = make(map[int]bool)
	for i := range c.src.States {
		s := &c.src.States[i]
		here := place{i, -1, "name"}
		name := strings.ToUpper(s.Name)
		first, twice := c.states[name]
		switch {
		case s.Name == "":
			c.twice[i] = true
			if !c.told[s.Line] {
				c.fail(here, "required", "a state has a name")
			}
		case strings.EqualFold(name, wordEnd), strings.EqualFold(name, wordSame), name == wordAny:
			c.fail(here, "reserved", "no state can be called %s", s.Name)
		case twice:
			c.twice[i] = true
			c.fail(here, "duplicate", "the state %s is defined already%s", s.Name, c.onLine(int(first)))
		default:
			c.states[name] = int32(i)
		}
	}
}

// onLine says where a state is, for messages.
func (c *compiler) onLine(state int) string {
	if no := c.src.States[state].Line; no > 0 {
		return fmt.Sprintf(" on line %d", no)
	}
	return fmt.Sprintf(" as states.%d", state)
}

// build makes the Table: its lines in one piece of memory, its texts in another.
func (c *compiler) build() {
	t := &Table{actions: c.actions, states: make([]state, len(c.src.States))}
	keep := newKeeper(c.src)
	t.id = keep.text(c.src.ID)
	if len(c.src.Events) > 0 {
		t.declared = make([]string, len(c.src.Events))
	}
	for i := range c.src.Events {
		t.declared[i] = keep.text(c.src.Events[i].Name)
	}
	rest := c.lines
	for i := range t.states {
		n := len(c.src.States[i].Lines)
		t.states[i] = state{name: keep.text(c.src.States[i].Name), lines: rest[:n:n]}
		rest = rest[n:]
		for j := range t.states[i].lines {
			l := &t.states[i].lines[j]
			l.Xstring = keep.text(l.Xstring)
		}
	}
	t.findDup()
	c.table = t
}

// keeper copies texts out of a Source, whose own are pieces of the whole text and
// would keep it in memory. Equal ones are kept once, all in one piece.
type keeper struct {
	all  string
	from map[string]int
}

func newKeeper(s *Source) *keeper {
	k := &keeper{from: make(map[string]int, len(s.States))}
	var b strings.Builder
	add := func(text string) {
		if _, ok := k.from[text]; !ok {
			k.from[text] = b.Len()
			b.WriteString(text)
		}
	}
	add(s.ID)
	for i := range s.Events {
		add(s.Events[i].Name)
	}
	for i := range s.States {
		add(s.States[i].Name)
		for j := range s.States[i].Lines {
			add(s.States[i].Lines[j].Xstring)
		}
	}
	k.all = strings.Clone(b.String()) // without the builder's spare room
	return k
}

func (k *keeper) text(s string) string {
	at := k.from[s]
	return k.all[at : at+len(s)]
}

func placeOfEvent(i int) string { return fmt.Sprintf("events.%d.name", i) }
