package fsm_test

import (
	"fmt"
	"strings"
	"testing"

	"aaa-api/internal/fsm"
)

// largeTable has the states and lines given; its lines go on at once in long chains and the states
// refer to each other far and near, so that every check has something to follow.
func largeTable(states, lines int) string {
	var b strings.Builder
	each := lines / states
	for s := range states {
		fmt.Fprintf(&b, "# Number %d\nState-%d:\n", s, s)
		next := func(n int) int { return (s + n) % states }
		n := 0
		line := func(format string, args ...any) {
			if n++; n <= each {
				fmt.Fprintf(&b, format, args...)
			}
		}
		if s == 0 {
			line("    *.+AUTHEN.ACK  RADIUS  State-1\n")
		}
		line("    State-%d.radius.RC1  REPLY  End\n", next(states-1))
		line("    *.RADIUS.ACK  REPLY  End\n")
		line("    *.RADIUS.NAK  RAD2RAD  State-%d  Xvalue=1 Xstring=\"list %d\"\n", next(1), s)
		line("    *.RADIUS.ERROR  RADIUS  Same\n")
		if s > 0 { // a chain of answers at once through all states
			line("    *.LOG.ACK  LOG  State-%d  \"a line of the log\"\n", next(1))
		}
		line("    *.RAD2RAD.ACK  LOG  State-%d\n", next(1))
		for k := 0; n < each; k++ {
			line("    State-%d.RAD2RAD.ERROR  RADIUS  State-%d\n", next(7+k*13), next(3+k*5))
		}
	}
	b.WriteString("End:\n")
	return b.String()
}

// TestReadLargeTable: the table of the measurement is a good one.
func TestReadLargeTable(t *testing.T) {
	t.Parallel()
	table, errors, _ := fsm.Check([]byte(largeTable(1000, 10000)), specs())
	if table == nil {
		t.Fatal(errors)
	}
	if table.States() != 1000 {
		t.Errorf("%d states", table.States())
	}
}

func BenchmarkReadLargeTable(b *testing.B) {
	text, actions := []byte(largeTable(1000, 10000)), specs()
	b.ReportAllocs()
	for b.Loop() {
		if table, errors, _ := fsm.Check(text, actions); table == nil {
			b.Fatal(errors)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/table")
}

// BenchmarkReadWideTable has all lines in few states: no check may look at all pairs.
func BenchmarkReadWideTable(b *testing.B) {
	text, actions := []byte(largeTable(10, 20000)), specs()
	for b.Loop() {
		if table, errors, _ := fsm.Check(text, actions); table == nil {
			b.Fatal(errors)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/table")
}

func BenchmarkParseJSON(b *testing.B) {
	source, _ := fsm.ParseText([]byte(largeTable(1000, 10000)))
	data := marshal(b, source)
	for b.Loop() {
		if _, faults := fsm.ParseJSON(data); len(faults) > 0 {
			b.Fatal(faults)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/table")
}

func BenchmarkNext(b *testing.B) {
	actions := specs()
	text, _ := fsm.BuiltIn("sequential")
	table, _, _ := fsm.Check([]byte(text), actions)
	radius, _ := actions.Find("RADIUS")
	for b.Loop() {
		if table.Next(1, fsm.Happening{From: 1, By: int32(radius), Event: fsm.RC(1)}) == nil {
			b.Fatal("no line")
		}
	}
}
