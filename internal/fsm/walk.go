package fsm

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Text is the walk for people: a table with a row for each step, and what came of it below.
func (w *Walk) Text() string {
	var b strings.Builder
	rows := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	row := func(cells ...string) { fmt.Fprintln(rows, strings.Join(cells, "\t")) }
	row("", "STATE", "EVENT", "LINE", "ACTION", "ANSWER", "NEXT", "PENDING", "NOTE")
	for _, s := range w.Steps {
		line, action := "", s.Action
		if s.Line != nil && *s.Line > 0 {
			line = fmt.Sprint(*s.Line)
		}
		if extras := extras(s.Xvalue, s.Xstring); extras != "" {
			action += " " + extras
		}
		row(fmt.Sprint(s.N), s.State, s.Event, line, action, s.Answer, s.Next, fmt.Sprint(s.Pending), s.Note)
	}
	rows.Flush() //nolint:errcheck // a Builder never fails
	var out strings.Builder
	for line := range strings.Lines(b.String()) {
		out.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	how := "ended"
	if w.Waiting {
		how = "still waits"
	}
	fmt.Fprintf(&out, "The request %s in state %s: %s.\n", how, w.State, w.Why)
	if w.Replies == 0 {
		out.WriteString("No reply was sent.\n")
	} else {
		fmt.Fprintf(&out, "The reply was %s.\n", w.Replied)
	}
	return out.String()
}
