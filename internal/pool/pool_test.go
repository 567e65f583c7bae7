package pool

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/aaa"
)

func TestPoolFirstComeFirstServed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New(2, 10)
		must(t, p.Acquire(t.Context()))
		must(t, p.Acquire(t.Context()))
		order := make(chan int, 5)
		for i := range 5 {
			go func() {
				if err := p.Acquire(t.Context()); err != nil {
					t.Error(err)
				}
				order <- i
			}()
			synctest.Wait()
		}
		if r, w := p.Depth(); r != 2 || w != 5 {
			t.Fatalf("depth %d, %d", r, w)
		}
		for i := range 5 {
			p.Release()
			synctest.Wait()
			if got := <-order; got != i {
				t.Fatalf("place %d went to %d", i, got)
			}
		}
		p.Release()
		p.Release()
		if r, w := p.Depth(); r != 0 || w != 0 {
			t.Fatalf("depth %d, %d at the end", r, w)
		}
	})
}

func TestPoolRefusesWhenFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New(1, 1)
		must(t, p.Acquire(t.Context()))
		go func() { _ = p.Acquire(t.Context()) }()
		synctest.Wait()
		wantBusy(t, p.Acquire(t.Context()))
		p.Release()
		synctest.Wait()
		p.Release()

		none := New(1, 0)
		must(t, none.Acquire(t.Context()))
		wantBusy(t, none.Acquire(t.Context()))
	})
}

func TestPoolDeadlineAndCancelWhileWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New(1, 10)
		must(t, p.Acquire(t.Context()))
		ctx, stop := context.WithTimeout(t.Context(), 3*time.Second)
		defer stop()
		start := time.Now()
		wantBusy(t, p.Acquire(ctx))
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("refused after %v", d)
		}
		cctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if err := p.Acquire(cctx); !errors.Is(err, context.Canceled) || aaa.KindOf(err) == aaa.KindBusy {
			t.Errorf("cancelled: %v", err)
		}
		if r, w := p.Depth(); r != 1 || w != 0 {
			t.Errorf("depth %d, %d", r, w)
		}
	})
}

// Sixty requests come one after the other within 60 ms, and one server answers none of them. When the
// first are at the end of their time, all are: none of those that still wait may be sent.
func TestPoolServesNobodyTooLate(t *testing.T) {
	t.Parallel()
	const deadline, exchange = 30 * time.Second, 1500 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		p := New(1, 100)
		var sent, late, refused atomic.Int32
		var wg sync.WaitGroup
		for range 60 {
			time.Sleep(time.Millisecond)
			wg.Go(func() {
				ctx, stop := context.WithTimeout(t.Context(), deadline)
				defer stop()
				end := time.Now().Add(deadline)
				if err := p.Acquire(ctx); err != nil {
					if aaa.KindOf(err) == aaa.KindBusy {
						refused.Add(1)
					}
					return
				}
				defer p.Release()
				sent.Add(1)
				if time.Until(end) < leastTime {
					late.Add(1)
				}
				time.Sleep(min(exchange, time.Until(end)))
			})
		}
		wg.Wait()
		if late.Load() != 0 || sent.Load() != 20 || refused.Load() != 40 {
			t.Errorf("%d sent, of them %d too late, %d refused", sent.Load(), late.Load(), refused.Load())
		}
		if r, w := p.Depth(); r != 0 || w != 0 {
			t.Errorf("depth %d, %d at the end", r, w)
		}
	})
}

func TestPoolSetWorkers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New(1, 10)
		must(t, p.Acquire(t.Context()))
		for range 4 {
			go func() { _ = p.Acquire(t.Context()) }()
		}
		synctest.Wait()
		p.SetWorkers(3)
		synctest.Wait()
		if r, w := p.Depth(); r != 3 || w != 2 {
			t.Errorf("grown: depth %d, %d", r, w)
		}
		p.SetWorkers(1)
		p.Release()
		p.Release()
		synctest.Wait()
		if r, w := p.Depth(); r != 1 || w != 2 {
			t.Errorf("shrunk: depth %d, %d", r, w)
		}
		for range 3 {
			p.Release()
			synctest.Wait()
		}
		if r, w := p.Depth(); r != 0 || w != 0 {
			t.Errorf("at the end: depth %d, %d", r, w)
		}
	})
}

// Places must not get lost when a grant and a cancellation meet.
func TestPoolCancelRace(t *testing.T) {
	t.Parallel()
	p := New(3, 1000)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for n := range 300 {
				ctx, cancel := context.WithCancel(t.Context())
				if (i+n)%2 == 0 {
					go cancel()
				}
				if p.Acquire(ctx) == nil {
					if r, _ := p.Depth(); r > 3 {
						t.Error("more running than workers")
					}
					p.Release()
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if r, w := p.Depth(); r != 0 || w != 0 {
		t.Errorf("depth %d, %d", r, w)
	}
}

func TestPoolUncontendedAcquireAllocatesNothing(t *testing.T) {
	p, ctx := New(4, 4), t.Context()
	if n := testing.AllocsPerRun(100, func() {
		if p.Acquire(ctx) == nil {
			p.Release()
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantBusy(t *testing.T, err error) {
	t.Helper()
	var e *aaa.Error
	if !errors.As(err, &e) || e.Kind != aaa.KindBusy || e.RetryAfter <= 0 {
		t.Fatalf("got %v, want KindBusy with RetryAfter", err)
	}
}
