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
	// fullRetry is when to try again to begin a session where there are as many as there may be.
	fullRetry = 10 * time.Second
)

const (
	// AnswerKey is the request key of CONT that stands for the document's key of the password.
	AnswerKey = "answer"
	// ChallengeKey is the request key of CONT that names the challenge which is answered.
	ChallengeKey = "challenge"
	stateKey     = "State" // by which a challenge is handed back to its server
)

// StartSession is INIT: it begins a session with the authn request given, and returns its SID.
func (m *Manager) StartSession(ctx context.Context, req *aaa.Request) (*aaa.SessionAnswer, error) {
	terms, err := m.aaa.Terms(ctx, req.Account)
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
	s.User = terms.document("").user(req.Values)
	if err := s.keep(req.Values, terms.Hidden); err != nil {
		return nil, err
	}
	sid, err := m.create(ctx, s, &terms)
	if err != nil {
		return nil, err
	}
	out := *req
	out.Op, out.Values = aaa.Authn, maps.Clone(req.Values)
	a, err := m.login(ctx, s, &out, &terms, nil)
	if err != nil {
		return nil, err
	}
	a.SID = sid
	return a, nil
}

// create stores a new session under a new SID.
func (m *Manager) create(ctx context.Context, s *session, terms *Terms) (sid string, err error) {
	most := store.MostSessions{Live: terms.Live.Allowed, Stored: terms.Stored.Allowed}
	for range saveAttempts {
		sid = newSID()
		s.rec.Hash, _ = hashOf(sid)
		s.rec.ID = aaa.SessionID(s.rec.Hash)
		if err = m.pack(ctx, s); err != nil {
			return "", err
		}
		if err = m.store.Create(ctx, s.rec, most); !errors.Is(err, store.ErrExists) {
			break
		}
	}
	var over *store.LimitError
	switch {
	case errors.As(err, &over):
		reached := terms.Live
		if over.Limit == terms.Stored.Limit {
			reached = terms.Stored
		}
		return "", reached.Error(aaa.KindLimited, fullRetry)
	case errors.Is(err, store.ErrNotFound):
		return "", aaa.Errorf(aaa.KindNotFound, "there is no such account")
	}
	return sid, stored(err)
}

// ContinueSession is CONT: the answer to a challenge. values are the caller's keys over those of INIT; AnswerKey
// stands for the document's key of the password. ChallengeKey is optional; one of another challenge than the
// one that is out is KindConflict, and nothing is sent, but a repetition of the last CONT gets its answer. A
// session whose dialogue another node keeps in memory is continued there.
func (m *Manager) ContinueSession(ctx context.Context, account aaa.AccountID, sid string, values aaa.Values, requestID string) (*aaa.SessionAnswer, error) {
	began := time.Now()
	s, err := m.get(ctx, account, sid)
	if err != nil {
		return nil, err
	}
	elsewhere := s.place() == Cont && s.Home.Node != m.self.Node && s.Home.URL != "" && s.Home.URL != m.self.URL
	if given, ok := values[ChallengeKey]; ok && given != s.private.Challenge {
		elsewhere = false // a repetition, whose answer is in the store, or a fault
	}
	if m.peers == nil || !elsewhere {
		return m.ContinueSessionHere(ctx, account, sid, values, requestID)
	}
	terms, err := m.aaa.Terms(ctx, account)
	if err != nil {
		return nil, err
	}
	if terms.dialogue(s.Document, s.Server) {
		if s.private.Challenge != "" { // or this node, where that one's answer is lost, would answer the next prompt
			named := aaa.Values{ChallengeKey: s.private.Challenge}
			maps.Copy(named, values)
			values = named
		}
		a, err := m.askPeer(ctx, began, s.Home.URL, account, sid, values, requestID)
		if !errors.Is(err, ErrPeerAway) {
			return a, err
		}
		m.log.WarnContext(ctx, "the node that keeps a session's dialogue does not answer", "account", account, "session", s.rec.ID, "peer", s.Home.Node)
	}
	return m.ContinueSessionHere(ctx, account, sid, values, requestID)
}

// askPeer has another node continue a session, within the deadline of a request that began at a time.
func (m *Manager) askPeer(ctx context.Context, began time.Time, url string, account aaa.AccountID, sid string, values aaa.Values, requestID string) (*aaa.SessionAnswer, error) {
	if m.within > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, began.Add(m.within))
		defer cancel()
	}
	return m.peers.Continue(ctx, url, account, sid, values, requestID)
}

// ContinueSessionHere is ContinueSession on this node, wherever the dialogue began. A repetition waits for the
// request that it repeats, which may be under way on any node.
func (m *Manager) ContinueSessionHere(ctx context.Context, account aaa.AccountID, sid string, values aaa.Values, requestID string) (*aaa.SessionAnswer, error) {
	step, err := newStep(sid, values)
	if err != nil {
		return nil, err
	}
	return m.inTurn(ctx, func() (*aaa.SessionAnswer, error) { return m.takeStep(ctx, account, sid, step, requestID) })
}

// takeStep answers the challenge that is out, or repeats the answer that the same step had before.
func (m *Manager) takeStep(ctx context.Context, account aaa.AccountID, sid string, step *step, requestID string) (*aaa.SessionAnswer, error) {
	var back session // as it was, for an answer that could not be sent
	var watched bool
	var out *aaa.Request
	var answered string // the key that the answer stands for
	var terms Terms
	var before *aaa.SessionAnswer
	var written bool   // perhaps: the store's answer may be lost
	var begun *session // as it was written by an attempt whose answer was lost
	begin := func(s *session) (err error) {
		if s.begun(step) {
			begun = s
			return errWritten
		}
		if terms, err = m.aaa.Terms(ctx, account); err != nil {
			return err
		}
		if before, err = s.repeated(step); before != nil || err != nil {
			return cmp.Or(err, errRepeated)
		}
		to, err := Next(s.place(), CONT)
		if err != nil {
			return err
		}
		if err := s.answers(step); err != nil {
			return err
		}
		keys := maps.Clone(s.private.Keys)
		if keys == nil {
			keys = make(aaa.Values)
		}
		maps.Copy(keys, step.values)
		if answered, err = takeAnswer(keys, step, terms.document(s.Document)); err != nil {
			return err
		}
		keys[stateKey] = s.private.State
		out = &aaa.Request{ID: requestID, Account: account, Op: aaa.Authn, Values: keys}
		back = *s
		round := &round{Challenge: s.private.Challenge, By: step.id, Request: step.fingerprint}
		now := m.now()
		s.move(to, now)
		watched = m.dialogues.forget(s.private.State) || watched // this may run again
		s.private.State, s.private.Round, s.Until = "", round, now.Add(underWay)
		s.Rounds++
		written = true
		return nil
	}
	// From here on the caller may go away: who repeats the request gets the answer.
	writing, cancel := detached(ctx)
	defer cancel()
	read := func() (*session, error) { return m.get(writing, account, sid) }
	s, err := m.change(writing, read, begin)
	for written && aaa.KindOf(err) == aaa.KindUnavailable && m.pause(writing, repeatPause) == nil {
		s, err = m.change(writing, read, begin)
	}
	switch {
	case errors.Is(err, errWritten):
		s = begun
	case errors.Is(err, errRepeated):
		m.metrics.count(countRepeated)
		return before, nil
	case err != nil:
		if watched && aaa.KindOf(err) == aaa.KindUnavailable {
			m.dialogues.watch(&back) // it still waits, unless the store took what it did not answer
		}
		return nil, err
	}
	a, err := m.login(context.WithoutCancel(ctx), s, out, &terms, &back)
	if watched && s.place() == Cont && s.private.State == back.private.State {
		m.dialogues.watch(s) // it went back to the challenge
	}
	return a, inAnswer(err, answered)
}

// login asks the server and writes what it answers. terms are of a moment before it is asked. back
// is what a challenge's session goes back to where nothing was sent.
func (m *Manager) login(ctx context.Context, s *session, req *aaa.Request, terms *Terms, back *session) (*aaa.SessionAnswer, error) {
	res, err := m.ask(ctx, s, req)
	ctx, cancel := detached(ctx)
	defer cancel()
	now := m.now()
	if err != nil {
		if back != nil && retriable(err) {
			s.revert(back)
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
	a, err := s.take(res, terms.document(res.Document), m.self, now)
	if serr := m.keepAnswer(ctx, s); serr != nil {
		return nil, m.overtaken(serr)
	}
	if err != nil {
		m.metrics.count(countFailed)
		return nil, err
	}
	if a.Result == aaa.SessionChallenge && terms.dialogue(res.Document, res.Server) {
		m.dialogues.watch(s)
	}
	m.metrics.count(string(a.Result))
	return a, nil
}

// keepAnswer writes what a server answered, and tries again while the store is away: a failover must not cost a login whose
// State is spent.
func (m *Manager) keepAnswer(ctx context.Context, s *session) error {
	var away error
	for {
		err := m.save(ctx, s)
		switch {
		case errors.Is(err, store.ErrStale) && away != nil:
			return away // it may have been written by the attempt before: a repetition finds out
		case !errors.Is(err, store.ErrUnavailable):
			return err
		}
		away = err
		if m.pause(ctx, repeatPause) != nil {
			return away
		}
	}
}

// ask asks the server. A panic on the way there fails the session, whose login could be at any point.
func (m *Manager) ask(ctx context.Context, s *session, req *aaa.Request) (*aaa.Result, error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		ctx, cancel := detached(ctx)
		defer cancel()
		s.fail(causeLost, m.now())
		m.metrics.count(countFailed)
		if err := m.save(ctx, s); err != nil {
			m.log.ErrorContext(ctx, "a session was not written after a panic", "account", s.rec.Account, "session", s.rec.ID, "request_id", req.ID, "error", err)
		}
	}()
	res, err := m.aaa.Handle(ctx, req)
	returned = true
	return res, err
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
