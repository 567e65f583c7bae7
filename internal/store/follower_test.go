package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/store"
)

// fakeLog is a change log in memory that can be away, pruned or put back.
type fakeLog struct {
	mu     sync.Mutex
	last   int64
	first  int64 // the oldest that is kept
	parted int64 // those after it are of another history
	err    error
	reads  int
	pruned []time.Time
	wake   chan struct{}
}

func newFakeLog() *fakeLog { return &fakeLog{first: 1, parted: math.MaxInt64} }

func (f *fakeLog) write(n int) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last += int64(n)
	return f.last
}

func (f *fakeLog) set(fn func(f *fakeLog)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fn(f)
}

// at is the change of a number.
func (f *fakeLog) at(n int64) store.Change {
	c := store.Change{Seq: n}
	if n > 0 && n >= f.first {
		c.Kind = store.ChangedAccount
		if n > f.parted {
			c.At = time.Unix(1, 0)
		}
	}
	return c
}

func (f *fakeLog) Last(context.Context) (store.Change, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.at(f.last), f.err
}

func (f *fakeLog) Since(_ context.Context, after store.Change, limit int) (list []store.Change, gap bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads++
	if f.err != nil {
		return nil, false, f.err
	}
	for n := max(after.Seq+1, f.first); n <= f.last && len(list) < limit; n++ {
		list = append(list, f.at(n))
	}
	return list, after.Seq > f.last || after.Seq+1 < f.first || !f.at(after.Seq).Is(after), nil
}

// Wake makes the channel, for synctest wants one of the test's own bubble.
func (f *fakeLog) Wake(context.Context) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wake = make(chan struct{}, 1)
	return f.wake
}

func (f *fakeLog) Prune(_ context.Context, t time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pruned = append(f.pruned, t)
	return f.err
}

// heard is what a subscriber was told: numbers, and 0 for a reset.
type heard struct {
	mu  sync.Mutex
	seq []int64
}

func (h *heard) told(_ context.Context, list []store.Change, reset bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if reset {
		h.seq = append(h.seq, 0)
	}
	for _, c := range list {
		h.seq = append(h.seq, c.Seq)
	}
}

func (h *heard) take() []int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.seq
	h.seq = nil
	return s
}

// follow runs a follower of log in a bubble of its own time.
func follow(t *testing.T, log *fakeLog, test func(t *testing.T, f *store.Follower, h *heard, logged *bytes.Buffer)) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var logged bytes.Buffer
		f := store.NewFollower(log, slog.New(slog.NewTextHandler(&logged, nil)), store.FollowerOptions{Batch: 3})
		h := &heard{}
		f.Subscribe(h.told)
		done := make(chan error, 1)
		go func() { done <- f.Run(ctx) }()
		synctest.Wait()
		test(t, f, h, &logged)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run ended with %v", err)
		}
	})
}

func want(t *testing.T, h *heard, seq ...int64) {
	t.Helper()
	if got := h.take(); !slices.Equal(got, seq) {
		t.Errorf("told %v, want %v", got, seq)
	}
}

func TestFollowerBeginsAtTheEndWithAReset(t *testing.T) {
	log := newFakeLog()
	log.write(5)
	follow(t, log, func(t *testing.T, _ *store.Follower, h *heard, _ *bytes.Buffer) { want(t, h, 0) })
}

func TestFollowerReadsEverySecond(t *testing.T) {
	log := newFakeLog()
	follow(t, log, func(t *testing.T, _ *store.Follower, h *heard, _ *bytes.Buffer) {
		h.take()
		log.write(10) // more than three batches, with no wake-up
		synctest.Wait()
		want(t, h)
		time.Sleep(time.Second)
		synctest.Wait()
		want(t, h, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
		log.set(func(f *fakeLog) { f.reads = 0 })
		time.Sleep(10 * time.Second)
		synctest.Wait()
		want(t, h)
		if log.reads != 10 {
			t.Errorf("%d readings in 10 s", log.reads)
		}
	})
}

func TestFollowerIsWoken(t *testing.T) {
	log := newFakeLog()
	follow(t, log, func(t *testing.T, _ *store.Follower, h *heard, _ *bytes.Buffer) {
		h.take()
		began := time.Now()
		log.write(1)
		log.wake <- struct{}{}
		synctest.Wait()
		want(t, h, 1)
		if waited := time.Since(began); waited != 0 {
			t.Errorf("it took %v", waited)
		}
	})
}

func TestFollowerSurvivesAStoreThatIsAway(t *testing.T) {
	log := newFakeLog()
	follow(t, log, func(t *testing.T, f *store.Follower, h *heard, logged *bytes.Buffer) {
		h.take()
		log.write(2)
		log.set(func(f *fakeLog) { f.err = store.ErrUnavailable })
		time.Sleep(30 * time.Second)
		synctest.Wait()
		want(t, h)
		if err := f.Sync(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Sync says %v", err)
		}
		if lag := f.Lag(); lag < 29*time.Second || lag > 31*time.Second {
			t.Errorf("the lag is %v", lag)
		}
		if n := strings.Count(logged.String(), "\n"); n != 1 {
			t.Errorf("%d lines for one failure:\n%s", n, logged)
		}
		log.write(2)
		log.set(func(f *fakeLog) { f.err = nil })
		time.Sleep(time.Second)
		synctest.Wait()
		want(t, h, 1, 2, 3, 4) // from where it stopped, without a reset
		if n := strings.Count(logged.String(), "\n"); n != 2 {
			t.Errorf("%d lines after the recovery:\n%s", n, logged)
		}
		if lag := f.Lag(); lag > time.Second {
			t.Errorf("the lag is still %v", lag)
		}
	})
}

func TestFollowerWaitsForAStoreThatIsAwayAtTheStart(t *testing.T) {
	log := newFakeLog()
	log.write(7)
	log.err = store.ErrUnavailable
	follow(t, log, func(t *testing.T, _ *store.Follower, h *heard, _ *bytes.Buffer) {
		want(t, h)
		log.set(func(f *fakeLog) { f.err = nil })
		time.Sleep(time.Second)
		synctest.Wait()
		want(t, h, 0)
		log.write(1)
		time.Sleep(time.Second)
		synctest.Wait()
		want(t, h, 8)
	})
}

func TestFollowerResetsAtAGap(t *testing.T) {
	for name, damage := range map[string]func(f *fakeLog){
		"pruned past its position": func(f *fakeLog) { f.last, f.first = 9, 8 },
		"all pruned":               func(f *fakeLog) { f.last, f.first = 9, 10 },
		"put back":                 func(f *fakeLog) { f.last = 2 },
		"as many others in place":  func(f *fakeLog) { f.parted = 3 },
		"more others in place":     func(f *fakeLog) { f.parted, f.last = 4, 9 },
	} {
		t.Run(name, func(t *testing.T) {
			log := newFakeLog()
			log.write(5)
			follow(t, log, func(t *testing.T, f *store.Follower, h *heard, _ *bytes.Buffer) {
				h.take()
				log.set(damage)
				time.Sleep(time.Second)
				synctest.Wait()
				want(t, h, 0)
				next := log.write(1)
				if err := f.Sync(t.Context()); err != nil {
					t.Error(err)
				}
				want(t, h, next)
			})
		})
	}
}

func TestSyncWaitsForEverySubscriber(t *testing.T) {
	log := newFakeLog()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		f := store.NewFollower(log, slog.New(slog.DiscardHandler), store.FollowerOptions{})
		h, slow := &heard{}, make(chan struct{})
		f.Subscribe(h.told)
		f.Subscribe(func(_ context.Context, list []store.Change, _ bool) {
			if len(list) > 0 {
				<-slow
			}
		})
		done := make(chan error, 1)
		go func() { done <- f.Run(ctx) }()
		synctest.Wait()

		log.write(1)
		synced := make(chan error, 1)
		go func() { synced <- f.Sync(t.Context()) }()
		synctest.Wait()
		want(t, h, 0, 1) // Sync had it read at once, and waits for the second subscriber
		select {
		case err := <-synced:
			t.Fatalf("Sync returned %v before all had been told", err)
		default:
		}
		short, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if err := f.Sync(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Sync with a time limit returned %v", err)
		}
		close(slow)
		if err := <-synced; err != nil {
			t.Error(err)
		}

		cancel()
		<-done
		log.write(1)
		if err := f.Sync(t.Context()); !errors.Is(err, store.ErrFollowerStopped) {
			t.Errorf("Sync after the end returned %v", err)
		}
	})
}

// TestSyncTrustsNoNumber puts other changes in the place of those that were given: a standby that lacked the last ones was
// promoted. Whoever writes then must not find its write missing.
func TestSyncTrustsNoNumber(t *testing.T) {
	for lacks := int64(1); lacks <= 3; lacks++ {
		for writes := int64(1); writes <= 5; writes++ {
			log := newFakeLog()
			log.write(5)
			follow(t, log, func(t *testing.T, f *store.Follower, h *heard, _ *bytes.Buffer) {
				log.write(4)
				if err := f.Sync(t.Context()); err != nil {
					t.Error(err)
				}
				want(t, h, 0, 6, 7, 8, 9)
				log.set(func(f *fakeLog) { f.parted, f.last = 9-lacks, 9-lacks })
				log.write(int(writes))
				if err := f.Sync(t.Context()); err != nil {
					t.Error(err)
				}
				want(t, h, 0)
			})
		}
	}
}

func TestSyncUnderManyWriters(t *testing.T) {
	log := newFakeLog()
	follow(t, log, func(t *testing.T, f *store.Follower, h *heard, _ *bytes.Buffer) {
		h.take()
		began := time.Now()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				seq := log.write(1)
				if err := f.Sync(t.Context()); err != nil {
					t.Error(err)
				}
				h.mu.Lock()
				defer h.mu.Unlock()
				if len(h.seq) == 0 || h.seq[len(h.seq)-1] < seq {
					t.Errorf("Sync returned before change %d: %v", seq, h.seq)
				}
			})
		}
		wg.Wait()
		if got := h.take(); len(got) != 20 || !slices.IsSorted(got) {
			t.Errorf("told %v", got)
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("it took %v", waited)
		}
	})
}

func TestFollowerPrunes(t *testing.T) {
	log := newFakeLog()
	follow(t, log, func(t *testing.T, _ *store.Follower, _ *heard, _ *bytes.Buffer) {
		began := time.Now()
		time.Sleep(3*time.Hour + time.Minute)
		synctest.Wait()
		if len(log.pruned) != 3 {
			t.Fatalf("pruned %d times in 3 hours", len(log.pruned))
		}
		for n, at := range log.pruned {
			wanted := began.Add(time.Duration(n+1) * time.Hour).Add(-24 * time.Hour)
			if d := at.Sub(wanted); d < -time.Minute || d > time.Minute {
				t.Errorf("pruned up to %v, want %v", at, wanted)
			}
		}
	})
}

func ExampleFollower() {
	log := newFakeLog() // in real use a Store's Changes
	f := store.NewFollower(log, slog.New(slog.DiscardHandler), store.FollowerOptions{})
	f.Subscribe(func(_ context.Context, list []store.Change, reset bool) {
		fmt.Println(len(list), reset)
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	_ = f.Sync(ctx)
	log.write(1)
	_ = f.Sync(ctx)
	cancel()
	<-done
	// Output:
	// 0 true
	// 1 false
}
