package session

import (
	"context"

	"aaa-api/internal/aaa"
)

// SuspendSession is SUSPEND: the session's client went away and may come back. OPEN resumes the session within the document's
// cookie_timeout; after that it ends with Lost-Carrier. usage are the last counters of this holder.
func (m *Manager) SuspendSession(ctx context.Context, account aaa.AccountID, sid string, usage aaa.Usage, values aaa.Values) (*aaa.SessionAnswer, error) {
	hidden, err := m.aaa.Hidden(ctx, account)
	if err != nil {
		return nil, err
	}
	holder, values, err := takeHolder(values)
	if err != nil {
		return nil, err
	}
	s, err := m.change(ctx, func() (*session, error) { return m.get(ctx, account, sid) }, func(s *session) error {
		to, err := s.allows(SUSPEND, holder)
		if err != nil {
			return err
		}
		now := m.now()
		if err := s.report(usage, values, hidden, now); err != nil {
			return err
		}
		s.move(to, now)
		s.SuspendedAt = now
		return nil
	})
	if err != nil {
		return nil, err
	}
	return m.answer(s, aaa.SessionSuspended), nil
}
