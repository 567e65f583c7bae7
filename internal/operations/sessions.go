package operations

import (
	"context"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// OfSession is a verb about a session, or the question for it.
type OfSession struct {
	SID    string     // in the operations that end in ByID, the derived id
	Values aaa.Values // the caller's keys
	Usage  aaa.Usage  // what the caller reports of the counters
	Cause  string     // of a close
}

// The verbs of sessions: see gateway.Sessions.
var (
	// StartSession begins a session.
	StartSession = define("sessions.start", asks, func(ctx context.Context, s *Served, q *aaa.Request) (*aaa.SessionAnswer, error) {
		q.Account, q.Op = s.Account, aaa.Authn
		return s.Service.StartSession(ctx, q)
	}).checked(checkRequest)

	// ContinueSession answers a challenge.
	ContinueSession = define("sessions.continue", asks, func(ctx context.Context, s *Served, q *OfSession) (*aaa.SessionAnswer, error) {
		return s.Service.ContinueSession(ctx, s.Account, q.SID, q.Values, s.Who.RequestID)
	}).checked(checkSession)

	// OpenSession begins accounting, or resumes a session.
	OpenSession = define("sessions.open", asks, func(ctx context.Context, s *Served, q *OfSession) (*aaa.SessionAnswer, error) {
		return s.Service.OpenSession(ctx, s.Account, q.SID, q.Values)
	}).checked(checkSession)

	// ReportSession takes counters.
	ReportSession = define("sessions.report", asks, func(ctx context.Context, s *Served, q *OfSession) (*aaa.SessionAnswer, error) {
		return s.Service.ReportSession(ctx, s.Account, q.SID, q.Usage, q.Values)
	}).checked(checkSession)

	// SuspendSession keeps a session for a client that went away.
	SuspendSession = define("sessions.suspend", asks, func(ctx context.Context, s *Served, q *OfSession) (*aaa.SessionAnswer, error) {
		return s.Service.SuspendSession(ctx, s.Account, q.SID, q.Usage, q.Values)
	}).checked(checkSession)

	// CloseSession ends a session.
	CloseSession = define("sessions.close", asks, func(ctx context.Context, s *Served, q *OfSession) (*aaa.SessionAnswer, error) {
		return s.Service.CloseSession(ctx, s.Account, q.SID, q.Cause, q.Usage, q.Values)
	}).checked(checkSession)

	// CloseSessionByID is CloseSession for administrators: the derived id is no key to a session, as the SID is.
	CloseSessionByID = define("sessions.close.id", writes, func(ctx context.Context, s *Served, q *OfSession) (*aaa.SessionAnswer, error) {
		return s.Service.CloseSessionByID(ctx, s.Account, q.SID, q.Cause, q.Usage, q.Values)
	}).checked(checkSession)

	// Session returns a session.
	Session = define("sessions.get", reads, func(ctx context.Context, s *Served, q *OfSession) (*aaa.Session, error) {
		return s.Service.Session(ctx, s.Account, q.SID)
	}).checked(checkSession)

	// SessionByID is Session for administrators.
	SessionByID = define("sessions.get.id", writes, func(ctx context.Context, s *Served, q *OfSession) (*aaa.Session, error) {
		return s.Service.SessionByID(ctx, s.Account, q.SID)
	}).checked(checkSession)
)

// SessionPage asks for a part of the list of sessions.
type SessionPage struct {
	Filter aaa.SessionFilter
	Page   store.Page
	Below  bool // those of the accounts below it, too
}

// ListSessions lists an account's sessions.
var ListSessions = define("sessions.list", reads, func(ctx context.Context, s *Served, q *SessionPage) (Listed[aaa.Session], error) {
	list := s.Service.Sessions
	if q.Below {
		list = s.Service.SessionsBelow
	}
	return listed(list(ctx, s.Account, q.Filter, q.Page))
}).checked(func(q *SessionPage) error {
	if len(q.Filter.User) > maxNameOctets || len(q.Filter.State) > maxNameOctets || !storable(q.Filter.User) {
		return aaa.Errorf(aaa.KindBadInput, "a filter of sessions is too long, or no text")
	}
	return checkPage(q.Page)
})

// Octets that a path and a query may have, which name a session and a cause.
const maxNameOctets = 32 << 10

func checkSession(q *OfSession) error {
	if len(q.SID) > maxNameOctets || len(q.Cause) > maxNameOctets {
		return aaa.Errorf(aaa.KindBadInput, "the name of a session or the cause of its end is too long")
	}
	for _, r := range q.Usage {
		if len(r.Path) > maxNameOctets {
			return aaa.Errorf(aaa.KindBadInput, "the name of a counter is too long")
		}
	}
	return checkValues(q.Values)
}
