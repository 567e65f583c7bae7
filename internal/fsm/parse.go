package fsm

import (
	"fmt"
	"strings"
)

// ParseText reads a table's text. The faults are of syntax alone, sorted by line,
// at most MaxFaults; what Compile finds is apart. The Source is never nil and
// holds what could be read: of a line with a fault those fields that had none.
//
// The text may be with CRLF and begin with a byte order mark.
func ParseText(text []byte) (*Source, []Fault) {
	p := reader{src: new(Source)}
	if len(text) > MaxText {
		p.fault("too_long", "the text has %d octets, at most %d are allowed", len(text), MaxText)
		return p.src, p.faults
	}
	rest := strings.TrimPrefix(string(text), "\uFEFF")
	for len(rest) > 0 {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		p.no++
		p.line(strings.TrimSuffix(line, "\r"))
	}
	p.src.Comments = p.comments
	p.no++
	switch {
	case len(p.src.States) == 0 && !p.badState:
		p.fault("required", "the table has no state")
	case !p.ended:
		p.fault("syntax", "the table is not closed by End:")
	}
	return p.src, bounded(p.faults)
}

// reader is the state of reading a text line by line.
type reader struct {
	src      *Source
	faults   []Fault
	no       int      // of the current line, from 1
	lines    int      // handlers so far
	comments []string // since the last state, line or declaration
	ended    bool     // by End:
	named    bool     // by %FSMID
	badState bool     // a state's line could not be read
	full     bool     // the bound of states or lines has been told
}

func (p *reader) fault(rule, format string, args ...any) {
	p.faults = append(p.faults, Fault{Line: p.no, Rule: rule, Message: fmt.Sprintf(format, args...)})
}

// line reads one line, without its end.
func (p *reader) line(s string) {
	if what := hostile(s); what != "" {
		p.fault("syntax", "the line %s", what)
		if s[0] == ' ' || s[0] == '\t' {
			p.add(Handler{Line: p.no}) // so that its state is known to have one
		}
		return
	}
	s = strings.TrimRight(s, " \t")
	switch {
	case s == "":
	case s[0] == '#':
		p.comments = append(p.comments, strings.TrimPrefix(s[1:], " "))
	case s[0] == '%':
		p.directive(s)
	case p.ended:
		p.fault("syntax", "the table is closed by End: before this line")
	case s[0] == ' ' || s[0] == '\t':
		if s = strings.TrimLeft(s, " \t"); s[0] == '#' {
			p.fault("syntax", "the # of a comment stands in column one")
		} else {
			p.handler(s)
		}
	default:
		p.column1(s)
	}
}

// directive takes %FSMID and ignores what else begins with %.
func (p *reader) directive(s string) {
	word, id, _ := strings.Cut(strings.ReplaceAll(s, "\t", " "), " ")
	if !strings.EqualFold(word, "%FSMID") {
		return
	}
	if p.named {
		p.fault("duplicate", "%%FSMID is given twice")
	}
	p.named = true
	p.src.ID = cutID(id)
}

// cutID keeps the first MaxID characters of a version.
func cutID(id string) string {
	id = strings.Trim(id, " ")
	n := 0
	for i := range id {
		if n == MaxID {
			return strings.TrimRight(id[:i], " ")
		}
		n++
	}
	return id
}

// column1 reads a line that begins in column one: a state or the declaration of an event.
func (p *reader) column1(s string) {
	if name, ok := strings.CutSuffix(s, ":"); ok {
		p.state(strings.TrimRight(name, " \t"))
		return
	}
	word, name, _ := strings.Cut(strings.ReplaceAll(s, "\t", " "), " ")
	if strings.EqualFold(word, "event") && name != "" {
		p.declare(strings.Trim(name, " "))
		return
	}
	if isName(word) {
		p.badState = true
	}
	p.fault("syntax", "a state is a name and a colon alone, and its lines begin with white space")
}

func (p *reader) declare(name string) {
	comments := p.taken()
	switch {
	case !isName(name):
		p.fault("syntax", "%s can't name an event: a letter, then letters, digits, _ and -", show(name))
	case len(name) > MaxName:
		p.fault("too_long", "an event's name may have %d characters", MaxName)
	case len(p.src.Events) == MaxEvents:
		p.fault("too_many", "a table may declare %d events", MaxEvents)
	default:
		p.src.Events = append(p.src.Events, Named{Name: name, Comments: comments, Line: p.no})
	}
}

func (p *reader) state(name string) {
	if strings.EqualFold(name, wordEnd) {
		p.ended = true
		return
	}
	if !isName(name) {
		p.fault("syntax", "%s can't name a state: a letter, then letters, digits, _ and -", show(name))
		name = ""
	} else if len(name) > MaxName {
		p.fault("too_long", "a state's name may have %d characters", MaxName)
		name = ""
	}
	if len(p.src.States) == MaxStates {
		p.tooMany("a table may have %d states", MaxStates)
		return
	}
	// A state whose name could not be read has none, so that its lines are still checked.
	p.src.States = append(p.src.States, Origin{Name: name, Comments: p.taken(), Line: p.no})
}

// taken returns the comments so far and forgets them.
func (p *reader) taken() []string {
	c := p.comments
	p.comments = nil
	return c
}

// tooMany tells once of a bound that is passed: what follows is not kept.
func (p *reader) tooMany(format string, most int) {
	if !p.full {
		p.fault("too_many", format, most)
	}
	p.full = true
}

// handler reads a line of a state, without the white space before it.
func (p *reader) handler(s string) {
	h := Handler{Line: p.no, Comments: p.taken()}
	var triple, do, next string
	triple, s = field(s)
	do, s = field(s)
	next, s = field(s)
	if next == "" {
		p.fault("syntax", "a line is state.action.event, an action and the next state: too few fields")
	}
	h.State, h.Action, h.Event = p.triple(triple)
	h.Do = p.name(do, "an action", MaxActionName)
	h.Next = p.name(next, "the next state", MaxName)
	p.extras(&h, s)
	p.add(h)
}

// add puts a line into the last state.
func (p *reader) add(h Handler) {
	switch states := p.src.States; {
	case p.lines == MaxLines:
		p.tooMany("a table may have %d lines", MaxLines)
	case p.full:
	case len(states) > 0:
		at := &states[len(states)-1]
		at.Lines = append(at.Lines, h)
		p.lines++
	case !p.badState:
		p.fault("before_state", "the line stands before the first state")
	}
}

// field cuts the first field off, and the white space after it.
func field(s string) (first, rest string) {
	i := strings.IndexAny(s, " \t")
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimLeft(s[i:], " \t")
}

// triple reads the event of a line. Parts that it can't take come back empty, told.
func (p *reader) triple(s string) (state, action, event string) {
	state, rest, _ := strings.Cut(s, ".")
	action, event, ok := strings.Cut(rest, ".")
	if !ok || state == "" || action == "" || event == "" || strings.Contains(event, ".") {
		if s != "" {
			p.fault("syntax", "%s is not state.action.event", show(s))
		}
		return "", "", ""
	}
	if state != wordAny {
		state = p.name(state, "the event's state", MaxName)
	}
	if event != wordAny { // which Compile refuses, with a better word
		event = p.name(event, "the event", MaxName)
	}
	switch kind, plus := strings.CutPrefix(action, "+"); {
	case action == wordAny:
	case plus && kind == "":
		p.fault("syntax", "%s lacks the kind of request after the +", show(s))
		action = ""
	case plus && p.name(kind, "the kind of request", MaxName) == "":
		action = ""
	case !plus:
		action = p.name(action, "the event's action", MaxActionName)
	}
	return state, action, event
}

// name returns s, or nothing after it has told why it can't be a name.
func (p *reader) name(s, what string, most int) string {
	switch {
	case s == "": // told as a field that lacks
	case !isName(s):
		p.fault("syntax", "%s can't be %s: a letter, then letters, digits, _ and -", show(s), what)
		return ""
	case len(s) > most:
		p.fault("too_long", "%s, %s, has more than %d characters", what, show(s), most)
		return ""
	}
	return s
}
