package limits

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aaa-api/internal/aaa"
)

func TestRate(t *testing.T) {
	t.Parallel()
	at := time.Now()
	below := Root("root", nil).Below("above", set(int64(aaa.LimitRequestsPerSecond), 30))
	above, a, b := NewAccount("above"), NewAccount("a"), NewAccount("b")
	above.Set(below)
	shared := []Shared{{above, below}}
	a.Set(below.Below("a", set(int64(aaa.LimitRequestsPerSecond), 20)), shared...)
	b.Set(below.Below("b", nil), shared...)
	take := func(who *Account, want int, limit Value, account aaa.AccountID) {
		t.Helper()
		for i := 0; ; i++ {
			err := who.Take(aaa.LimitRequestsPerSecond, at)
			if err == nil {
				continue
			}
			var e *aaa.Error
			errors.As(err, &e)
			if i != want || e == nil || e.Kind != aaa.KindLimited || e.RetryAfter <= 0 || e.RetryAfter > time.Second ||
				*e.Excess != (aaa.Excess{Limit: aaa.LimitRequestsPerSecond, Account: account, Allowed: limit.Allowed, From: limit.From}) {
				t.Errorf("after %d of %d requests of %s: %+v %+v", i, want, who.ID, e, e.Excess)
			}
			return
		}
	}
	take(a, 20, Value{20, "a"}, "a")
	take(b, 10, Value{30, "above"}, "above") // the other 20 were a's
	above.giveBack(aaa.LimitRequestsPerSecond, 3)
	take(b, 3, Value{30, "above"}, "above")
	if got := b.Taken(aaa.LimitRequestsPerSecond, at); got != 13 { // what was refused took nothing
		t.Errorf("b has used %d", got)
	}
	if got := a.Taken(aaa.LimitRequestsPerSecond, at); got != 20 {
		t.Errorf("a has used %d", got)
	}
	at = at.Add(500 * time.Millisecond)
	take(a, 10, Value{20, "a"}, "a")
	at = at.Add(time.Hour) // what was not used long ago is lost
	take(a, 20, Value{20, "a"}, "a")
	if got := a.Taken(aaa.LimitRequestsPerSecond, at.Add(time.Hour)); got != 0 {
		t.Errorf("a has used %d", got)
	}
	a.Set(below.Below("a", set(int64(aaa.LimitRequestsPerSecond), 0)))
	take(a, 0, Value{0, "a"}, "a")
	root := NewAccount("root")
	root.Set(Root("root", nil))
	for range 100_000 {
		if err := root.Take(aaa.LimitRequestsPerSecond, at); err != nil {
			t.Fatal(err)
		}
	}
}

// TestClockSetBack: what was taken by a clock that was ahead is not held against anybody for longer than a second.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	a := NewAccount("a")
	now := time.Now()
	ahead := now.Add(24 * time.Hour)
	_ = a.Take(aaa.LimitRequestsPerSecond, ahead)
	_ = a.Take(aaa.LimitRequestsPerSecond, now)
	if err := a.Take(aaa.LimitRequestsPerSecond, now.Add(time.Second)); err != nil {
		t.Error(err)
	}
}

// TestRateOfMany: requests at once get what one after the other would.
func TestRateOfMany(t *testing.T) {
	t.Parallel()
	a := NewAccount("a")
	a.Set(Root("root", nil).Below("a", set(int64(aaa.LimitRequestsPerSecond), 1000)))
	var won atomic.Int64
	now := time.Now()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 500 {
				if a.Take(aaa.LimitRequestsPerSecond, now) == nil {
					won.Add(1)
				}
			}
		})
	}
	all.Wait()
	if won.Load() != 1000 {
		t.Errorf("%d got through", won.Load())
	}
}

func TestRequestsNeedNoMemory(t *testing.T) {
	above, a := NewAccount("above"), NewAccount("a")
	a.Set(unset.root, Shared{above, Root("root", nil).Below("above", set(int64(aaa.LimitRequestsPerSecond), 1_000_000))})
	now := time.Now()
	if n := testing.AllocsPerRun(100, func() { _ = a.Take(aaa.LimitRequestsPerSecond, now) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
