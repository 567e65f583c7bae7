package session

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// maxAcctSessionID is what a RADIUS attribute can hold (RFC 2866 §5.5).
const maxAcctSessionID = 253

// OpenSession is OPEN: accounting begins with a Start, and the answer has what the accept configured.
// values are more of the caller's keys for this record and those to come; Acct-Session-Id among them is
// taken instead of one of ours. A session whose Start is refused, or can't be kept, stays as it was.
func (m *Manager) OpenSession(ctx context.Context, account aaa.AccountID, sid string, values aaa.Values) (*aaa.SessionAnswer, error) {
	terms, err := m.aaa.Terms(ctx, account)
	if err != nil {
		return nil, err
	}
	var back session
	s, err := m.change(ctx, func() (*session, error) { return m.get(ctx, account, sid) }, func(s *session) error {
		to, err := Next(s.place(), OPEN)
		if err != nil {
			return err
		}
		back = *s
		values := maps.Clone(values)
		s.AcctSessionID = aaa.NewID()
		if given, ok := values[acctSessionID]; ok {
			id, _ := given.(string)
			if id == "" || len(id) > maxAcctSessionID {
				return aaa.Invalid(aaa.Field{Path: acctSessionID, Rule: "type", Message: "is a text of 1 to 253 octets"})
			}
			s.AcctSessionID = id
			delete(values, acctSessionID)
		}
		if err := s.keep(values, terms.Hidden); err != nil {
			return err
		}
		now := m.now()
		s.move(to, now)
		s.Records++
		s.rec.NAS = NASOf(terms.NAS, s.private.Keys)
		s.OpenedAt, s.ChangedAt, s.NextInterim = now, now, time.Time{}
		if s.InterimInterval > 0 {
			s.NextInterim = now.Add(seconds(s.InterimInterval))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	res, err := m.account(ctx, s, store.SpoolStart, s.OpenedAt)
	if err == nil && res.Outcome != aaa.Reject {
		a := m.answer(s, aaa.SessionOpened)
		a.Keys, a.AVPs = s.private.AcceptKeys, s.private.AcceptAVPs
		return a, nil
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	reverted, serr := m.change(ctx, m.again(ctx, s), func(s *session) error {
		if s.place() != Opened {
			return errOver
		}
		s.revert(&back)
		return nil
	})
	switch {
	case serr != nil && !errors.Is(serr, errOver):
		m.log.ErrorContext(ctx, "a session stays open whose Start was not taken", "account", account, "session", s.rec.ID, "error", serr)
		return nil, cmp.Or(err, serr)
	case err != nil:
		return nil, err
	case serr != nil:
		return nil, aaa.Errorf(aaa.KindConflict, "the session was closed meanwhile")
	}
	return m.answer(reverted, aaa.SessionRejected), nil
}
