package claims

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/aaa"
)

// record is due once, at a time, and free again after its lease.
type record struct {
	account aaa.AccountID
	due     time.Time
}

// table is the records of a store in memory.
type table struct {
	mu   sync.Mutex
	rows []*record
	away error
}

func (b *table) claim(_ context.Context, now time.Time, take func(aaa.AccountID) bool) (claimed []*record, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.rows {
		if !r.due.IsZero() && !r.due.After(now) && take(r.account) {
			r.due = now.Add(time.Minute)
			claimed = append(claimed, r)
		}
	}
	return claimed, b.away
}

func (b *table) settle(r *record) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r.due = time.Time{}
}

// options are those of a node whose Work settles each record at once.
func (b *table) options(log *bytes.Buffer) Options[*record] {
	return Options[*record]{
		Name: "records", Places: 8, OfAccount: 4, Now: time.Now, Log: slog.New(slog.NewTextHandler(log, nil)),
		Claim: b.claim, Account: func(r *record) aaa.AccountID { return r.account },
		Work: func(_ context.Context, r *record) (Outcome, error) {
			b.settle(r)
			return Delivered, nil
		},
		Failed: func(_ context.Context, r *record, err error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			log.WriteString("failed " + string(r.account) + ": " + err.Error())
		},
	}
}

// TestTakenOver: a node that never ends its lease loses the record when the lease is over, and not before.
func TestTakenOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &table{rows: []*record{{"a", time.Now()}}}
		silent, works := b.options(new(bytes.Buffer)), b.options(new(bytes.Buffer))
		silent.Work = func(context.Context, *record) (Outcome, error) { return NotAsked, nil }
		var under sync.WaitGroup
		New(silent).Look(t.Context(), &under)
		began := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		works.Work = func(_ context.Context, r *record) (Outcome, error) {
			b.settle(r)
			cancel()
			return Delivered, nil
		}
		New(works).Run(ctx)
		if after := time.Since(began); after < time.Minute || after > time.Minute+Interval {
			t.Errorf("another node has the record after %v", after)
		}
	})
}

// TestStopWaits: a stopped Scheduler works off what it has claimed, in a context that goes on, and claims no more.
func TestStopWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &table{rows: []*record{{"a", time.Now()}, {"b", time.Now().Add(Interval)}}}
		o := b.options(new(bytes.Buffer))
		ctx, cancel := context.WithCancel(t.Context())
		o.Work = func(work context.Context, r *record) (Outcome, error) {
			cancel()
			time.Sleep(time.Hour)
			if work.Err() != nil {
				t.Error("the work is cancelled")
			}
			b.settle(r)
			return Delivered, nil
		}
		began := time.Now()
		New(o).Run(ctx)
		if time.Since(began) != time.Hour || !b.rows[0].due.IsZero() || b.rows[1].due.IsZero() {
			t.Errorf("it stops after %v", time.Since(began))
		}
	})
}

// TestFailures: an error or a panic of one record, and a store that does not answer, are logged and stop nothing. What was claimed
// before the error is worked off, and every place is given back.
func TestFailures(t *testing.T) {
	t.Parallel()
	now := time.Now()
	b := &table{rows: []*record{{"panics", now}, {"fails", now}, {"works", now}}, away: errors.New("away")}
	var log bytes.Buffer
	o := b.options(&log)
	o.Now = func() time.Time { return now }
	var mu sync.Mutex
	var done []string
	o.Work = func(_ context.Context, r *record) (Outcome, error) {
		switch r.account {
		case "panics":
			panic("in an action")
		case "fails":
			return NotAsked, errors.New("does not open")
		}
		mu.Lock()
		defer mu.Unlock()
		done = append(done, string(r.account))
		return Delivered, nil
	}
	s := New(o)
	var under sync.WaitGroup
	s.Look(t.Context(), &under)
	under.Wait()
	for _, want := range []string{"due records could not be claimed", "away", "failed panics: panic: in an action", "failed fails: does not open"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, &log)
		}
	}
	if !slices.Equal(done, []string{"works"}) || s.places.running != 0 {
		t.Errorf("%v were worked on, and %d places are held", done, s.places.running)
	}
}

// TestLostRace: places of records that another node claimed first are free again.
func TestLostRace(t *testing.T) {
	t.Parallel()
	o := (&table{}).options(new(bytes.Buffer))
	o.Claim = func(_ context.Context, _ time.Time, take func(aaa.AccountID) bool) ([]*record, error) {
		for take("a") {
		}
		return nil, nil
	}
	s := New(o)
	for range 3 {
		var under sync.WaitGroup
		s.Look(t.Context(), &under)
		if p := s.places.parts["a"]; s.places.running != 0 || p.running != 0 || p.width != firstOfAccount || p.row > 0 {
			t.Fatalf("%d places are held, the account has %+v", s.places.running, p)
		}
	}
}

// TestWake: a wake brings the next look forward, and Before runs before each look.
func TestWake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &table{}
		o := b.options(new(bytes.Buffer))
		wake := make(chan struct{})
		looks := 0
		o.Wake, o.Before = wake, func(context.Context) { looks++ }
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { New(o).Run(ctx) })
		began := time.Now()
		for range 3 {
			wake <- struct{}{}
		}
		synctest.Wait()
		if looks != 4 || time.Since(began) != 0 {
			t.Errorf("%d looks in %v", looks, time.Since(began))
		}
		cancel()
		run.Wait()
	})
}

// TestPause: with a Pause, wakes that come all the time make no more looks than it allows, and as long as looks find something, the next one follows after it.
func TestPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const pause = 5 * time.Millisecond
		wake := make(chan struct{}, 1)
		var looks, due atomic.Int64
		due.Store(10)
		o := (&table{}).options(new(bytes.Buffer))
		o.Pause, o.Wake = pause, wake
		o.Claim = func(_ context.Context, _ time.Time, take func(aaa.AccountID) bool) ([]*record, error) {
			looks.Add(1)
			if due.Load() == 0 || !take("a") {
				return nil, nil
			}
			due.Add(-1)
			return []*record{{account: "a"}}, nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { New(o).Run(ctx) })
		time.Sleep(15 * pause)
		if due.Load() != 0 || looks.Load() != 11 {
			t.Errorf("%d looks, and %d are due still", looks.Load(), due.Load())
		}
		before := looks.Load()
		for range 1000 {
			select {
			case wake <- struct{}{}:
			default:
			}
			time.Sleep(pause / 10)
		}
		if n := looks.Load() - before; n < 90 || n > 101 {
			t.Errorf("%d looks in 100 pauses", n)
		}
		cancel()
		run.Wait()
	})
}

// TestStoreAwayIsLoggedOnceAMinute: a store that is away for an hour does not fill the log, and its return is logged.
func TestStoreAwayIsLoggedOnceAMinute(t *testing.T) {
	t.Parallel()
	now := time.Now()
	b := &table{away: errors.New("away")}
	var log bytes.Buffer
	o := b.options(&log)
	o.Now = func() time.Time { return now }
	s := New(o)
	var under sync.WaitGroup
	for range 3600 {
		s.Look(t.Context(), &under)
		now = now.Add(time.Second)
	}
	b.away = nil
	s.Look(t.Context(), &under)
	s.Look(t.Context(), &under)
	if failed, again := strings.Count(log.String(), "could not be claimed"), strings.Count(log.String(), "are claimed again"); failed != 60 || again != 1 {
		t.Errorf("%d lines, and %d of its return", failed, again)
	}
}
