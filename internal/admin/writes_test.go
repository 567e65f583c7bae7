package admin

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admission"
	"aaa-api/internal/store"
)

func newBase(o Options) *base { return &base{Options: o, writers: admission.NewTurns(1)} }

// A writer who names a revision and loses hears of it at once.
func TestNamedRevisionIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	b := newBase(Options{})
	for expected, want := range map[int]struct {
		revisions aaa.Revisions
		tries     int
	}{
		1: {aaa.Revisions{Given: true, List: []int64{1}}, 1},
		2: {aaa.Revisions{Given: true}, 1},
		3: {aaa.Revisions{Given: true, Any: true}, 2},
		4: {aaa.Revisions{}, 2},
	} {
		tries := 0
		err := b.write(t.Context(), "a", want.revisions, func() error {
			if tries++; tries == 2 {
				return nil
			}
			return store.ErrStale
		})
		if tries != want.tries || (err == nil) != (want.tries == 2) {
			t.Errorf("%d: %d tries, %v", expected, tries, err)
		}
	}
}

// A write that can't win is given up as one that may come again, not as one whose expected revision is wrong.
func TestEndlessLosses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBase(Options{})
		begun := time.Now()
		err := b.write(t.Context(), "a", aaa.Revisions{}, func() error { return store.ErrStale })
		var e *aaa.Error
		if !errors.As(err, &e) || e.Kind != aaa.KindBusy || e.RetryAfter <= 0 {
			t.Errorf("%v", err)
		}
		if took := time.Since(begun); took < writeTime/2 || took > writeTime {
			t.Errorf("given up after %v", took)
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		if err := b.write(gone, "a", aaa.Revisions{}, func() error { return store.ErrStale }); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller who left is told %v", err)
		}
		if n := b.writers.Len(); n != 0 {
			t.Errorf("%d turns are left", n)
		}
	})
}

// TestTurnEndsBeforeTheWait: the next writer begins while the first waits until its change is in use.
func TestTurnEndsBeforeTheWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inUse := make(chan struct{})
		b := newBase(Options{Sync: func(context.Context) error { <-inUse; return nil }})
		var all sync.WaitGroup
		begun := 0
		for range 2 {
			all.Go(func() {
				if err := b.change(t.Context(), &Caller{}, "a", aaa.Revisions{}, func() error { begun++; return nil }); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		if begun != 2 {
			t.Errorf("%d writers began", begun)
		}
		close(inUse)
		all.Wait()
	})
}

// A store that hangs costs those who write to one account its patience once, not one after the other.
func TestWritersOfAStoreThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const patience = 5 * time.Second
		b := newBase(Options{})
		hangs := func() error {
			time.Sleep(patience)
			return fmt.Errorf("%w: locked", store.ErrUnavailable)
		}
		write := func(fn func() error) error { return b.write(t.Context(), "a", aaa.Revisions{}, fn) }
		var all sync.WaitGroup
		begun := time.Now()
		for range 5 {
			all.Go(func() {
				if err := write(hangs); !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("a writer is told %v", err)
				}
			})
		}
		time.Sleep(patience / 2)
		all.Go(func() { // while the first waits
			if err := write(hangs); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("the last is told %v", err)
			}
		})
		all.Wait()
		if took := time.Since(begun); took != patience {
			t.Errorf("they took %v", took)
		}
		if err := write(func() error { return nil }); err != nil {
			t.Errorf("afterwards: %v", err)
		}
		if n := b.writers.Len(); n != 0 {
			t.Errorf("%d turns are left", n)
		}

		// An error that comes at once is the writer's own: the next may find the store back.
		first := make(chan struct{})
		all.Go(func() {
			_ = write(func() error {
				close(first)
				time.Sleep(time.Millisecond)
				return store.ErrUnavailable
			})
		})
		<-first
		if err := write(func() error { return nil }); err != nil {
			t.Errorf("after a quick failure: %v", err)
		}
		all.Wait()
	})
}
