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
	maxAtOnce     = 256 // sessions that one node works on at once
	sweepInterval = 10 * time.Minute
	retention     = 24 * time.Hour // how long ended sessions can be read
	// One account may have an eighth of what a node does at once, lest one whose servers are silent keep all
	// others waiting. What is more than that waits a while, whichever node has room for it then.
	maxOfAccount = maxAtOnce / 8
	crowdedPause = 10 * time.Second
)

// RunSessions does what sessions do by themselves, until ctx ends and what it has begun is done.
func (m *Manager) RunSessions(ctx context.Context) {
	var under sync.WaitGroup
	defer under.Wait()
	poll, sweep := time.NewTicker(pollInterval), time.NewTicker(sweepInterval)
	defer poll.Stop()
	defer sweep.Stop()
	for {
		m.endLost(ctx)
		m.poll(ctx, &under)
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		case <-m.dialogues.kick:
		case <-sweep.C:
			m.sweep(ctx)
		}
	}
}

// poll claims what is due and starts it, as long as there are free slots. What was due while no node was up is
// claimed like all else, the oldest first.
func (m *Manager) poll(ctx context.Context, under *sync.WaitGroup) {
	for ctx.Err() == nil {
		free := cap(m.slots) - len(m.slots)
		if free == 0 {
			return
		}
		claimed, err := m.store.Due(ctx, m.now(), lease, m.self.Node, free)
		if err != nil {
			if ctx.Err() == nil {
				m.log.WarnContext(ctx, "due sessions could not be claimed", "error", err)
			}
			return
		}
		for _, rec := range claimed {
			if !m.enter(rec.Account) {
				m.postpone(ctx, rec)
				continue
			}
			m.slots <- struct{}{} // only this goroutine takes slots, so there is one
			under.Go(func() {
				defer func() {
					m.leave(rec.Account)
					<-m.slots
				}()
				work := context.WithoutCancel(ctx) // a claim is worked off: the node waits for it
				if err := m.work(work, rec); err != nil {
					m.log.ErrorContext(work, "a due session was not dealt with", "account", rec.Account, "session", rec.ID, "error", err)
				}
			})
		}
		if len(claimed) < free {
			return
		}
	}
}

// work opens a claimed session and does what it is due for. A panic is an error of this session, as one in a caller's request
// is of that request; the session is claimed again when the lease is over.
func (m *Manager) work(ctx context.Context, rec store.SessionRecord) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	s, err := m.open(ctx, rec)
	if err != nil {
		return err
	}
	return m.due(ctx, s)
}

// enter takes a place among what is done at once for an account; false where all are taken.
func (m *Manager) enter(account aaa.AccountID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.busy[account] >= m.ofAccount {
		return false
	}
	m.busy[account]++
	return true
}

func (m *Manager) leave(account aaa.AccountID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.busy[account]--; m.busy[account] == 0 {
		delete(m.busy, account)
	}
}

// postpone gives a claim back that is to be claimed again a little later. Should that fail, the lease ends by itself.
func (m *Manager) postpone(ctx context.Context, rec store.SessionRecord) {
	claim := rec
	var err error
	for range saveAttempts {
		rec.LeaseUntil = m.now().Add(crowdedPause)
		if _, err = m.store.Update(ctx, rec, rec.Revision); !errors.Is(err, store.ErrStale) {
			break
		}
		if rec, err = m.store.Get(ctx, rec.Account, rec.Hash); err != nil || !holds(claim, rec) {
			break
		}
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) && ctx.Err() == nil {
		m.log.WarnContext(ctx, "a claimed session was not given back", "account", rec.Account, "session", rec.ID, "error", err)
	}
}

// holds reports whether a claim is still good for the session as it now is. A caller's write keeps it,
// unless the session moves on.
func holds(claim, now store.SessionRecord) bool {
	return now.Node == claim.Node && now.LeaseUntil.Equal(claim.LeaseUntil)
}

// sweep forgets sessions that ended long ago.
func (m *Manager) sweep(ctx context.Context) {
	if _, err := m.store.DeleteEnded(ctx, m.now().Add(-retention)); err != nil && ctx.Err() == nil {
		m.log.WarnContext(ctx, "ended sessions were not deleted", "error", err)
	}
}

// due does what a claimed session is due for. A caller's write in between is taken into account: what is due is then
// decided anew, and the claim ends with the work, not with its lease.
func (m *Manager) due(ctx context.Context, s *session) error {
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
			m.deliverStop(ctx, s)
			return nil
		default:
			s.rec.LeaseUntil = time.Time{} // nothing to do
		}
		err := m.save(ctx, s)
		if err == nil {
			if expired {
				m.expired(ctx, s)
			}
			return nil
		}
		if !errors.Is(err, store.ErrStale) {
			return ignoreOver(stored(err))
		}
		if s, err = m.again(ctx, s)(); err != nil {
			return ignoreOver(err)
		}
		if !holds(claim, s.rec) {
			return nil
		}
	}
	return errors.New("the session is being changed by others all the time")
}

// expired does what follows from the end of a session whose time is over.
func (m *Manager) expired(ctx context.Context, s *session) {
	m.metrics.count(countExpired)
	m.log.InfoContext(ctx, "a session's time is over", "account", s.rec.Account, "session", s.rec.ID, "cause", s.Cause)
	if s.Stop != nil {
		m.deliverStop(ctx, s)
	}
}

// interim sends an interim update from the last counters reported. One that is not delivered is not repeated: the next
// one tells all that it would have told.
func (m *Manager) interim(ctx context.Context, s *session, now time.Time) error {
	told := s.sessionTime(now)
	s.SentTime = told
	_, err := m.account(ctx, s, statusInterim, now, aaa.NewID())
	if err == nil {
		m.metrics.count(countInterim)
	} else {
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
	return ignoreOver(serr)
}

// ignoreOver drops errors of sessions that were ended or deleted meanwhile, or taken on by another.
func ignoreOver(err error) error {
	if errors.Is(err, errOver) || aaa.KindOf(err) == aaa.KindNotFound || aaa.KindOf(err) == aaa.KindConflict {
		return nil
	}
	return err
}
