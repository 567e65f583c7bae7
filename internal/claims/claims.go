// Package claims shares the work on records that become due in the store among the nodes of the service.
//
// A node claims a record with a lease. Until the lease ends no other node touches the record. The work on it writes the outcome
// together with the end of the lease; if the node falls before, another node claims the record after the lease. Accounts
// take turns, and each has a bounded part of a node's places (places.go): one account's backlog or silent servers delay no
// other account.
package claims

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/backoff"
)

const (
	// Interval is how often a Scheduler looks for due records at least.
	Interval    = time.Second
	leastPause  = 50 * time.Millisecond // between two looks: the database has others to serve
	pauseShare  = 4                     // with Options.Pause, a look that takes long is followed by a pause of a part of it
	forgetAfter = 10 * time.Minute      // what is known of an account without due records
	warnEvery   = time.Minute           // while the store does not answer
)

// Options are the kind of records that a Scheduler works on.
type Options[R any] struct {
	Name string // of the records, in the log
	// Claim claims due records, each with a lease. Before each it asks take, and it claims none of an account that take refuses.
	Claim func(ctx context.Context, now time.Time, take func(aaa.AccountID) bool) ([]R, error)
	// Account returns the account that a record belongs to.
	Account func(R) aaa.AccountID
	// Work does what a claimed record is due for, and ends its lease. ctx is never cancelled.
	Work func(ctx context.Context, r R) (Outcome, error)
	// Failed logs the error of a Work, which may be a panic.
	Failed func(ctx context.Context, r R, err error)
	// Before runs before each look; nil: nothing does.
	Before func(ctx context.Context)
	// Wake asks for a look before the Interval is over; nil: nothing does.
	Wake <-chan struct{}

	Places    int // records under work at once, on this node
	OfAccount int // of them those of one account
	// Pause is the least time between two looks, one that Wake asks for too. 0: a look that finds its places free again waits as long as the look
	// before it took, and 50 ms at least; one that Wake asks for does not wait.
	Pause time.Duration
	// Steady is the time between two tries of an account whose servers answered before and are silent now. 0: it grows, as it
	// does for an account whose servers never answered.
	Steady time.Duration
	// Answered reports whether a server of an account has ever answered; nil: only the records tell.
	Answered func(aaa.AccountID) bool
	Now      func() time.Time
	Log      *slog.Logger
}

// Outcome is what the work on a record showed of the servers of its account.
type Outcome uint8

// The outcomes.
const (
	NotAsked Outcome = iota // no server was asked
	Delivered
	Undelivered
	DeliveredLate // after a wait in this node's memory: the account has more places than its servers keep up with
	Crowded       // no server was asked, since others of the account took too long
)

// Scheduler works on one kind of records. It is safe for use by many goroutines.
type Scheduler[R any] struct {
	Options[R]
	places *places
	warned atomic.Int64 // when the last failed claim was logged, in nanoseconds of the Unix time; 0: the last claim succeeded
}

// New makes a Scheduler.
func New[R any](o Options[R]) *Scheduler[R] {
	p := newPlaces(o.Places, o.OfAccount)
	p.steady, p.answered = o.Steady, o.Answered
	return &Scheduler[R]{Options: o, places: p}
}

// Run looks for due records until ctx ends. It returns when the work on all claimed records has ended.
func (s *Scheduler[R]) Run(ctx context.Context) {
	var under sync.WaitGroup
	defer under.Wait()
	look := time.NewTicker(Interval)
	defer look.Stop()
	forget := time.NewTicker(forgetAfter)
	defer forget.Stop()
	for {
		if s.Before != nil {
			s.Before(ctx)
		}
		began := time.Now()
		n := s.Look(ctx, &under)
		took := time.Since(began)
		if s.Pause > 0 && n > 0 && !s.places.wasRefused() { // one look shows a part of what is due
			if backoff.Sleep(ctx, max(s.Pause, took/pauseShare)) != nil {
				return
			}
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		case <-s.Wake:
			if s.Pause > 0 && backoff.Sleep(ctx, max(s.Pause, took/pauseShare)) != nil {
				return
			}
		case <-forget.C:
			s.places.forget(s.Now().Add(-forgetAfter))
		case <-s.Again():
			pause := max(leastPause, took)
			if s.Pause > 0 {
				pause = max(s.Pause, took/pauseShare)
			}
			if backoff.Sleep(ctx, pause) != nil {
				return
			}
		}
	}
}

// Again receives when a place is free that the last look lacked.
func (s *Scheduler[R]) Again() <-chan struct{} { return s.places.again }

// Tell has the places of an account follow an exchange with its servers that was no work of this Scheduler.
func (s *Scheduler[R]) Tell(account aaa.AccountID, o Outcome) { s.places.tell(account, o, s.Now()) }

// Reset ends the wait of an account whose servers were silent: they answer again.
func (s *Scheduler[R]) Reset(account aaa.AccountID) { s.places.reset(account) }

// Look claims the due records for which there are places, starts the work on them, and says how many they are.
func (s *Scheduler[R]) Look(ctx context.Context, under *sync.WaitGroup) int {
	now := s.Now()
	unused := make(map[aaa.AccountID]int) // places taken
	claimed, err := s.Claim(ctx, now, func(account aaa.AccountID) bool {
		if !s.places.enter(account, now) {
			return false
		}
		unused[account]++
		return true
	})
	if ctx.Err() == nil {
		s.logClaim(ctx, now, err)
	}
	for _, r := range claimed {
		account := s.Account(r)
		unused[account]--
		under.Go(func() {
			work := context.WithoutCancel(ctx) // a stop of the node waits for what it has claimed
			o, err := s.work(work, r)
			s.places.leave(account, o, s.Now())
			if err != nil {
				s.Failed(work, r, err)
			}
		})
	}
	for account, n := range unused { // another node claimed these records first
		for range n {
			s.places.leave(account, NotAsked, now)
		}
	}
	return len(claimed)
}

// logClaim logs that claims fail, once in a while, and that they succeed again.
func (s *Scheduler[R]) logClaim(ctx context.Context, now time.Time, err error) {
	last := s.warned.Load()
	switch {
	case err == nil:
		if last != 0 && s.warned.CompareAndSwap(last, 0) {
			s.Log.InfoContext(ctx, "due "+s.Name+" are claimed again")
		}
	case last == 0 || now.UnixNano()-last >= int64(warnEvery):
		if s.warned.CompareAndSwap(last, now.UnixNano()) {
			s.Log.WarnContext(ctx, "due "+s.Name+" could not be claimed", "error", err)
		}
	}
}

// work turns a panic into an error of this record alone. The record is claimed again after its lease.
func (s *Scheduler[R]) work(ctx context.Context, r R) (o Outcome, err error) {
	defer func() {
		if p := recover(); p != nil {
			o, err = Undelivered, fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return s.Work(ctx, r)
}
