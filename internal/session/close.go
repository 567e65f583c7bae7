package session

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/claims"
	"aaa-api/internal/store"
)

// ReportSession is INTERIM: the caller reports the counters, the session's time where it counts that itself. A counter
// that goes back is KindBadInput, and nothing of the report is then taken. values are kept for the accounting records to come. The records go out by the session's interval, not by the reports.
func (m *Manager) ReportSession(ctx context.Context, account aaa.AccountID, sid string, usage aaa.Usage, values aaa.Values) (*aaa.SessionAnswer, error) {
	return m.reported(ctx, account, sid, INTERIM, aaa.SessionUpdated, usage, values, func(*session, Place, time.Time) {})
}

// reported is a verb by which the holder reports counters; then is what the verb does beside.
func (m *Manager) reported(ctx context.Context, account aaa.AccountID, sid string, v Verb, result aaa.SessionResult, usage aaa.Usage, values aaa.Values,
	then func(s *session, to Place, now time.Time),
) (*aaa.SessionAnswer, error) {
	hidden, err := m.aaa.Hidden(ctx, account)
	if err != nil {
		return nil, err
	}
	holder, values, err := takeHolder(values)
	if err != nil {
		return nil, err
	}
	s, err := m.change(ctx, func() (*session, error) { return m.get(ctx, account, sid) }, func(s *session) error {
		to, err := s.allows(v, holder)
		if err != nil {
			return err
		}
		now := m.now()
		if err := s.report(usage, values, hidden, now); err != nil {
			return err
		}
		then(s, to, now)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return m.answer(s, result), nil
}

// CloseSession is CLOSE: the session is over, and where it was open a Stop tells so, with the last counters. cause is an
// Acct-Terminate-Cause of RFC 2866 §5.10 by name; empty means User-Request. The Stop is delivered later, which the caller need not wait for.
func (m *Manager) CloseSession(ctx context.Context, account aaa.AccountID, sid, cause string, usage aaa.Usage, values aaa.Values) (*aaa.SessionAnswer, error) {
	return m.close(ctx, account, func() (*session, error) { return m.get(ctx, account, sid) }, cmp.Or(cause, CauseUserRequest), usage, values)
}

// CloseSessionByID is CloseSession for an administrator, who knows the derived id alone: an empty cause means Admin-Reset.
//
// A session that a device keeps ends when the device says so: it is asked first. If it refuses, or gives no answer, the session goes on, which is
// KindConflict or KindNoAnswer.
func (m *Manager) CloseSessionByID(ctx context.Context, account aaa.AccountID, id, cause string, usage aaa.Usage, values aaa.Values) (*aaa.SessionAnswer, error) {
	s, err := m.byID(ctx, account, id)
	if err != nil {
		return nil, err
	}
	if s.Device != nil && s.place().accounted() {
		return m.disconnect(ctx, s, cmp.Or(cause, causeAdmin))
	}
	return m.close(ctx, account, func() (*session, error) { return m.byID(ctx, account, id) }, cmp.Or(cause, causeAdmin), usage, values)
}

func (m *Manager) close(ctx context.Context, account aaa.AccountID, read func() (*session, error), cause string, usage aaa.Usage, values aaa.Values) (*aaa.SessionAnswer, error) {
	if !slices.Contains(causes, cause) {
		return nil, aaa.Invalid(aaa.Field{Path: "cause", Rule: "enum", Message: "is no cause of RFC 2866 §5.10", Target: causes})
	}
	holder, values, err := takeHolder(values)
	if err != nil {
		return nil, err
	}
	hidden, err := m.aaa.Hidden(ctx, account)
	if err != nil {
		return nil, err
	}
	s, err := m.change(ctx, read, func(s *session) error {
		if _, err := s.allows(CLOSE, holder); err != nil {
			return err
		}
		now := m.now()
		if s.place().accounted() {
			if err := s.report(usage, values, hidden, now); err != nil {
				return err
			}
		}
		m.end(s, cause, now)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if s.Stop != nil {
		m.tellStop(ctx, s)
	}
	return m.answer(s, aaa.SessionClosed), nil
}

// leaseTime is how long a node has for what it claims: well over the deadline of a request.
const leaseTime = 90 * time.Second

// lease returns the lease of a claim that this node makes now.
func (m *Manager) lease(now time.Time) store.Lease {
	return store.Lease{Node: m.self.Node, Until: now.Add(leaseTime)}
}

// end closes a session in any place, at a time that is not in the future. An open session then has a Stop to hand over, and this
// node's lease: no other node does it before the lease is over.
func (m *Manager) end(s *session, cause string, at time.Time) {
	from := s.place()
	to, err := Next(from, CLOSE)
	if err != nil {
		return
	}
	s.move(to, at)
	s.Cause = cause
	if from.accounted() && s.Device == nil { // a device sends its Stop itself
		now := m.now()
		s.SentTime = s.sessionTime(at)
		s.Records++
		s.Stop = &stop{Next: now}
		s.rec.Lease = m.lease(now)
	}
}

// stopPause is how long a Stop waits that could not be kept: the store is away, or the account has as many records as it may.
const stopPause = 10 * time.Second

// errOver ends a change that has become pointless.
var errOver = errors.New("the session has gone on")

// tellStop hands over the Stop that a session's record promises, and writes that. A Stop that can't be kept is due again.
func (m *Manager) tellStop(ctx context.Context, s *session) claims.Outcome {
	ctx = context.WithoutCancel(ctx) // it is no longer the caller's
	_, err := m.account(ctx, s, store.SpoolStop, s.rec.EndedAt)
	if aaa.KindOf(err) == aaa.KindNotFound { // the account is gone
		err = nil
	}
	o := claims.Delivered
	if err != nil {
		o = claims.Undelivered
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	saved, serr := m.change(ctx, m.again(ctx, s), func(s *session) error {
		if s.Stop == nil {
			return errOver
		}
		s.rec.Lease.End()
		if s.Stop = nil; err != nil {
			s.Stop = &stop{Next: m.now().Add(stopPause)}
		}
		return nil
	})
	if serr != nil {
		if !errors.Is(serr, errOver) && aaa.KindOf(serr) != aaa.KindNotFound {
			m.log.ErrorContext(ctx, "the fate of a session's Stop was not written", "account", s.rec.Account, "session", s.rec.ID, "error", serr)
		}
		return o
	}
	if err == nil {
		m.metrics.count(countStopped)
	} else {
		m.log.WarnContext(ctx, "a session's Stop was not kept: that is tried again", "account", s.rec.Account, "session", s.rec.ID, "error", err)
	}
	*s = *saved
	return o
}
