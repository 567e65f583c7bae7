package spool

import (
	"testing"
	"time"

	"aaa-api/internal/store"
)

// TestStanding: a record that fails while others are delivered is at fault and waits ever longer. One that fails while its server is silent is
// not, and does not, however often.
func TestStanding(t *testing.T) {
	t.Parallel()
	l := newStandings()
	now := time.Unix(1_800_000_000, 0)
	r := &store.SpoolRecord{Account: "a", ID: "poison"}
	fail := func(beside bool) (alone bool, wait time.Duration) {
		began := now
		now = now.Add(20 * time.Second)
		if beside {
			l.delivered("a", now)
		}
		now = now.Add(10 * time.Second)
		alone, _, due := l.failed(r, began, now)
		r.Attempts = append(r.Attempts, store.SpoolAttempt{At: began})
		return alone, due.Sub(now)
	}
	for n := range 100 {
		if alone, wait := fail(false); alone || wait != firstWait {
			t.Fatalf("attempt %d in a silence: alone %v, %v", n, alone, wait)
		}
		l.failed(&store.SpoolRecord{Account: "a", ID: "other"}, now, now)
	}
	l.delivered("a", now)
	want := firstWait
	for n := range 20 {
		if alone, wait := fail(true); !alone || wait != want {
			t.Fatalf("attempt %d beside others: alone %v, %v, want %v", n, alone, wait, want)
		}
		want = min(2*want, maxWait)
	}
	if l.silent("a") {
		t.Error("one record makes a silence")
	}
	if alone, wait := fail(false); alone || wait != maxWait { // others were delivered since the attempt before
		t.Errorf("an attempt beside nothing: alone %v, %v", alone, wait)
	}
	if silence, sure := l.delivered("a", now); silence == 0 || sure {
		t.Errorf("it ends a silence of %v, of several records: %v", silence, sure)
	}
	for n := range 10 { // accounts that take their records are forgotten
		l.delivered("b", now.Add(time.Duration(n)*forgetStanding))
	}
	if len(l.of) != 1 {
		t.Errorf("%d accounts are remembered", len(l.of))
	}
}
