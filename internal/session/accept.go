package session

import (
	"fmt"
	"strconv"
	"time"

	"aaa-api/internal/aaa"
)

// take writes a server's answer into the session, and makes the caller's of it.
func (s *session) take(res *aaa.Result, doc *Document, self home, now time.Time) (*aaa.SessionAnswer, error) {
	s.Server, s.Document = res.Server, res.Document
	result := resultOf(res.Outcome)
	if result == aaa.SessionChallenge && s.Rounds >= MaxRounds {
		s.fail(causeUser, now)
		return nil, aaa.Errorf(aaa.KindConflict, "the server still asks after %d answers: the session has failed, begin anew", MaxRounds)
	}
	round := s.private.Round
	s.move(answers[result], now)
	switch result {
	case aaa.SessionChallenge:
		s.private.State, s.private.Challenge, s.Home = res.State, aaa.NewID(), self
		s.Until = now.Add(AnswerTime)
		if n := whole(doc.attribute(res, "Session-Timeout")); n > 0 {
			s.Until = now.Add(min(seconds(n), maxAnswerTime))
		}
	case aaa.SessionAuthenticated:
		s.Until = now.Add(OpenTime)
		s.accept(res, doc)
	}
	a := &aaa.SessionAnswer{
		Result: result, Prompt: res.Prompt, Echo: res.Echo, Challenge: s.private.Challenge,
		Session: s.view(now), Keys: res.Keys, AVPs: res.AVPs,
	}
	s.private.Round = round.answered(a)
	return a, nil
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
func (s *session) accept(res *aaa.Result, doc *Document) {
	p := &s.private
	p.Class, p.CUI = doc.attribute(res, "Class"), doc.attribute(res, "Chargeable-User-Identity")
	if name, ok := doc.attribute(res, "User-Name").(string); ok {
		p.Name = name
	}
	p.AcceptKeys, p.AcceptAVPs = res.Keys, res.AVPs
	s.SessionTimeout, s.InterimInterval, s.CookieTimeout = doc.SessionTimeout, doc.InterimInterval, doc.CookieTimeout
	if n := whole(doc.attribute(res, "Session-Timeout")); n > 0 {
		s.SessionTimeout = n
	}
	if n := whole(doc.attribute(res, "Acct-Interim-Interval")); n > 0 {
		s.InterimInterval = max(n, minInterim)
		if doc.InterimInterval > 0 && doc.InterimInterval < minInterim {
			s.InterimInterval = max(n, doc.InterimInterval)
		}
	}
	s.IdleTimeout = whole(doc.attribute(res, "Idle-Timeout"))
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
