package fsm

import (
	"strconv"
	"strings"
)

// widest is up to where columns are aligned, in characters: one long name does not push
// all others away.
const widest = 40

// Text writes the table: version, declared events, states with their lines in aligned columns, End,
// and the last comments. ParseText gives the same Source again. A table that would be larger than MaxText that
// way is written without alignment, which is never longer than the text it was read from.
func (s *Source) Text() []byte {
	w := writer{aligned: true}
	for i := range s.States {
		for j := range s.States[i].Lines {
			h := &s.States[i].Lines[j]
			w.triple = min(max(w.triple, len(h.State)+len(h.Action)+len(h.Event)+2), widest)
			w.do = min(max(w.do, len(h.Do)), widest)
			w.next = min(max(w.next, len(h.Next)), widest)
		}
	}
	if w.source(s); w.b.Len() > MaxText {
		w = writer{}
		w.source(s)
	}
	return []byte(w.b.String())
}

// writer writes a Source.
type writer struct {
	b                strings.Builder
	aligned          bool
	triple, do, next int // the columns' widths
}

func (w *writer) source(s *Source) {
	if s.ID != "" {
		w.line("%FSMID ", s.ID)
	}
	for i := range s.Events {
		if i == 0 || len(s.Events[i].Comments) > 0 {
			w.gap()
		}
		w.comments(s.Events[i].Comments)
		w.line("event ", s.Events[i].Name)
	}
	for i := range s.States {
		w.gap()
		w.comments(s.States[i].Comments)
		w.line(s.States[i].Name, ":")
		for j := range s.States[i].Lines {
			w.comments(s.States[i].Lines[j].Comments)
			w.handler(&s.States[i].Lines[j])
		}
	}
	w.gap()
	w.b.WriteString(wordEnd + ":")
	if w.aligned || len(s.Comments) > 0 {
		w.b.WriteByte('\n')
	}
	w.comments(s.Comments)
}

func (w *writer) line(parts ...string) {
	for _, p := range parts {
		w.b.WriteString(p)
	}
	w.b.WriteByte('\n')
}

// gap writes the blank line between states.
func (w *writer) gap() {
	if w.aligned && w.b.Len() > 0 {
		w.b.WriteByte('\n')
	}
}

func (w *writer) comments(list []string) {
	for _, c := range list {
		// Reading takes one space away.
		if c != "" && (w.aligned || c[0] == ' ') {
			w.line("# ", c)
		} else {
			w.line("#", c)
		}
	}
}

func (w *writer) handler(h *Handler) {
	if w.aligned {
		w.b.WriteString("   ")
	}
	w.b.WriteByte(' ')
	w.b.WriteString(h.State)
	w.b.WriteByte('.')
	w.b.WriteString(h.Action)
	w.b.WriteByte('.')
	w.b.WriteString(h.Event)
	w.pad(w.triple - len(h.State) - len(h.Action) - len(h.Event) - 2)
	w.b.WriteString(h.Do)
	w.pad(w.do - len(h.Do))
	w.b.WriteString(h.Next)
	if h.Xvalue != nil || h.Xstring != "" {
		w.pad(w.next - len(h.Next))
		w.extras(h)
	}
	w.b.WriteByte('\n')
}

// pad fills a column and parts it from the next.
func (w *writer) pad(n int) {
	if w.aligned {
		w.b.WriteByte(' ')
		for range n {
			w.b.WriteByte(' ')
		}
	}
	w.b.WriteByte(' ')
}

func (w *writer) extras(h *Handler) {
	if h.Xvalue != nil {
		if w.aligned {
			w.b.WriteString("Xvalue=")
		}
		w.b.WriteString(strconv.FormatInt(int64(*h.Xvalue), 10))
		if h.Xstring != "" {
			w.b.WriteByte(' ')
		}
	}
	if h.Xstring == "" {
		return
	}
	if w.aligned {
		w.b.WriteString("Xstring=")
	}
	if strings.ContainsAny(h.Xstring, " ,=\"") || isInteger(h.Xstring) {
		w.quoted(h.Xstring)
	} else {
		w.b.WriteString(h.Xstring)
	}
}

// quoted writes what quoted reads: only those backslashes are doubled that would be taken for an escape.
func (w *writer) quoted(s string) {
	w.b.WriteByte('"')
	for i := range len(s) {
		escape := s[i] == '"' || s[i] == '\\' && (i+1 == len(s) || s[i+1] == '"' || s[i+1] == '\\')
		if escape {
			w.b.WriteByte('\\')
		}
		w.b.WriteByte(s[i])
	}
	w.b.WriteByte('"')
}
