package store

import (
	"sync/atomic"
	"time"
)

// staleness says whether what the subscribers know is too old to be used. A timer ends each confirmation, so that it is
// noticed also while a reading hangs, or a subscriber.
type staleness struct {
	max   time.Duration // 0: nothing is ever too old
	stale atomic.Bool
	timer *time.Timer
}

// Stale reports whether the last reading that reached the log's end began longer than MaxStaleness ago: tokens may have been
// revoked since and accounts disabled. It costs one atomic load.
func (f *Follower) Stale() bool { return f.staleness.stale.Load() }

// watchStaleness begins when Run does.
func (f *Follower) watchStaleness() {
	if f.staleness.max > 0 {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.staleness.timer = time.AfterFunc(f.staleness.max-time.Since(f.current), f.outdate)
	}
}

// outdate is called by the timer. A reading may have confirmed everything just before.
func (f *Follower) outdate() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped || time.Since(f.current) < f.staleness.max || f.staleness.stale.Swap(true) {
		return
	}
	f.log.Error("what is in memory is too old: the change log was not read for longer than max-staleness; requests are refused",
		"max_staleness", f.staleness.max.String(), "seq", f.last.Seq)
}

// confirm is called after a reading that began at f.current and reached the log's end; the caller holds mu.
func (f *Follower) confirm() {
	if f.staleness.timer == nil {
		return
	}
	left := f.staleness.max - time.Since(f.current)
	f.staleness.timer.Reset(left)
	if left > 0 && f.staleness.stale.Swap(false) {
		f.log.Warn("what is in memory is confirmed: requests are served again", "seq", f.last.Seq)
	}
}
