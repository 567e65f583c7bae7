package limits

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/aaa"
)

// TestTurnsAreSharedByTime lets an account with a long backlog, and one with a little work now and then, use the same core.
func TestTurnsAreSharedByTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProcessor(1, time.Now)
		var order []string
		work := func(account aaa.AccountID, takes time.Duration) {
			turn, err := p.Take(t.Context(), account)
			if err != nil {
				t.Error(err)
				return
			}
			order = append(order, string(account)) // one place: one at a time
			time.Sleep(takes)
			turn.End()
		}
		for range 20 {
			go work("busy", time.Second)
			synctest.Wait()
		}
		for range 3 {
			time.Sleep(500 * time.Millisecond)
			begun := time.Now()
			work("quiet", 10*time.Millisecond)
			if waited := time.Since(begun); waited > 1100*time.Millisecond {
				t.Errorf("the quiet account waited %v, behind more than the one at work", waited)
			}
		}
		go work("other", time.Second)
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(order) != 24 {
			t.Fatalf("%d of 24 had a turn", len(order))
		}
		if i := slices.Index(order, "other"); i > 8 {
			t.Errorf("the other account had turn %d: %v", i, order)
		}
		if len(p.shares) != 0 || len(p.waiting) != 0 || p.free != 1 {
			t.Errorf("left behind: %+v", p)
		}
	})
}

// TestNobodySavesTimeUp: an account that was away does not keep those who worked meanwhile from their turns.
func TestNobodySavesTimeUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProcessor(1, time.Now)
		var first, second atomic.Int64
		many := func(account aaa.AccountID, turns *atomic.Int64) {
			for range 20 {
				turn, err := p.Take(t.Context(), account)
				if err != nil {
					t.Error(err)
					return
				}
				time.Sleep(time.Second)
				turns.Add(1)
				turn.End()
			}
		}
		for range 2 {
			go many("first", &first)
		}
		time.Sleep(15500 * time.Millisecond)
		for range 2 {
			go many("second", &second)
		}
		synctest.Wait()
		before := first.Load()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if a, b := first.Load()-before, second.Load(); a < 4 || b < 4 {
			t.Errorf("in the same 10 s the first account had %d turns and the second %d", a, b)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
	})
}

// TestWaitingIsBounded: an account's own queue is, and another account is not kept out by it.
func TestWaitingIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProcessor(2, time.Now)
		ctx, cancel := context.WithCancel(t.Context())
		first, _ := p.Take(ctx, "busy")
		second, _ := p.Take(ctx, "busy")
		var cancelled atomic.Int64
		for range maxWaiting {
			go func() {
				if _, err := p.Take(ctx, "busy"); errors.Is(err, context.Canceled) {
					cancelled.Add(1)
				}
			}()
			synctest.Wait() // one goroutine at a time
		}
		_, err := p.Take(ctx, "busy")
		var e *aaa.Error
		if !errors.As(err, &e) || e.Kind != aaa.KindBusy || e.RetryAfter <= 0 {
			t.Errorf("one more than may wait: %v", err)
		}
		quiet := make(chan error, 1)
		go func() {
			turn, err := p.Take(t.Context(), "quiet")
			if err == nil {
				turn.End()
			}
			quiet <- err
		}()
		synctest.Wait()
		cancel()
		synctest.Wait()
		first.End()
		if err := <-quiet; err != nil {
			t.Errorf("the quiet account: %v", err)
		}
		second.End()
		if n := cancelled.Load(); n != maxWaiting {
			t.Errorf("%d of those who waited were told that they left", n)
		}
		if p.free != 2 || len(p.waiting) != 0 || p.running != 0 {
			t.Errorf("left behind: %+v", p)
		}
	})
}

// TestPass gives way to another account only.
func TestPass(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProcessor(1, time.Now)
		long, err := p.Take(t.Context(), "long")
		if err != nil {
			t.Fatal(err)
		}
		var order []string
		for _, account := range []aaa.AccountID{"long", "quiet"} {
			go func() {
				turn, err := p.Take(t.Context(), account)
				if err != nil {
					t.Error(err)
					return
				}
				order = append(order, string(account))
				turn.End()
			}()
			synctest.Wait()
			time.Sleep(time.Millisecond)
			if err := long.Pass(t.Context()); err != nil {
				t.Fatal(err)
			}
			order = append(order, "again after "+string(account))
		}
		long.End()
		synctest.Wait()
		// What waited longer within the account goes before the rest of what passed.
		if got := fmt.Sprint(order); got != "[again after long quiet long again after quiet]" {
			t.Errorf("order: %s", got)
		}
	})
}

// TestSharesAreForgotten: what a long time without a pause leaves behind is bounded.
func TestSharesAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProcessor(2, time.Now)
		always, _ := p.Take(t.Context(), "always")
		for i := range 10_000 {
			turn, err := p.Take(t.Context(), aaa.AccountID(fmt.Sprint(i)))
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
			turn.End()
		}
		if len(p.shares) > 5000 {
			t.Errorf("%d shares are kept", len(p.shares))
		}
		always.End()
	})
}
