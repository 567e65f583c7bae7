package fsm_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"aaa-api/internal/fsm"
)

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// compilesAndEnds compiles a Source and holds the promise of a table that is taken: from no event does
// it go on at once for more steps than it has lines, whatever the actions answer.
func compilesAndEnds(t failer, source *fsm.Source, actions *fsm.Actions) {
	t.Helper()
	table, errors, _ := fsm.Compile(source, actions)
	if (table == nil) != (len(errors) > 0) {
		t.Fatalf("a table: %v, errors: %v", table != nil, errors)
	}
	if table == nil {
		return
	}
	if table.States() != len(source.States) {
		t.Fatalf("%d states of %d", table.States(), len(source.States))
	}
	w := walker{table: table, depth: make(map[*fsm.Line]int), reached: map[int32]bool{fsm.Start: true}, started: make(map[start]bool)}
	w.explore(t)
}

// walker follows answers by Next alone: what the check of circles is held against.
type walker struct {
	table   *fsm.Table
	depth   map[*fsm.Line]int // 1 while a line is being followed, 2 after
	reached map[int32]bool
	started map[start]bool
}

// start is an action as it was started in a state.
type start struct{ state, action int32 }

// explore raises all that can come from outside in all states that can be reached, until nothing new is found.
func (w *walker) explore(t failer) {
	t.Helper()
	raise := func(at int32, h fsm.Happening) {
		if !w.ends(at, h) {
			t.Fatalf("%s goes in a circle", w.table.Describe(at, h))
		}
	}
	for kind := fsm.ACK; kind < fsm.RC1; kind++ {
		if kind.Request() {
			raise(fsm.Start, fsm.Happening{From: fsm.Start, By: fsm.Plus, Event: kind})
		}
	}
	for before := -1; before < len(w.reached)+len(w.started); {
		before = len(w.reached) + len(w.started)
		if before > 100 {
			return // of large tables, which take too long, the beginning will do
		}
		for at := range w.reached {
			for s := range w.started {
				for _, e := range w.table.Actions().Spec(int(s.action)).Later {
					raise(at, fsm.Happening{From: s.state, By: s.action, Event: e})
				}
			}
			for _, e := range []fsm.Event{fsm.DUP, fsm.TIMER, fsm.TIMEOUT, fsm.ABORT, fsm.FATAL} {
				raise(at, fsm.Happening{From: at, By: fsm.Any, Event: e})
			}
		}
	}
}

// answersAtOnce are what an action may answer without an event from outside.
func answersAtOnce(spec *fsm.Spec) []fsm.Event {
	if len(spec.Later) > 0 {
		return append([]fsm.Event{fsm.WAIT}, spec.Answers...)
	}
	return spec.Answers
}

func (w *walker) ends(at int32, h fsm.Happening) bool {
	l := w.table.Next(at, h)
	if l == nil {
		return true
	}
	w.started[start{at, l.Do}] = true
	if l.Next >= 0 {
		w.reached[l.Next] = true
	}
	if l.Next < 0 || w.table.Actions().Spec(int(l.Do)).Ends || w.depth[l] == 2 {
		return true
	}
	if w.depth[l] == 1 {
		return false
	}
	w.depth[l] = 1
	for _, e := range answersAtOnce(w.table.Actions().Spec(int(l.Do))) {
		if !w.ends(l.Next, fsm.Happening{From: at, By: l.Do, Event: e}) {
			return false
		}
	}
	w.depth[l] = 2
	return true
}

// drawTable draws a table of few words, so that states, actions and events meet often.
func drawTable(t *rapid.T) *fsm.Source {
	states := []string{"A", "B", "c", "d"}[:rapid.IntRange(1, 4).Draw(t, "states")]
	event := rapid.SampledFrom([]string{"ACK", "NAK", "WAIT", "RC1", "ack", "TIMER", "DUP", "ERROR"})
	action := rapid.SampledFrom([]string{"LOG", "log", "PENDING", "RADIUS", "NULL", "TIMER", "KILL", "END"})
	oneOf := func(more ...string) *rapid.Generator[string] {
		return rapid.SampledFrom(append(more, states...))
	}
	s := &fsm.Source{ID: rapid.StringMatching(`([a-z.]([a-z .]{0,18}[a-z.])?)?`).Draw(t, "id")}
	comments := func() []string {
		list := rapid.SliceOfN(rapid.StringMatching(`([ \tx#:é"]{0,9}[x#é"])?`), 0, 2).Draw(t, "comments")
		if len(list) == 0 {
			return nil
		}
		return list
	}
	for _, name := range states {
		state := fsm.Origin{Name: name, Comments: comments()}
		for range rapid.IntRange(0, 5).Draw(t, "lines") {
			h := fsm.Handler{
				State: oneOf("*", "*").Draw(t, "from"), Action: "*", Event: event.Draw(t, "event"),
				Do: action.Draw(t, "do"), Next: oneOf("Same", "End").Draw(t, "next"), Comments: comments(),
			}
			switch rapid.IntRange(0, 3).Draw(t, "form") {
			case 0:
				h.Action, h.Event = "+AUTHEN", "ACK"
			case 1:
				h.Action = action.Draw(t, "by")
			case 2:
				h.Event = "AUTHEN"
			}
			if rapid.Bool().Draw(t, "valued") {
				v := rapid.Int32().Draw(t, "xvalue")
				h.Xvalue = &v
			}
			h.Xstring = rapid.StringMatching(`[ a,=\\"#5é-]{0,6}`).Draw(t, "xstring")
			state.Lines = append(state.Lines, h)
		}
		s.States = append(s.States, state)
	}
	s.Comments = comments()
	return s
}

// TestSourcesComeBack: any table comes back the same from its text and its JSON.
func TestSourcesComeBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) { unharmed(t, drawTable(t)) })
}

var linesOfCircle = regexp.MustCompile(`line (\d+)`)

// TestCircles: a table that is taken goes in no circle, and a circle that is told is one.
func TestCircles(t *testing.T) {
	t.Parallel()
	actions := specs()
	rapid.Check(t, func(t *rapid.T) {
		drawn := drawTable(t)
		for i := range drawn.States { // so that circles are all that can be wrong
			drawn.States[i].Lines = append(drawn.States[i].Lines,
				fsm.Handler{State: "*", Action: "RAD2RAD", Event: "FATAL", Do: "NULL", Next: "End"},
				fsm.Handler{State: "*", Action: "REALM", Event: "FATAL", Do: "NULL", Next: drawn.States[(i+1)%len(drawn.States)].Name})
		}
		source, _ := fsm.ParseText(drawn.Text())
		compilesAndEnds(t, source, actions)
		_, errors, _ := fsm.Compile(source, actions)
		for _, f := range errors {
			if f.Rule == "cycle" {
				isCircle(t, source, actions, f)
			} else {
				t.Fatalf("%v in\n%s", f, source.Text())
			}
		}
	})
}

// isCircle follows a circle that was told by the words of the table: each line's action must answer what the
// next one takes, in the state where that stands.
func isCircle(t failer, source *fsm.Source, actions *fsm.Actions, f fsm.Fault) {
	t.Helper()
	type place struct {
		state string
		h     *fsm.Handler
	}
	lines := map[int]place{}
	for i := range source.States {
		for j := range source.States[i].Lines {
			h := &source.States[i].Lines[j]
			lines[h.Line] = place{source.States[i].Name, h}
		}
	}
	var circle []place
	for _, m := range linesOfCircle.FindAllStringSubmatch(f.Message, -1) {
		no, _ := strconv.Atoi(m[1])
		circle = append(circle, lines[no])
	}
	if len(circle) < 2 || circle[0] != circle[len(circle)-1] || circle[0].h.Line != f.Line {
		t.Fatalf("no circle: %v", f)
	}
	for i, from := range circle[:len(circle)-1] {
		to := circle[i+1]
		at, _ := actions.Find(from.h.Do)
		answered := false
		for _, e := range answersAtOnce(actions.Spec(at)) {
			answered = answered || strings.EqualFold(to.h.Event, e.String())
		}
		next := from.h.Next
		if next == "Same" {
			next = from.state
		}
		if !answered || next != to.state || to.h.Action != "*" && !strings.EqualFold(to.h.Action, from.h.Do) ||
			to.h.State != "*" && to.h.State != from.state {
			t.Fatalf("%v: line %d does not follow line %d in\n%s", f, to.h.Line, from.h.Line, source.Text())
		}
	}
}

// TestLongCircle: as long as a table can have, without recursion, and its message bounded.
func TestLongCircle(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("S0:\n *.*.AUTHEN LOG S1\n *.*.ACK LOG S1\n *.*.DUP NULL End\n")
	for i := 1; i < fsm.MaxStates; i++ {
		fmt.Fprintf(&b, "S%d:\n *.*.ACK LOG S%d\n", i, (i+1)%fsm.MaxStates)
	}
	b.WriteString("End:\n")
	_, errors, _ := fsm.Check([]byte(b.String()), specs())
	if len(errors) != 1 || errors[0].Rule != "cycle" || errors[0].Line != 3 || len(errors[0].Message) > 400 {
		t.Errorf("%v", errors)
	}
}
