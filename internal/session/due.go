package session

import (
	"context"
	"errors"
	"sync"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/claims"
	"aaa-api/internal/store"
)

const (
	sweepInterval = 10 * time.Minute
	retention     = 24 * time.Hour // how long ended sessions can be read
	atOnce        = 256            // due sessions that a node works on at once
)

// timers is the Scheduler of due sessions.
func (m *Manager) timers() *claims.Scheduler[store.SessionRecord] {
	return claims.New(claims.Options[store.SessionRecord]{
		Name: "sessions", Places: atOnce, OfAccount: atOnce / 8, Now: m.now, Log: m.log,
		Before: m.endLost, Wake: m.dialogues.kick,
		Claim: func(ctx context.Context, now time.Time, take func(aaa.AccountID) bool) ([]store.SessionRecord, error) {
			return m.store.Due(ctx, now, m.lease(now), take)
		},
		Account: func(rec store.SessionRecord) aaa.AccountID { return rec.Account },
		Work: func(ctx context.Context, rec store.SessionRecord) (claims.Outcome, error) {
			s, err := m.open(ctx, rec)
			if err != nil {
				return claims.NotAsked, err
			}
			return m.due(ctx, s)
		},
		Failed: func(ctx context.Context, rec store.SessionRecord, err error) {
			m.log.ErrorContext(ctx, "a due session was not dealt with", "account", rec.Account, "session", rec.ID, "error", err)
		},
	})
}

// RunSessions does what sessions do by themselves, until ctx ends and what it has begun is done.
func (m *Manager) RunSessions(ctx context.Context) {
	var under sync.WaitGroup
	defer under.Wait()
	under.Go(func() { m.sweeps(ctx) })
	m.scheduler.Run(ctx)
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

// sweep deletes sessions that ended long ago.
func (m *Manager) sweep(ctx context.Context) {
	if _, err := m.store.DeleteEnded(ctx, m.now().Add(-retention)); err != nil && ctx.Err() == nil {
		m.log.WarnContext(ctx, "ended sessions were not deleted", "error", err)
	}
}

// due does what a claimed session is due for, and ends the claim. If a caller writes the session meanwhile, due decides anew
// what is due.
func (m *Manager) due(ctx context.Context, s *session) (claims.Outcome, error) {
	claim := s.rec.Lease
	for range saveAttempts {
		now := m.now()
		at, cause := s.expires()
		expired := !at.IsZero() && !at.After(now)
		switch {
		case expired && s.Device != nil && cause == causeTimeout:
			return m.timeOut(ctx, s)
		case expired:
			m.end(s, cause, at) // then, even where no node was up
		case s.place() == Opened && !s.NextInterim.IsZero() && !s.NextInterim.After(now):
			return m.interim(ctx, s, now)
		case s.Stop != nil && !s.Stop.Next.After(now):
			return m.tellStop(ctx, s), nil
		default:
			s.rec.Lease.End() // nothing to do
		}
		err := m.save(ctx, s)
		if err == nil {
			if expired {
				return m.expired(ctx, s), nil
			}
			return claims.NotAsked, nil
		}
		if !errors.Is(err, store.ErrStale) {
			return claims.NotAsked, ignoreOver(stored(err))
		}
		if s, err = m.again(ctx, s)(); err != nil {
			return claims.NotAsked, ignoreOver(err)
		}
		if !claim.Is(s.rec.Lease) { // a caller has moved the session on, or the lease is over
			return claims.NotAsked, nil
		}
	}
	return claims.NotAsked, errors.New("the session is being changed by others all the time")
}

// expired hands over the Stop of a session whose time is over.
func (m *Manager) expired(ctx context.Context, s *session) claims.Outcome {
	m.metrics.count(countExpired)
	m.log.InfoContext(ctx, "a session's time is over", "account", s.rec.Account, "session", s.rec.ID, "cause", s.Cause)
	if s.Stop == nil {
		return claims.NotAsked
	}
	return m.tellStop(ctx, s)
}

// interim hands over an interim update with the last reported counters. One that can't be kept is not repeated: the next one has all
// that it had.
func (m *Manager) interim(ctx context.Context, s *session, now time.Time) (claims.Outcome, error) {
	s.Records++
	s.SentTime = s.sessionTime(now)
	told, claim := s, s.rec.Lease
	_, err := m.account(ctx, s, store.SpoolInterim, now)
	o := claims.Delivered
	if err == nil {
		m.metrics.count(countInterim)
	} else {
		o = claims.Undelivered
		m.log.WarnContext(ctx, "an interim update was not kept", "account", s.rec.Account, "session", s.rec.ID, "error", err)
	}
	_, serr := m.change(ctx, m.again(ctx, s), func(s *session) error {
		if !s.place().accounted() {
			return errOver
		}
		s.SentTime, s.Records = max(s.SentTime, told.SentTime), max(s.Records, told.Records)
		if claim.Is(s.rec.Lease) { // else a caller has moved the session on, and another node may have claimed it
			s.rec.Lease.End()
		}
		s.NextInterim = now.Add(seconds(s.InterimInterval))
		return nil
	})
	return o, ignoreOver(serr)
}

// ignoreOver drops errors of sessions that were ended, deleted or moved on meanwhile.
func ignoreOver(err error) error {
	if errors.Is(err, errOver) || aaa.KindOf(err) == aaa.KindNotFound || aaa.KindOf(err) == aaa.KindConflict {
		return nil
	}
	return err
}
