package session

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// The scheduler.
const (
	pollInterval  = time.Second
	pollPause     = 50 * time.Millisecond // at least, between two polls
	sweepInterval = 10 * time.Minute
	retention     = 24 * time.Hour // how long ended sessions can be read
)

// RunSessions does what sessions do by themselves, until ctx ends and what it has begun is done.
func (m *Manager) RunSessions(ctx context.Context) {
	var under sync.WaitGroup
	defer under.Wait()
	under.Go(func() { m.sweeps(ctx) })
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		m.endLost(ctx)
		began := time.Now()
		m.poll(ctx, &under)
		took := time.Since(began)
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		case <-m.dialogues.kick:
		case <-m.shares.again:
			if m.pause(ctx, max(pollPause, took)) != nil { // the database has others to serve
				return
			}
		}
	}
}

// poll claims what is due and has a place, and starts it. What was due while no node was up is claimed like all else.
func (m *Manager) poll(ctx context.Context, under *sync.WaitGroup) {
	now := m.now()
	unused := make(map[aaa.AccountID]int) // places taken
	claimed, err := m.store.Due(ctx, now, lease, m.self.Node, func(account aaa.AccountID) bool {
		if !m.shares.enter(account, now) {
			return false
		}
		unused[account]++
		return true
	})
	if err != nil && ctx.Err() == nil {
		m.log.WarnContext(ctx, "due sessions could not be claimed", "error", err)
	}
	for _, rec := range claimed {
		unused[rec.Account]--
		under.Go(func() {
			work := context.WithoutCancel(ctx) // a claim is worked off: the node waits for it
			o, err := m.work(work, rec)
			m.shares.leave(rec.Account, o, m.now())
			if err != nil {
				m.log.ErrorContext(work, "a due session was not dealt with", "account", rec.Account, "session", rec.ID, "error", err)
			}
		})
	}
	for account, n := range unused { // others were faster
		for range n {
			m.shares.leave(account, notAsked, now)
		}
	}
}

// work opens a claimed session and does what it is due for. A panic is an error of this session, as one in a caller's request
// is of that request; the session is claimed again when the lease is over.
func (m *Manager) work(ctx context.Context, rec store.SessionRecord) (o outcome, err error) {
	defer func() {
		if p := recover(); p != nil {
			o, err = undelivered, fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	s, err := m.open(ctx, rec)
	if err != nil {
		return notAsked, err
	}
	return m.due(ctx, s)
}

// holds reports whether a claim is still good for the session as it now is. A caller's write keeps it,
// unless the session moves on.
func holds(claim, now store.SessionRecord) bool {
	return now.Node == claim.Node && now.LeaseUntil.Equal(claim.LeaseUntil)
}

// sweeps sweeps now and then. It may take long, and no timer waits for it.
func (m *Manager) sweeps(ctx context.Context) {
	sweep := time.NewTicker(sweepInterval)
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-sweep.C:
			m.sweep(ctx)
		}
	}
}

// sweep forgets sessions that ended long ago.
func (m *Manager) sweep(ctx context.Context) {
	if _, err := m.store.DeleteEnded(ctx, m.now().Add(-retention)); err != nil && ctx.Err() == nil {
		m.log.WarnContext(ctx, "ended sessions were not deleted", "error", err)
	}
	m.shares.forget(m.now().Add(-sweepInterval))
}

// due does what a claimed session is due for. A caller's write in between is taken into account: what is due is then
// decided anew, and the claim ends with the work, not with its lease.
func (m *Manager) due(ctx context.Context, s *session) (outcome, error) {
	claim := s.rec
	for range saveAttempts {
		now := m.now()
		at, cause := s.expires()
		expired := !at.IsZero() && !at.After(now)
		switch {
		case expired:
			m.end(s, cause, at) // then, even where no node was up
		case s.place() == Opened && !s.NextInterim.IsZero() && !s.NextInterim.After(now):
			return m.interim(ctx, s, now)
		case s.Stop != nil && !s.Stop.Next.After(now):
			return m.deliverStop(ctx, s), nil
		default:
			s.rec.LeaseUntil = time.Time{} // nothing to do
		}
		err := m.save(ctx, s)
		if err == nil {
			if expired {
				return m.expired(ctx, s), nil
			}
			return notAsked, nil
		}
		if !errors.Is(err, store.ErrStale) {
			return notAsked, ignoreOver(stored(err))
		}
		if s, err = m.again(ctx, s)(); err != nil {
			return notAsked, ignoreOver(err)
		}
		if !holds(claim, s.rec) {
			return notAsked, nil
		}
	}
	return notAsked, errors.New("the session is being changed by others all the time")
}

// expired does what follows from the end of a session whose time is over.
func (m *Manager) expired(ctx context.Context, s *session) outcome {
	m.metrics.count(countExpired)
	m.log.InfoContext(ctx, "a session's time is over", "account", s.rec.Account, "session", s.rec.ID, "cause", s.Cause)
	if s.Stop == nil {
		return notAsked
	}
	return m.deliverStop(ctx, s)
}

// interim sends an interim update from the last counters reported. One that is not delivered is not repeated: the next
// one tells all that it would have told.
func (m *Manager) interim(ctx context.Context, s *session, now time.Time) (outcome, error) {
	told := s.sessionTime(now)
	s.SentTime = told
	_, err := m.account(ctx, s, statusInterim, now, aaa.NewID())
	o := delivered
	if err == nil {
		m.metrics.count(countInterim)
	} else {
		o = undelivered
		m.log.WarnContext(ctx, "an interim update was not delivered", "account", s.rec.Account, "session", s.rec.ID, "error", err)
	}
	_, serr := m.change(ctx, m.again(ctx, s), func(s *session) error {
		if s.place() != Opened {
			return errOver
		}
		s.SentTime = max(s.SentTime, told)
		s.rec.LeaseUntil = time.Time{}
		s.NextInterim = now.Add(seconds(s.InterimInterval))
		return nil
	})
	return o, ignoreOver(serr)
}

// ignoreOver drops errors of sessions that were ended or deleted meanwhile, or taken on by another.
func ignoreOver(err error) error {
	if errors.Is(err, errOver) || aaa.KindOf(err) == aaa.KindNotFound || aaa.KindOf(err) == aaa.KindConflict {
		return nil
	}
	return err
}
