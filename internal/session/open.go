package session

import (
	"cmp"
	"context"
	"errors"
	"maps"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// maxAcctSessionID is what a RADIUS attribute can hold (RFC 2866 §5.5).
const maxAcctSessionID = 253

// OpenSession is OPEN: the answer has what the accept configured and makes its caller the session's holder. The first OPEN begins
// accounting with a Start; a session whose Start is refused, or can't be kept, stays as it was. A later OPEN resumes the session,
// suspended or not, under the same Acct-Session-Id. values are more of the caller's keys for this record and those to come; the first
// OPEN may bring an Acct-Session-Id.
func (m *Manager) OpenSession(ctx context.Context, account aaa.AccountID, sid string, values aaa.Values) (*aaa.SessionAnswer, error) {
	terms, err := m.aaa.Terms(ctx, account)
	if err != nil {
		return nil, err
	}
	holder, values, err := takeHolder(values)
	if err != nil {
		return nil, err
	}
	values, acctID, err := takeAcctSessionID(values)
	if err != nil {
		return nil, err
	}
	return m.inTurn(ctx, func() (*aaa.SessionAnswer, error) {
		var back session
		s, err := m.change(ctx, func() (*session, error) { return m.get(ctx, account, sid) }, func(s *session) error {
			back = *s
			return m.takeOpen(s, holder, acctID, values, &terms)
		})
		switch {
		case err != nil:
			return nil, err
		case back.place() != Completed:
			return m.opened(s, aaa.SessionResumed), nil
		}
		return m.start(ctx, s, &back)
	})
}

// takeAcctSessionID takes the caller's own Acct-Session-Id out of OPEN's values; empty if there is none.
func takeAcctSessionID(values aaa.Values) (rest aaa.Values, id string, err error) {
	given, ok := values[acctSessionID]
	if !ok {
		return values, "", nil
	}
	if id, _ = given.(string); id == "" || len(id) > maxAcctSessionID {
		return nil, "", aaa.Invalid(aaa.Field{Path: acctSessionID, Rule: "type", Message: "is a text of 1 to 253 octets"})
	}
	rest = maps.Clone(values)
	delete(rest, acctSessionID)
	return rest, id, nil
}

// takeOpen opens or resumes a session. It is errUnderWay while another OPEN waits for the answer to the Start: that decides
// whether there is something to resume.
func (m *Manager) takeOpen(s *session, holder, acctID string, values aaa.Values, terms *Terms) error {
	to, err := s.allows(OPEN, holder)
	if err != nil {
		return err
	}
	now := m.now()
	if at, _ := s.expires(); !at.IsZero() && !at.After(now) {
		return aaa.Errorf(aaa.KindConflict, "the session's state is %s, and its time is over: %s is not possible there", s.place(), OPEN)
	}
	if s.Starting && now.Before(s.OpenedAt.Add(underWay)) {
		return errUnderWay
	}
	if err := s.keep(values, terms.Hidden); err != nil {
		return err
	}
	s.Starting = s.place() == Completed
	if s.Starting {
		s.AcctSessionID = cmp.Or(acctID, aaa.NewID())
		s.OpenedAt = now
		s.Records++
	}
	s.move(to, now)
	s.rec.NAS = NASOf(terms.NAS, s.private.Keys)
	s.hold(now)
	return nil
}

// opened is the answer to OPEN.
func (m *Manager) opened(s *session, result aaa.SessionResult) *aaa.SessionAnswer {
	a := m.answer(s, result)
	a.Holder, a.Keys, a.AVPs = s.private.Holder, s.private.AcceptKeys, s.private.AcceptAVPs
	return a
}

// start hands over the Start of a session that was just opened. back is the session before that.
func (m *Manager) start(ctx context.Context, s, back *session) (*aaa.SessionAnswer, error) {
	res, err := m.account(ctx, s, store.SpoolStart, s.OpenedAt)
	taken := err == nil && res.Outcome != aaa.Reject
	ctx, cancel := detached(ctx)
	defer cancel()
	opened := s.OpenedAt
	after, serr := m.change(ctx, m.again(ctx, s), func(s *session) error {
		if !s.place().accounted() || !s.Starting || !s.OpenedAt.Equal(opened) {
			return errOver
		}
		if s.Starting = false; !taken {
			s.revert(back)
		}
		return nil
	})
	over := errors.Is(serr, errOver)
	switch {
	case taken:
		if serr != nil && !over {
			m.log.WarnContext(ctx, "it was not written that a session's Start was taken: for a while nobody can resume it", "account", s.rec.Account, "session", s.rec.ID, "error", serr)
		}
		return m.opened(s, aaa.SessionOpened), nil
	case serr != nil && !over:
		m.log.ErrorContext(ctx, "a session stays open whose Start was not taken", "account", s.rec.Account, "session", s.rec.ID, "error", serr)
		return nil, cmp.Or(err, serr)
	case err != nil:
		return nil, err
	case over:
		return nil, aaa.Errorf(aaa.KindConflict, "the session was closed meanwhile")
	}
	return m.answer(after, aaa.SessionRejected), nil
}
