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
