package store_test

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/store"
)

// TestFollowerResetsAgain has a database put back in steps: what was read between two of them must be read again.
func TestFollowerResetsAgain(t *testing.T) {
	pass := func(d time.Duration) { time.Sleep(d); synctest.Wait() }
	log := newFakeLog()
	log.write(5)
	follow(t, log, func(t *testing.T, _ *store.Follower, h *heard, _ *bytes.Buffer) {
		pass(time.Hour)
		want(t, h, 0) // the beginning is none
		log.set(func(f *fakeLog) { f.last = 2 })
		pass(time.Second)
		want(t, h, 0)
		log.write(1)
		pass(4 * time.Second)
		want(t, h, 3)
		log.write(1)
		pass(time.Second)
		want(t, h, 0, 4) // nothing is lost by it
		pass(20 * time.Second)
		want(t, h)
		pass(5 * time.Second)
		want(t, h, 0)
		pass(5*time.Minute - 31*time.Second)
		want(t, h)

		// Nobody forgets what can't be read again.
		log.set(func(f *fakeLog) { f.err = store.ErrUnavailable })
		pass(time.Minute)
		want(t, h)
		log.set(func(f *fakeLog) { f.err = nil })
		pass(time.Second)
		want(t, h, 0)
		pass(time.Hour)
		want(t, h)
	})
}

// TestFollowerResetsAfterMissingTables has a database put back with the counter where it was before.
func TestFollowerResetsAfterMissingTables(t *testing.T) {
	log := newFakeLog()
	log.write(5)
	follow(t, log, func(t *testing.T, _ *store.Follower, h *heard, _ *bytes.Buffer) {
		want(t, h, 0)
		log.set(func(f *fakeLog) { f.err = fmt.Errorf("%w: %w", store.ErrUnavailable, store.ErrNoTables) })
		time.Sleep(time.Second)
		synctest.Wait()
		log.set(func(f *fakeLog) { f.err = store.ErrUnavailable })
		time.Sleep(time.Minute)
		synctest.Wait()
		want(t, h)
		log.set(func(f *fakeLog) { f.err = nil })
		time.Sleep(time.Second)
		synctest.Wait()
		want(t, h, 0)
		time.Sleep(6 * time.Minute)
		synctest.Wait()
		want(t, h, 0, 0, 0)
	})
}
