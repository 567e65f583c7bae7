package session

import (
	"context"
	"time"

	"aaa-api/internal/aaa"
)

// SuspendSession is SUSPEND: the session's client went away and may come back. OPEN resumes the session within the document's
// cookie_timeout; after that it ends with Lost-Carrier. usage are the last counters of this holder.
func (m *Manager) SuspendSession(ctx context.Context, account aaa.AccountID, sid string, usage aaa.Usage, values aaa.Values) (*aaa.SessionAnswer, error) {
	return m.reported(ctx, account, sid, SUSPEND, aaa.SessionSuspended, usage, values, func(s *session, to Place, now time.Time) {
		s.move(to, now)
		s.SuspendedAt = now
	})
}
