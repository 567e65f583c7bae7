package spool

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"aaa-api/internal/aaa"
)

// TestValuesAt: Event-Timestamp stays what it was, and Acct-Delay-Time counts from it, the delay at receipt once.
func TestValuesAt(t *testing.T) {
	t.Parallel()
	const at = 1_800_000_000
	event := time.Unix(at, 0)
	for name, c := range map[string]struct {
		r    Record
		late time.Duration
		want aaa.Values
	}{
		"both at receipt": {
			Record{EventAt: event, Body: Body{Values: aaa.Values{"Event-Timestamp": json.Number("1800000000"), "Acct-Delay-Time": json.Number("10")}, TimeKey: "Event-Timestamp", DelayKey: "Acct-Delay-Time"}},
			100 * time.Second,
			aaa.Values{"Event-Timestamp": json.Number("1800000000"), "Acct-Delay-Time": json.Number("100")},
		},
		"a delay alone": { // received ten seconds after the event
			Record{EventAt: event, Body: Body{Values: aaa.Values{"late": "10"}, DelayKey: "late"}},
			70*time.Second + 999*time.Millisecond,
			aaa.Values{"late": "70"},
		},
		"neither, at once": {
			Record{EventAt: event, Body: Body{Values: aaa.Values{"u": "bob"}, TimeKey: "t", DelayKey: "d"}},
			999 * time.Millisecond,
			aaa.Values{"u": "bob", "t": json.Number("1800000000")},
		},
		"neither, later": {
			Record{EventAt: event, Body: Body{TimeKey: "t", DelayKey: "d"}},
			time.Second,
			aaa.Values{"t": json.Number("1800000000"), "d": json.Number("1")},
		},
		"a delay that is over": {
			Record{EventAt: event, Body: Body{Values: aaa.Values{"d": json.Number("7")}, DelayKey: "d"}},
			-time.Minute, // the clock of the NAS is fast
			aaa.Values{"d": json.Number("0")},
		},
		"no place for either": {
			Record{EventAt: event, Body: Body{Values: aaa.Values{"u": "bob"}}},
			time.Hour,
			aaa.Values{"u": "bob"},
		},
		"after a century": {
			Record{EventAt: event, Body: Body{Values: aaa.Values{"u": "bob"}, DelayKey: "d"}},
			200 * 365 * 24 * time.Hour,
			aaa.Values{"u": "bob", "d": json.Number("4294967295")},
		},
	} {
		before, _ := json.Marshal(c.r.Values)
		if got := valuesAt(&c.r, event.Add(c.late)); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		if after, _ := json.Marshal(c.r.Values); string(after) != string(before) {
			t.Errorf("%s: the record's own values are %s now", name, after)
		}
	}
}

// TestValuesAtOnce: a record that is sent at once costs no allocation. It can't run beside others, which allocate.
func TestValuesAtOnce(t *testing.T) { //nolint:paralleltest // it counts allocations
	event := time.Unix(1_800_000_000, 0)
	fresh := &Record{EventAt: event, Body: Body{Values: aaa.Values{"u": "bob", "t": json.Number("1800000000")}, TimeKey: "t", DelayKey: "d"}}
	if n := testing.AllocsPerRun(100, func() { valuesAt(fresh, event) }); n > 0 {
		t.Errorf("a record that is sent at once costs %v allocations", n)
	}
}
