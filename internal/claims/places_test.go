package claims

import (
	"strconv"
	"testing"
	"time"

	"aaa-api/internal/aaa"
)

// TestCrowdOfTenants: so many tenants with silent servers that they could hold every place leave some to those who have none.
func TestCrowdOfTenants(t *testing.T) {
	t.Parallel()
	s := newPlaces(32, 8)
	now := time.Unix(0, 0)
	tenant := func(n int) aaa.AccountID { return aaa.AccountID("tenant" + strconv.Itoa(n)) }
	held := 0
	enter := func(n int) bool {
		ok := s.enter(tenant(n), now)
		if ok {
			held++
		}
		return ok
	}
	fill := func() {
		for n := range 10 {
			for enter(n) {
			}
		}
	}
	fill()
	if held != 24+4 { // six have four places each, and the last ones find a place
		t.Errorf("ten tenants hold %d of 32 places", held)
	}
	if !s.enter("quiet", now) {
		t.Error("there is no place for a quiet one")
	}
	s.leave("quiet", Delivered, now)
	for n := range 10 {
		for s.parts[tenant(n)].running > 0 {
			s.leave(tenant(n), Undelivered, now)
		}
	}
	held, now = 0, now.Add(maxSilence)
	fill()
	if held > 16 {
		t.Errorf("tenants that are known to be silent hold %d of 32 places", held)
	}
	for range 3 {
		if !s.enter("quiet", now) {
			t.Error("there is no place for a quiet one")
		}
	}
	s.forget(now)
	if len(s.parts) < 5 {
		t.Error("those that hold a place are forgotten")
	}
}

// TestHalfSilent: a tenant one of whose two servers is silent goes on to be served by the other one.
func TestHalfSilent(t *testing.T) {
	t.Parallel()
	s := newPlaces(256, 32)
	now := time.Unix(0, 0)
	for n := range 200 {
		for !s.enter("mixed", now) {
			now = now.Add(time.Second)
		}
		s.leave("mixed", []Outcome{Delivered, Undelivered}[n%2], now)
	}
	if waited := now.Sub(time.Unix(0, 0)); waited > 0 || s.parts["mixed"].width < firstOfAccount {
		t.Errorf("it waited for %v and may have %d places", waited, s.parts["mixed"].width)
	}
}

// TestWideCollapse: the servers of an account with many places go silent. Ten failures in a row leave it one place, and an answer ends the silence.
func TestWideCollapse(t *testing.T) {
	t.Parallel()
	s := newPlaces(2048, 1024)
	s.steady = time.Second / 2
	now := time.Unix(0, 0)
	enter := func() (n int) {
		for s.enter("wide", now) {
			n++
		}
		return n
	}
	for s.parts["wide"] == nil || s.parts["wide"].width < 1024 {
		enter()
		s.leave("wide", Delivered, now)
	}
	for range 10 {
		s.leave("wide", Undelivered, now)
	}
	if p := s.parts["wide"]; p.width != 1 || s.failing != p.running {
		t.Errorf("after ten failures it has %d places, and %d of %d fail", p.width, s.failing, p.running)
	}
	for s.parts["wide"].running > 0 {
		s.leave("wide", Undelivered, now)
	}
	// Each half second one more, while the tries last; then as they end.
	for n := range 100 {
		if got, want := enter(), 1; n < mostTries && got != want || n >= mostTries && got != 0 {
			t.Fatalf("try %d: %d places", n, got)
		}
		now = now.Add(s.steady)
	}
	s.leave("wide", Delivered, now)
	if got := enter(); got < firstOfAccount {
		t.Errorf("after an answer it gets %d places beside its slow tries", got)
	}
	for s.parts["wide"].running > 0 {
		s.leave("wide", NotAsked, now)
	}
	if s.running != 0 || s.failing != 0 || s.extra != 0 {
		t.Errorf("places are lost: %d, %d, %d", s.running, s.failing, s.extra)
	}
}

// TestSteady: an account whose servers answered before is tried at one pace for as long as they are silent. One whose servers never answered waits ever longer, until
// it is reset.
func TestSteady(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answered bool // as others know
		least    int
		most     int
	}{"answered before": {true, 3600, 7210}, "never answered": {false, 60, 75}} {
		s := newPlaces(2048, 1024)
		s.steady, s.answered = time.Second/2, func(aaa.AccountID) bool { return c.answered }
		now := time.Unix(0, 0)
		tries := 0
		for range 36_000 { // a look each tenth of a second
			if s.enter("a", now) {
				tries++
				s.leave("a", Undelivered, now)
			}
			now = now.Add(time.Second / 10)
		}
		if tries < c.least || tries > c.most {
			t.Errorf("%s: %d tries in an hour", name, tries)
		}
		s.reset("a")
		select {
		case <-s.again:
		default:
			t.Errorf("%s: nobody looks after a reset", name)
		}
		if one, two := s.enter("a", now), s.enter("a", now); !one || !two {
			t.Errorf("%s: it waits after a reset", name)
		}
	}
}

// TestStalls: while none of an account's records ends, one more goes out at the pace of tries, up to a number, if its servers have answered before.
func TestStalls(t *testing.T) {
	t.Parallel()
	for answered, want := range map[bool]int{true: firstOfAccount + mostTries, false: firstOfAccount} {
		s := newPlaces(2048, 1024)
		s.steady, s.answered = time.Second/2, func(aaa.AccountID) bool { return answered }
		now, tries, after := time.Unix(0, 0), 0, time.Duration(0)
		for range 1000 {
			for s.enter("a", now) {
				if tries++; tries == firstOfAccount+1 {
					after = now.Sub(time.Unix(0, 0))
				}
			}
			now = now.Add(time.Second / 10)
		}
		if tries != want || answered && after != s.steady {
			t.Errorf("answered before: %v, %d tries, the first beyond the account's places after %v", answered, tries, after)
		}
		s.leave("a", Delivered, now)
		s.leave("a", Delivered, now)
		if !s.enter("a", now) {
			t.Error("what comes after an answer waits")
		}
	}
}

// TestSilentCrowd: accounts whose servers are silent hold half of all places at most, a busy one with all that it may have takes none of theirs, and each of them is
// tried.
func TestSilentCrowd(t *testing.T) {
	t.Parallel()
	s := newPlaces(64, 32)
	s.steady, s.answered = time.Second/2, func(aaa.AccountID) bool { return true }
	now := time.Unix(0, 0)
	for range 32 {
		s.enter("busy", now)
		s.tell("busy", Delivered, now)
	}
	if n := s.parts["busy"].running; n != 32 {
		t.Fatalf("a busy one has %d places", n)
	}
	for n := range 8 {
		silent := aaa.AccountID("silent" + strconv.Itoa(n))
		for range 5 {
			s.tell(silent, Undelivered, now)
		}
		if !s.enter(silent, now) {
			t.Errorf("%s is not tried", silent)
		}
	}
	for range 100 {
		now = now.Add(s.steady)
		for n := range 8 {
			s.enter(aaa.AccountID("silent"+strconv.Itoa(n)), now)
		}
	}
	if s.failing > 32 || s.extra > 8 {
		t.Errorf("silent accounts hold %d places, %d of them beside others", s.failing, s.extra)
	}
	if !s.enter("quiet", now) {
		t.Error("there is no place for a quiet one")
	}
}

// TestCrowded: an account whose records wait too long for their turn has fewer claimed.
func TestCrowded(t *testing.T) {
	t.Parallel()
	s := newPlaces(2048, 1024)
	now := time.Unix(0, 0)
	for range 100 {
		s.enter("a", now)
		s.leave("a", Delivered, now)
	}
	before := s.parts["a"].width
	s.tell("a", DeliveredLate, now)
	if w := s.parts["a"].width; w != before-1 {
		t.Errorf("after a late delivery it has %d places of %d", w, before)
	}
	for range 10 {
		s.tell("a", Crowded, now)
	}
	if p := s.parts["a"]; p.width != 1 || p.row != 0 {
		t.Errorf("after records without a turn it is %+v", p)
	}
}
