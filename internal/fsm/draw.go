package fsm

import "strings"

// An arrow is all lines of a table that lead from one state to another.
type arrow struct {
	from, to int32 // to may be End
	labels   []string
}

// arrows are what a drawing of the table has, by state, and in one state by the order of
// the first line that leads there.
func (t *Table) arrows() []arrow {
	var all []arrow
	for at := range t.states {
		first := len(all)
		for i := range t.states[at].lines {
			l := &t.states[at].lines[i]
			to := l.Next
			if to == Same {
				to = int32(at)
			}
			k := first
			for k < len(all) && all[k].to != to {
				k++
			}
			if k == len(all) {
				all = append(all, arrow{from: int32(at), to: to})
			}
			all[k].labels = append(all[k].labels, t.lineLabel(l))
		}
	}
	return all
}

// lineLabel is a line as drawings show it: "*.RADIUS.RC1 → LOG (Xvalue=1 Xstring=silent)".
func (t *Table) lineLabel(l *Line) string {
	var b strings.Builder
	b.WriteString(t.StateName(l.From)) // * for any
	switch l.By {
	case Plus:
		b.WriteString(".+" + t.EventName(l.Event) + ".ACK")
	case Any:
		b.WriteString(".*." + t.EventName(l.Event))
	default:
		b.WriteString("." + t.actions.Spec(int(l.By)).Name + "." + t.EventName(l.Event))
	}
	b.WriteString(" → ")
	b.WriteString(t.actions.Spec(int(l.Do)).Name)
	if extras := extras(l.Xvalue, l.Xstring); extras != "" {
		b.WriteString(" (" + extras + ")")
	}
	return b.String()
}

// extras are the Xvalue and Xstring of a line that has them, as they are written in a table.
func extras(xvalue int32, xstring string) string {
	w := writer{aligned: true}
	h := Handler{Xstring: xstring}
	if xvalue != 0 {
		h.Xvalue = &xvalue
	}
	w.extras(&h)
	return w.b.String()
}

// Lines is how many lines all states have together.
func (t *Table) Lines() int {
	n := 0
	for i := range t.states {
		n += len(t.states[i].lines)
	}
	return n
}
