package fsm

import (
	"slices"
	"strings"
)

// compileLines resolves every line of every state. What can't be resolved is told and left unknown.
func (c *compiler) compileLines() {
	total := 0
	for i := range c.src.States {
		total += len(c.src.States[i].Lines)
	}
	c.lines = make([]Line, 0, total)
	c.owner = make([]int32, 0, total)
	c.within = make([]int, 0, total)
	for i := range c.src.States {
		for j := range c.src.States[i].Lines {
			c.lines = append(c.lines, c.line(i, j))
			c.owner = append(c.owner, int32(i))
			c.within = append(c.within, j)
		}
	}
	for i, d := range c.src.Events {
		if !c.eventUsed[i] {
			f := Fault{Line: d.Line, Rule: "unused", Message: "no line has the event " + d.Name}
			if d.Line == 0 {
				f.Path = placeOfEvent(i)
			}
			c.warnings = append(c.warnings, f)
		}
	}
}

func (c *compiler) line(state, line int) Line {
	h := &c.src.States[state].Lines[line]
	l := Line{No: int32(h.Line), Xstring: h.Xstring}
	at := func(member string) place { return place{state, line, member} }
	if h.Xvalue != nil {
		l.Xvalue = *h.Xvalue
	}
	l.From = c.from(h, at("state"))
	l.By, l.Event = c.answer(h, at("action"), at("event"))
	if l.By == Plus && l.Event != None && state != Start {
		c.warn(at("action"), "never", "requests arrive in the first state alone, never in this one")
	}
	l.Do = c.action(h.Do, h, at("do"))
	l.Next = c.next(h, int32(state), at("next"))
	if l.Do >= 0 {
		c.checkExtras(h, c.actions.Spec(int(l.Do)), at)
	}
	return l
}

// lacks tells of a field that is empty, unless the reader of the text has.
func (c *compiler) lacks(h *Handler, p place) {
	if !c.told[h.Line] {
		c.fail(p, "required", "the line lacks its %s", p.member)
	}
}

// from resolves the state of a line's event.
func (c *compiler) from(h *Handler, p place) int32 {
	switch at, ok := c.states[strings.ToUpper(h.State)]; {
	case h.State == "":
		c.lacks(h, p)
	case h.State == wordAny:
		return Any
	case ok:
		return at
	case strings.EqualFold(h.State, wordSame):
		c.fail(p, "undefined", "Same can only be the next state: the event's state is one of the table's or *")
	case strings.EqualFold(h.State, wordEnd):
		c.fail(p, "undefined", "no action is started in End")
	default:
		c.fail(p, "undefined", "the event's state %s is not defined", h.State)
	}
	return unknown
}

// next resolves the next state of a line of the state at here.
func (c *compiler) next(h *Handler, here int32, p place) int32 {
	switch at, ok := c.states[strings.ToUpper(h.Next)]; {
	case h.Next == "":
		c.lacks(h, p)
	case strings.EqualFold(h.Next, wordSame):
		return here
	case strings.EqualFold(h.Next, wordEnd):
		return End
	case ok:
		return at
	default:
		c.fail(p, "undefined", "the next state %s is not defined", h.Next)
	}
	return unknown
}

// action resolves an action that works.
func (c *compiler) action(name string, h *Handler, p place) int32 {
	at, ok := c.actions.Find(name)
	switch {
	case name == "":
		c.lacks(h, p)
		return unknown
	case !ok:
		c.fail(p, "unknown_action", "there is no action %s", show(name))
		return unknown
	}
	if gone := c.actions.Spec(at).Gone; gone != "" {
		c.fail(p, "gone", "%s: %s", c.actions.Spec(at).Name, gone)
		return unknown
	}
	return int32(at)
}

// event finds an event by name: one that all tables have or one that this declares. None where there is none.
func (c *compiler) event(name string) Event {
	if e, ok := EventOf(name); ok {
		return e
	}
	e, ok := c.events[strings.ToUpper(name)]
	if ok {
		c.eventUsed[e-FirstDeclared] = true
	}
	return e
}

// answer resolves the action and the event of a line's event, which are one where a request arrives.
func (c *compiler) answer(h *Handler, action, event place) (by int32, e Event) {
	if h.Event == "" || h.Action == "" {
		if h.Action == "" {
			c.lacks(h, action)
		} else {
			c.lacks(h, event)
		}
		return unknown, None
	}
	if kind, plus := strings.CutPrefix(h.Action, "+"); plus {
		return Plus, c.arrival(kind, h, action, event)
	}
	e = c.event(h.Event)
	switch {
	case h.Event == wordAny:
		c.fail(event, "unknown_event", "* stands for any state or any action, not for any event: name one")
	case e == None:
		c.fail(event, "unknown_event", "there is no event %s: declare it with event %s, or correct it", h.Event, h.Event)
	}
	if h.Action == wordAny {
		switch {
		case e.Request():
			return Plus, e // the short form *.*.AUTHEN
		case e >= FirstDeclared:
			c.warn(event, "never", "nothing raises the event %s", h.Event)
		}
		return Any, e
	}
	by = c.action(h.Action, h, action)
	if by >= 0 && e != None {
		if spec := c.actions.Spec(int(by)); !spec.raises(e) {
			c.warn(event, "never", "%s never answers %s", spec.Name, h.Event)
		}
	}
	return by, e
}

// arrival resolves +KIND.ACK.
func (c *compiler) arrival(kind string, h *Handler, action, event place) Event {
	if !strings.EqualFold(h.Event, "ACK") {
		c.fail(event, "syntax", "a request arrives as +%s.ACK, not as %s", kind, h.Event)
		return None
	}
	e := c.event(kind)
	switch {
	case e == None:
		c.fail(action, "unknown_event", "there is no kind of request %s", h.Action)
	case !e.Request():
		c.warn(action, "never", "%s is no kind of request: nothing raises it", h.Action)
	}
	return e
}

// raises reports whether an event may come of the action, at once or later.
func (s *Spec) raises(e Event) bool {
	return slices.Contains(s.Answers, e) || slices.Contains(s.Later, e) || e == WAIT && len(s.Later) > 0
}

func (c *compiler) checkExtras(h *Handler, spec *Spec, at func(string) place) {
	if h.Xvalue != nil && spec.Xvalue == "" {
		c.warn(at("xvalue"), "unused", "%s takes no Xvalue", spec.Name)
	}
	switch {
	case h.Xstring != "" && spec.Xstring == "":
		c.warn(at("xstring"), "unused", "%s takes no Xstring", spec.Name)
	case h.Xstring == "" && spec.NeedsXstring && !c.told[h.Line]:
		c.fail(at("xstring"), "required", "%s needs an Xstring: %s", spec.Name, spec.Xstring)
	}
}
