package store_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/store"
)

// TestWriteDuringAReset: a change that is committed while the subscribers read everything anew is told after it, since they may
// have read what was before.
func TestWriteDuringAReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		log, h := newFakeLog(), &heard{}
		log.write(5)
		f := store.NewFollower(log, slog.New(slog.DiscardHandler), store.FollowerOptions{})
		f.Subscribe(h.told)
		f.Subscribe(func(_ context.Context, _ []store.Change, reset bool) {
			if reset {
				log.write(1)
			}
		})
		done := make(chan error, 1)
		go func() { done <- f.Run(ctx) }()
		synctest.Wait()
		want(t, h, 0, 6)
		log.set(func(f *fakeLog) { f.last, f.first = 20, 20 }) // a gap
		time.Sleep(time.Second)
		synctest.Wait()
		want(t, h, 0, 21)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
