package session

import (
	"context"
	"errors"
	"slices"
	"time"

	"aaa-api/internal/aaa"
)

// ReportSession is INTERIM: the caller reports the counters, the session's time where it counts that itself. A counter
// that goes back is KindBadInput, and nothing of the report is then taken. values are kept for the accounting records to come. The records go out by the session's interval, not by the reports.
func (m *Manager) ReportSession(ctx context.Context, account aaa.AccountID, sid string, usage aaa.Usage, values aaa.Values) (*aaa.SessionAnswer, error) {
	hidden, err := m.aaa.Hidden(ctx, account)
	if err != nil {
		return nil, err
	}
	s, err := m.change(ctx, func() (*session, error) { return m.get(ctx, account, sid) }, func(s *session) error {
		if _, err := Next(s.place(), INTERIM); err != nil {
			return err
		}
		return s.report(usage, values, hidden, m.now())
	})
	if err != nil {
		return nil, err
	}
	return m.answer(s, aaa.SessionUpdated), nil
}

// CloseSession is CLOSE: the session is over, and where it was open a Stop tells so, with the last counters. cause is an
// Acct-Terminate-Cause of RFC 2866 §5.10 by name; empty means User-Request. A Stop that can't be
// delivered now is tried again later, which the caller need not know.
func (m *Manager) CloseSession(ctx context.Context, account aaa.AccountID, sid, cause string, usage aaa.Usage, values aaa.Values) (*aaa.SessionAnswer, error) {
	return m.close(ctx, account, func() (*session, error) { return m.get(ctx, account, sid) }, cause, usage, values)
}

// CloseSessionByID is CloseSession for one who knows the derived id alone.
func (m *Manager) CloseSessionByID(ctx context.Context, account aaa.AccountID, id, cause string, usage aaa.Usage, values aaa.Values) (*aaa.SessionAnswer, error) {
	return m.close(ctx, account, func() (*session, error) { return m.byID(ctx, account, id) }, cause, usage, values)
}

func (m *Manager) close(ctx context.Context, account aaa.AccountID, read func() (*session, error), cause string, usage aaa.Usage, values aaa.Values) (*aaa.SessionAnswer, error) {
	if cause == "" {
		cause = CauseUserRequest
	}
	if !slices.Contains(causes, cause) {
		return nil, aaa.Invalid(aaa.Field{Path: "cause", Rule: "enum", Message: "is no cause of RFC 2866 §5.10", Target: causes})
	}
	hidden, err := m.aaa.Hidden(ctx, account)
	if err != nil {
		return nil, err
	}
	s, err := m.change(ctx, read, func(s *session) error {
		if _, err := Next(s.place(), CLOSE); err != nil {
			return err
		}
		now := m.now()
		if s.place() == Opened {
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
		m.deliverStop(ctx, s)
	}
	return m.answer(s, aaa.SessionClosed), nil
}

// lease is how long a node has for what it claimed: well over the deadline of a request.
const lease = 90 * time.Second

// end closes a session from wherever it stands, at a time that is not in the future. An open one is left with
// a Stop that this node is about to deliver; should it fall, another does when the lease is over.
func (m *Manager) end(s *session, cause string, at time.Time) {
	from := s.place()
	to, err := Next(from, CLOSE)
	if err != nil {
		return
	}
	s.move(to, at)
	s.Cause = cause
	if from == Opened {
		now := m.now()
		s.SentTime = s.sessionTime(at)
		s.Stop = &stop{Next: now}
		s.rec.LeaseUntil, s.rec.Node = now.Add(lease), m.self.Node
	}
}

// The patience with servers that take no Stop.
const (
	firstPause = 5 * time.Second
	maxPause   = 15 * time.Minute
	stopTime   = 24 * time.Hour
)

// errOver ends a change that has become pointless.
var errOver = errors.New("the session has gone on")

// deliverStop tries to deliver a Stop that the session's record promises, and writes how that went.
func (m *Manager) deliverStop(ctx context.Context, s *session) (o outcome) {
	ctx = context.WithoutCancel(ctx) // it is no longer the caller's; requests have a deadline of their own
	_, err := m.account(ctx, s, statusStop, s.rec.EndedAt, aaa.NewID())
	if o = delivered; err != nil {
		o = undelivered
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	now := m.now()
	attrs := []any{"account", s.rec.Account, "session", s.rec.ID, "tries", s.Stop.Tries + 1, "error", err}
	saved, serr := m.change(ctx, m.again(ctx, s), func(s *session) error {
		if s.Stop == nil {
			return errOver
		}
		s.rec.LeaseUntil = time.Time{}
		s.Stop.Tries++
		switch {
		case err == nil, aaa.KindOf(err) == aaa.KindNotFound: // in the latter case the account is gone
			s.Stop = nil
		case now.Sub(s.rec.EndedAt) >= stopTime:
			s.Stop = nil
		default:
			s.Stop.Next = now.Add(pause(s.Stop.Tries))
		}
		return nil
	})
	if serr != nil {
		if !errors.Is(serr, errOver) && aaa.KindOf(serr) != aaa.KindNotFound {
			m.log.ErrorContext(ctx, "the fate of a session's Stop was not written", "account", s.rec.Account, "session", s.rec.ID, "error", serr)
		}
		return o
	}
	switch {
	case err == nil:
		m.metrics.count(countStopped)
	case saved.Stop == nil:
		m.metrics.count(countLost)
		m.log.ErrorContext(ctx, "a session's Stop was tried for a day in vain and is given up", attrs...)
	default:
		m.log.WarnContext(ctx, "a session's Stop was not delivered: it is tried again", attrs...)
	}
	*s = *saved
	return o
}

// pause is how long to wait after so many tries.
func pause(tries int) time.Duration {
	d := firstPause
	for range min(tries-1, 16) {
		d *= 2
	}
	return min(d, maxPause)
}
