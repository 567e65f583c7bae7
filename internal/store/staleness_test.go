package store_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/store"
)

// logText is a log that is read while it is written.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// staleAfter runs a follower with a bound of the staleness in a bubble of its own time.
func staleAfter(t *testing.T, bound time.Duration, hook store.Subscriber, test func(f *store.Follower, log *fakeLog, logged *logText)) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var logged logText
		log := newFakeLog()
		f := store.NewFollower(log, slog.New(slog.NewTextHandler(&logged, nil)), store.FollowerOptions{MaxStaleness: bound})
		if hook != nil {
			f.Subscribe(hook)
		}
		done := make(chan error, 1)
		go func() { done <- f.Run(ctx) }()
		synctest.Wait()
		test(f, log, &logged)
		cancel()
		<-done
	})
}

func lines(logged *logText, of string) int { return strings.Count(logged.String(), of) }

const (
	endLine   = "what is in memory is too old"
	againLine = "what is in memory is confirmed"
)

func TestFollowerIsStaleWhileTheStoreIsAway(t *testing.T) {
	staleAfter(t, 10*time.Minute, nil, func(f *store.Follower, log *fakeLog, logged *logText) {
		time.Sleep(time.Hour)
		synctest.Wait()
		if f.Stale() || lines(logged, endLine) != 0 {
			t.Fatalf("stale with a store that answers:\n%s", logged)
		}
		for round := 1; round <= 2; round++ {
			log.set(func(f *fakeLog) { f.err = store.ErrUnavailable })
			time.Sleep(10*time.Minute - 2*time.Second)
			synctest.Wait()
			if f.Stale() {
				t.Error("stale too early")
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if !f.Stale() || lines(logged, endLine) != round {
				t.Errorf("round %d: stale %v:\n%s", round, f.Stale(), logged)
			}
			time.Sleep(time.Hour)
			synctest.Wait()
			if !f.Stale() || lines(logged, endLine) != round || lines(logged, againLine) != round-1 {
				t.Errorf("round %d, an hour later: stale %v:\n%s", round, f.Stale(), logged)
			}
			log.set(func(f *fakeLog) { f.err = nil })
			time.Sleep(time.Second)
			synctest.Wait()
			if f.Stale() || lines(logged, againLine) != round {
				t.Errorf("round %d: still stale %v:\n%s", round, f.Stale(), logged)
			}
		}
	})
}

// A subscriber that waits for the store keeps the follower from looking at the clock.
func TestFollowerIsStaleWhileASubscriberHangs(t *testing.T) {
	goOn := make(chan struct{})
	hangs := false
	hook := func(context.Context, []store.Change, bool) {
		if hangs {
			<-goOn
		}
	}
	staleAfter(t, time.Minute, hook, func(f *store.Follower, log *fakeLog, _ *logText) {
		hangs, goOn = true, make(chan struct{})
		log.write(1)
		time.Sleep(62 * time.Second)
		synctest.Wait()
		if !f.Stale() {
			t.Error("not stale")
		}
		close(goOn)
		synctest.Wait()
		time.Sleep(time.Second)
		synctest.Wait()
		if f.Stale() {
			t.Error("still stale")
		}
	})
}

func TestFollowerIsNeverStaleWithoutABound(t *testing.T) {
	staleAfter(t, 0, nil, func(f *store.Follower, log *fakeLog, logged *logText) {
		log.set(func(f *fakeLog) { f.err = store.ErrUnavailable })
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if f.Stale() || lines(logged, endLine) != 0 {
			t.Errorf("stale:\n%s", logged)
		}
	})
}

// A node whose store is away from the start is stale, too.
func TestFollowerIsStaleFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		log := newFakeLog()
		log.err = store.ErrUnavailable
		f := store.NewFollower(log, slog.New(slog.DiscardHandler), store.FollowerOptions{MaxStaleness: time.Minute})
		done := make(chan error, 1)
		go func() { done <- f.Run(ctx) }()
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		if !f.Stale() {
			t.Error("not stale")
		}
		cancel()
		<-done
	})
}
