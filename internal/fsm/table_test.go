package fsm_test

import (
	"runtime"
	"slices"
	"testing"

	"aaa-api/internal/fsm"
)

const matching = `
event Odd
Start:
    *.+AUTHEN.ACK       RADIUS   Wait
    *.*.ACCT            RAD2RAD  Wait  Xstring=b
    *.+ACCT_STOP.ACK    RAD2RAD  Wait  Xstring=a
Wait:
    Start.radius.ACK    LOG      Same
    *.RADIUS.ACK        REPLY    Wait
    *.*.ACK             NULL     End   7
    *.RADIUS.ERROR      RADIUS   Same
    *.RADIUS.NAK        rad2rad  Same  Xstring=b
    Wait.*.TIMEOUT      KILL     Same
End:
`

func TestNext(t *testing.T) {
	t.Parallel()
	table := compiled(t, matching)
	by := func(name string) int32 {
		at, ok := table.Actions().Find(name)
		if !ok {
			t.Fatalf("no action %s", name)
		}
		return int32(at)
	}
	const wait = 1
	for _, c := range []struct {
		at   int32
		h    fsm.Happening
		no   int32 // -1: no line
		do   string
		next int32
	}{
		{fsm.Start, fsm.Happening{From: fsm.Start, By: fsm.Plus, Event: fsm.AUTHEN}, 4, "RADIUS", wait},
		{fsm.Start, fsm.Happening{From: fsm.Start, By: fsm.Plus, Event: fsm.ACCT}, 5, "RAD2RAD", wait},
		{fsm.Start, fsm.Happening{From: fsm.Start, By: fsm.Plus, Event: fsm.AcctStop}, 6, "RAD2RAD", wait},
		{fsm.Start, fsm.Happening{From: fsm.Start, By: fsm.Plus, Event: fsm.AcctStart}, -1, "", 0},
		{wait, fsm.Happening{From: fsm.Start, By: fsm.Plus, Event: fsm.AUTHEN}, -1, "", 0},
		// The first line that matches wins, the most special or not.
		{wait, fsm.Happening{From: fsm.Start, By: by("RADIUS"), Event: fsm.ACK}, 8, "LOG", wait},
		{wait, fsm.Happening{From: wait, By: by("RADIUS"), Event: fsm.ACK}, 9, "REPLY", wait},
		{wait, fsm.Happening{From: wait, By: by("LOG"), Event: fsm.ACK}, 10, "NULL", fsm.End},
		{wait, fsm.Happening{From: wait, By: by("RADIUS"), Event: fsm.ERROR}, 11, "RADIUS", wait},
		{wait, fsm.Happening{From: wait, By: by("RAD2RAD"), Event: fsm.ERROR}, -1, "", 0},
		// A state's own lines go before the default table's.
		{wait, fsm.Happening{From: wait, By: fsm.Any, Event: fsm.TIMEOUT}, 13, "KILL", wait},
		{wait, fsm.Happening{From: fsm.Start, By: fsm.Any, Event: fsm.TIMEOUT}, 0, "TIMEOUT", fsm.End},
		{fsm.Start, fsm.Happening{From: fsm.Any, By: fsm.Any, Event: fsm.DUP}, 0, "NULL", fsm.Same},
		{wait, fsm.Happening{From: fsm.Start, By: by("RADIUS"), Event: fsm.FATAL}, 0, "LOG", fsm.End},
		{wait, fsm.Happening{From: wait, By: fsm.Any, Event: fsm.ABORT}, 0, "NULL", fsm.End},
		{wait, fsm.Happening{From: wait, By: by("RADIUS"), Event: fsm.WAIT}, -1, "", 0},
		{wait, fsm.Happening{From: wait, By: fsm.Any, Event: fsm.None}, -1, "", 0},
		{fsm.End, fsm.Happening{From: wait, By: fsm.Any, Event: fsm.DUP}, -1, "", 0},
		{2, fsm.Happening{From: wait, By: fsm.Any, Event: fsm.DUP}, -1, "", 0},
	} {
		l := table.Next(c.at, c.h)
		if c.no < 0 {
			if l != nil {
				t.Errorf("%s: line %d", table.Describe(c.at, c.h), l.No)
			}
			continue
		}
		if l == nil || l.No != c.no || l.Next != c.next || table.Actions().Spec(int(l.Do)).Name != c.do {
			t.Errorf("%s: %+v", table.Describe(c.at, c.h), l)
		}
	}
	if l := table.Next(wait, fsm.Happening{From: wait, By: by("LOG"), Event: fsm.ACK}); l.Xvalue != 7 {
		t.Errorf("Xvalue is %d", l.Xvalue)
	}
}

func TestNextAllocatesNothing(t *testing.T) {
	table := compiled(t, matching)
	for _, e := range []fsm.Event{fsm.ACK, fsm.DUP, fsm.WAIT} {
		if n := testing.AllocsPerRun(100, func() { table.Next(1, fsm.Happening{From: 0, By: 3, Event: e}) }); n != 0 {
			t.Errorf("%v: %v allocations", e, n)
		}
	}
}

func TestTableTells(t *testing.T) {
	t.Parallel()
	table := compiled(t, "%FSMID one\n"+matching)
	if table.ID() != "one" || table.States() != 2 {
		t.Errorf("%q, %d states", table.ID(), table.States())
	}
	for at, want := range map[int32]string{0: "Start", 1: "Wait", 2: "*", fsm.End: "End", fsm.Any: "*", fsm.Same: "Same"} {
		if got := table.StateName(at); got != want {
			t.Errorf("%d is %s", at, got)
		}
	}
	if got := table.EventName(fsm.FirstDeclared); got != "Odd" {
		t.Errorf("the declared event is %s", got)
	}
	if e, ok := table.EventOf("oDD"); !ok || e != fsm.FirstDeclared {
		t.Errorf("Odd is %d", e)
	}
	for kind, want := range map[fsm.Event]bool{
		fsm.AUTHEN: true, fsm.REACCESS: true, fsm.AuthOnly: true, fsm.PASSWD: true, fsm.AUTHZ: false, fsm.CUSTOM: false,
		fsm.ACCT: true, fsm.AcctStop: true, fsm.AcctOn: true, fsm.MgtPoll: false,
	} {
		if got := table.Takes(kind); got != want {
			t.Errorf("%v: %v", kind, got)
		}
	}
	if got := table.Xstrings("rad2rad"); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("Xstrings are %q", got)
	}
	if got := append(table.Xstrings("LOG"), table.Xstrings("NOPE")...); len(got) > 0 {
		t.Errorf("Xstrings are %q", got)
	}
	radius, _ := table.Actions().Find("radius")
	for want, h := range map[string]fsm.Happening{
		"Start.+ACCT_STOP.ACK": {From: fsm.Start, By: fsm.Plus, Event: fsm.AcctStop},
		"Start.RADIUS.NAK":     {From: fsm.Start, By: int32(radius), Event: fsm.NAK},
		"Wait.*.DUP":           {From: fsm.Any, By: fsm.Any, Event: fsm.DUP},
		"Wait.RADIUS.Odd":      {From: 1, By: int32(radius), Event: fsm.FirstDeclared},
	} {
		if got := table.Describe(1, h); got != want {
			t.Errorf("%s instead of %s", got, want)
		}
	}
}

func TestShortFormIsTheSame(t *testing.T) {
	t.Parallel()
	// The second of two equal lines never matches: so the forms are told to be equal.
	_, errors, warnings := fsm.Check([]byte("S:\n *.*.AUTHEN ACK End\n *.+AUTHEN.ACK ACK End\n S.+authen.ack ACK End\n *.*.ACK ACK End\nEnd:"), specs())
	if len(errors) > 0 || len(warnings) != 2 || warnings[0].Line != 3 || warnings[1].Line != 4 {
		t.Errorf("%v, %v", errors, warnings)
	}
}

func TestDefaultTableLacksWhatActionsLack(t *testing.T) {
	t.Parallel()
	few := fsm.NewActions(fsm.Spec{Name: "END", Ends: true})
	table, errors, _ := fsm.Check([]byte("S:\n *.+AUTHEN.ACK END S\nEnd:"), few)
	if table == nil {
		t.Fatal(errors)
	}
	for _, e := range []fsm.Event{fsm.DUP, fsm.FATAL, fsm.TIMEOUT, fsm.ABORT} {
		if l := table.Next(0, fsm.Happening{From: fsm.Any, By: fsm.Any, Event: e}); l != nil {
			t.Errorf("%v: %v", e, l)
		}
	}
}

func TestNewActionsPanics(t *testing.T) {
	t.Parallel()
	for _, names := range [][]string{{""}, {"low"}, {"A.B"}, {"1A"}, {"A", "A"}, {"A123456789B123456789C123456789D12"}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q are taken", names)
				}
			}()
			var list []fsm.Spec
			for _, n := range names {
				list = append(list, fsm.Spec{Name: n})
			}
			fsm.NewActions(list...)
		}()
	}
}

func TestBuiltIns(t *testing.T) {
	t.Parallel()
	names := []string{}
	for _, b := range fsm.BuiltIns() {
		names = append(names, b.Name)
		text, ok := fsm.BuiltIn(b.Name)
		if !ok || text != b.Text || b.Title == "" {
			t.Errorf("%s: %q", b.Name, b.Title)
		}
		source, faults := fsm.ParseText([]byte(b.Text))
		if len(faults) > 0 {
			t.Errorf("%s: %v", b.Name, faults)
		}
		unharmed(t, source)
		if _, errors, warnings := fsm.Check([]byte(b.Text), specs()); len(errors)+len(warnings) > 0 {
			t.Errorf("%s: %v, %v", b.Name, errors, warnings)
		}
	}
	if !slices.Contains(names, "sequential") || !slices.IsSorted(names) {
		t.Errorf("the built-in tables are %q", names)
	}
	if _, ok := fsm.BuiltIn("nope"); ok {
		t.Error("there is a built-in table nope")
	}
}

// TestTablesAreSmall: ten thousand tenants' own tables are a small part of what they may take together.
func TestTablesAreSmall(t *testing.T) {
	actions := specs()
	text, _ := fsm.BuiltIn("race")
	const n = 2000
	kept := make([]*fsm.Table, n)
	before := heap()
	for i := range kept {
		kept[i], _, _ = fsm.Check([]byte(text), actions)
	}
	each := int64(heap()-before) / n
	t.Logf("%d octets each", each)
	if each > 3000 {
		t.Errorf("a table takes %d octets", each)
	}
	runtime.KeepAlive(kept)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestHeedsDup: a repetition is nothing to a table that does nothing for it, and to which that nothing is no event.
func TestHeedsDup(t *testing.T) {
	t.Parallel()
	for lines, want := range map[string]bool{
		"": false, "*.*.DUP NULL Same": false, "*.*.DUP NULL Wait": false,
		"*.*.DUP REDO Same": true, "*.*.DUP NULL End": true, "*.RADIUS.DUP LOG Same": true, "*.*.DUP NULL Start": true,
		"*.NULL.ACK REPLY End": true, "*.*.ACK REPLY End": true, "*.LOG.ACK REPLY End": false,
	} {
		table := compiled(t, "Start:\n\t*.+AUTHEN.ACK RADIUS Wait\nWait:\n\t*.RADIUS.ACK REPLY End\n\t"+lines+"\nEnd:\n")
		if table.HeedsDup() != want {
			t.Errorf("%q: %t", lines, !want)
		}
	}
}
