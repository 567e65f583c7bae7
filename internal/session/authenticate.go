package session

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// Bounds of a login.
const (
	// MaxRounds is how many challenges are answered; one more, and the session has failed.
	MaxRounds = 16
	// underWay bounds how long a server's answer is awaited: well over the deadline of a request.
	underWay = 2 * time.Minute
	// AnswerTime is how long a challenge waits for its answer unless its Session-Timeout says (RFC 2865 §5.27).
	AnswerTime    = 5 * time.Minute
	maxAnswerTime = time.Hour
	// OpenTime is how long an authenticated session waits to be opened.
	OpenTime = 10 * time.Minute
)

const (
	// AnswerKey is the request key of CONT that stands for the document's key of the password.
	AnswerKey = "answer"
	stateKey  = "State" // by which a challenge is handed back to its server
)

// StartSession is INIT: it begins a session with the authn request given, and returns its SID.
func (m *Manager) StartSession(ctx context.Context, req *aaa.Request) (*aaa.SessionAnswer, error) {
	terms, err := m.aaa.Terms(ctx, req.Account, "", "")
	if err != nil {
		return nil, err
	}
	now := m.now()
	s := &session{rec: store.SessionRecord{Account: req.Account, State: aaa.SessionInactive, CreatedAt: now, UpdatedAt: now, Revision: 1}}
	to, err := Next(s.place(), INIT)
	if err != nil {
		return nil, err
	}
	s.move(to, now)
	s.Until = now.Add(underWay)
	s.User = terms.user(req.Values)
	if err := s.keep(req.Values, terms.Hidden); err != nil {
		return nil, err
	}
	sid, err := m.create(ctx, s)
	if err != nil {
		return nil, err
	}
	out := *req
	out.Op, out.Values = aaa.Authn, maps.Clone(req.Values)
	a, err := m.login(ctx, s, &out, nil)
	if err != nil {
		return nil, err
	}
	a.SID = sid
	return a, nil
}

// create stores a new session under a new SID.
func (m *Manager) create(ctx context.Context, s *session) (sid string, err error) {
	for range saveAttempts {
		sid = newSID()
		s.rec.Hash, _ = hashOf(sid)
		s.rec.ID = aaa.SessionID(s.rec.Hash)
		if err = m.pack(ctx, s); err != nil {
			return "", err
		}
		if err = m.store.Create(ctx, s.rec); !errors.Is(err, store.ErrExists) {
			break
		}
	}
	if errors.Is(err, store.ErrNotFound) {
		return "", aaa.Errorf(aaa.KindNotFound, "there is no such account")
	}
	return sid, stored(err)
}

// ContinueSession is CONT: the answer to a challenge. values are the caller's keys over those of INIT; AnswerKey
// stands for the document's key of the password. A session whose dialogue another node keeps in memory is
// continued there.
func (m *Manager) ContinueSession(ctx context.Context, account aaa.AccountID, sid string, values map[string]any, requestID string) (*aaa.SessionAnswer, error) {
	s, err := m.get(ctx, account, sid)
	if err != nil {
		return nil, err
	}
	elsewhere := s.place() == Cont && s.Home.Node != m.self.Node && s.Home.URL != "" && s.Home.URL != m.self.URL
	if m.peers == nil || !elsewhere {
		return m.ContinueSessionHere(ctx, account, sid, values, requestID)
	}
	terms, err := m.aaa.Terms(ctx, account, s.Document, s.Server)
	if err != nil {
		return nil, err
	}
	if terms.Dialogue {
		a, err := m.peers.Continue(ctx, s.Home.URL, account, sid, values, requestID)
		if !errors.Is(err, ErrPeerAway) {
			return a, err
		}
		m.log.WarnContext(ctx, "the node that keeps a session's dialogue does not answer", "account", account, "session", s.rec.ID, "peer", s.Home.Node)
	}
	return m.ContinueSessionHere(ctx, account, sid, values, requestID)
}

// ContinueSessionHere is ContinueSession on this node, wherever the dialogue began.
func (m *Manager) ContinueSessionHere(ctx context.Context, account aaa.AccountID, sid string, values map[string]any, requestID string) (*aaa.SessionAnswer, error) {
	var back session // as it was, for an answer that could not be sent
	var watched bool
	var out *aaa.Request
	s, err := m.change(ctx, func() (*session, error) { return m.get(ctx, account, sid) }, func(s *session) error {
		to, err := Next(s.place(), CONT)
		if err != nil {
			return err
		}
		terms, err := m.aaa.Terms(ctx, account, s.Document, s.Server)
		if err != nil {
			return err
		}
		keys := maps.Clone(s.private.Keys)
		if keys == nil {
			keys = make(map[string]any)
		}
		maps.Copy(keys, values)
		if answer, ok := keys[AnswerKey]; ok {
			password := terms.password()
			if password == "" {
				return aaa.Invalid(aaa.Field{Path: AnswerKey, Rule: "unknown", Message: "the AAA document has no rule for User-Password or password: give the answer under the rule's own key"})
			}
			delete(keys, AnswerKey)
			keys[password] = answer
		}
		keys[stateKey] = s.private.State
		out = &aaa.Request{ID: requestID, Account: account, Op: aaa.Authn, Values: keys}
		back = *s
		now := m.now()
		s.move(to, now)
		watched = m.dialogues.forget(s.private.State)
		s.private.State, s.Until = "", now.Add(underWay)
		s.Rounds++
		return nil
	})
	if err != nil {
		return nil, err
	}
	a, err := m.login(ctx, s, out, &back)
	if watched && s.place() == Cont && s.private.State == back.private.State {
		m.dialogues.watch(s) // it went back to the challenge
	}
	return a, err
}

// login asks the server and writes what it answers. back is what a challenge's session goes back to
// where nothing was sent.
func (m *Manager) login(ctx context.Context, s *session, req *aaa.Request, back *session) (*aaa.SessionAnswer, error) {
	res, err := m.aaa.Handle(ctx, req)
	var terms Terms
	if err == nil {
		terms, err = m.aaa.Terms(ctx, s.rec.Account, res.Document, res.Server)
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	now := m.now()
	if err != nil {
		if back != nil && retriable(err) {
			rec := s.rec
			*s = *back
			s.rec.Revision = rec.Revision
		} else {
			s.fail(causeLost, now)
			m.metrics.count(countFailed)
		}
		if serr := m.save(ctx, s); serr != nil {
			m.log.ErrorContext(ctx, "a session was not written after its request failed", "account", s.rec.Account, "session", s.rec.ID, "request_id", req.ID, "error", serr)
		}
		m.log.InfoContext(ctx, "a session's request failed", "account", s.rec.Account, "session", s.rec.ID, "request_id", req.ID, "state", s.rec.State, "error", err)
		if back != nil {
			err = newSession(err)
		}
		return nil, err
	}
	result, err := s.take(res, &terms, m.self, now)
	if serr := m.save(ctx, s); serr != nil {
		return nil, m.overtaken(serr)
	}
	if err != nil {
		m.metrics.count(countFailed)
		return nil, err
	}
	if terms.Dialogue && result == aaa.SessionChallenge {
		m.dialogues.watch(s)
	}
	a := m.answer(s, result)
	a.Prompt, a.Echo, a.Keys, a.AVPs = res.Prompt, res.Echo, res.Keys, res.AVPs
	return a, nil
}

// overtaken is the error of a write that nothing but the session's end can have come before.
func (m *Manager) overtaken(err error) error {
	if errors.Is(err, store.ErrStale) {
		return aaa.Errorf(aaa.KindConflict, "the session was closed meanwhile")
	}
	return stored(err)
}

// retriable tells errors of requests that were not sent for a reason that passes, or that the
// caller can put right. What is wrong with the challenge itself can't be.
func retriable(err error) bool {
	var e *aaa.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Kind {
	case aaa.KindBusy, aaa.KindUnavailable:
		return true
	case aaa.KindBadInput:
		for _, f := range e.Fields {
			if f.Path == stateKey {
				return false
			}
		}
		return len(e.Fields) > 0
	}
	return false
}

// take writes a server's answer into the session.
func (s *session) take(res *aaa.Result, terms *Terms, self home, now time.Time) (aaa.SessionResult, error) {
	s.Server, s.Document = res.Server, res.Document
	result := resultOf(res.Outcome)
	if result == aaa.SessionChallenge && s.Rounds >= MaxRounds {
		s.fail(causeUser, now)
		return "", aaa.Errorf(aaa.KindConflict, "the server still asks after %d answers: the session has failed, begin anew", MaxRounds)
	}
	s.move(answers[result], now)
	switch result {
	case aaa.SessionChallenge:
		s.private.State, s.Home = res.State, self
		s.Until = now.Add(AnswerTime)
		if n := whole(terms.attribute(res, "Session-Timeout")); n > 0 {
			s.Until = now.Add(min(seconds(n), maxAnswerTime))
		}
	case aaa.SessionAuthenticated:
		s.Until = now.Add(OpenTime)
		s.accept(res, terms)
	}
	return result, nil
}

func resultOf(o aaa.Outcome) aaa.SessionResult {
	switch o {
	case aaa.Challenge:
		return aaa.SessionChallenge
	case aaa.Reject:
		return aaa.SessionRejected
	default:
		return aaa.SessionAuthenticated
	}
}

// minInterim is the shortest interval that an accept may ask for (RFC 2869 §2.1). The account's own document may say less.
const minInterim = 60

// accept remembers what an accept says of the session.
func (s *session) accept(res *aaa.Result, terms *Terms) {
	p := &s.private
	p.Class = terms.attribute(res, "Class")
	if name, ok := terms.attribute(res, "User-Name").(string); ok {
		p.Name = name
	}
	p.AcceptKeys, p.AcceptAVPs = res.Keys, res.AVPs
	s.SessionTimeout, s.InterimInterval = terms.SessionTimeout, terms.InterimInterval
	if n := whole(terms.attribute(res, "Session-Timeout")); n > 0 {
		s.SessionTimeout = n
	}
	if n := whole(terms.attribute(res, "Acct-Interim-Interval")); n > 0 {
		s.InterimInterval = max(n, minInterim)
		if terms.InterimInterval > 0 && terms.InterimInterval < minInterim {
			s.InterimInterval = max(n, terms.InterimInterval)
		}
	}
	s.IdleTimeout = whole(terms.attribute(res, "Idle-Timeout"))
}

// whole is an attribute's number of seconds, 0 where it is none.
func whole(v any) int {
	if list, ok := v.([]any); ok && len(list) > 0 {
		v = list[0]
	}
	if v == nil {
		return 0
	}
	n, err := strconv.ParseUint(fmt.Sprint(v), 10, 32)
	if err != nil {
		return 0
	}
	return int(n)
}

// user finds the user's name in a request.
func (t *Terms) user(values map[string]any) string {
	for _, attribute := range []string{"User-Name", "user"} {
		if key := t.Key(attribute); key != "" {
			name, _ := values[key].(string)
			return name
		}
	}
	return ""
}

// password is the request key of the password.
func (t *Terms) password() string {
	if key := t.Key("User-Password"); key != "" {
		return key
	}
	return t.Key("password")
}
