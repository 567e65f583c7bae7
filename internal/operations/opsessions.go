package operations

import (
	"context"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

const (
	// sessionPage is how many sessions are read at a time.
	sessionPage = 200
	// sessionPages bounds the pages that one call reads to find the sessions asked for.
	sessionPages = 50
)

// AskSessions chooses AAA sessions.
type AskSessions struct {
	Account aaa.AccountID // with all below; empty: the root account
	User    string        // empty: any
	State   string        // of aaa.SessionFilter; empty: all that have not ended
	Ended   bool          // also those that have ended
	Start   string        // Next of the page before
}

// SessionList is a page of sessions. It may be empty and have a next one.
type SessionList struct {
	Sessions []aaa.Session
	Next     string // empty: there are no more
}

// OperatorSessions returns a page of the sessions of all nodes.
var OperatorSessions = define("operators.sessions", operators, func(ctx context.Context, s *Served, q *AskSessions) (SessionList, error) {
	top, err := s.top(ctx, q.Account)
	if err != nil {
		return SessionList{}, err
	}
	out := SessionList{Next: q.Start}
	filter := aaa.SessionFilter{User: q.User, State: q.State}
	for range sessionPages {
		var list []aaa.Session
		list, out.Next, err = s.Service.SessionsBelow(ctx, top, filter, store.Page{Start: out.Next, Limit: sessionPage})
		if err != nil {
			return SessionList{}, err
		}
		for _, v := range list {
			if q.Ended || q.State != "" || v.EndedAt.IsZero() {
				out.Sessions = append(out.Sessions, v)
			}
		}
		if out.Next == "" || len(out.Sessions) >= sessionPage {
			break
		}
	}
	return out, nil
})

// NamedSession names a session by its derived id. Without an account all are searched, which costs their number.
type NamedSession struct {
	Account aaa.AccountID
	ID      string
}

var errNoSession = &aaa.Error{Kind: aaa.KindNotFound, Message: "there is no such session"}

// OperatorSession returns a session.
var OperatorSession = define("operators.session", operators, func(ctx context.Context, s *Served, q *NamedSession) (*aaa.Session, error) {
	return s.session(ctx, q)
})

func (s *Served) session(ctx context.Context, q *NamedSession) (*aaa.Session, error) {
	if q.Account != "" {
		if err := s.exists(ctx, q.Account); err != nil {
			return nil, err
		}
		return s.Service.SessionByID(ctx, q.Account, q.ID)
	}
	root, err := s.Local.Root(ctx)
	if err != nil {
		return nil, err
	}
	for next := ""; ; {
		var list []aaa.Session
		if list, next, err = s.Service.SessionsBelow(ctx, root, aaa.SessionFilter{}, store.Page{Start: next, Limit: sessionPage}); err != nil {
			return nil, err
		}
		for i := range list {
			if list[i].ID == q.ID {
				return &list[i], nil
			}
		}
		if next == "" {
			return nil, errNoSession
		}
	}
}

// OperatorDisconnect ends a session at once.
var OperatorDisconnect = define("operators.disconnect", operators, func(ctx context.Context, s *Served, q *NamedSession) (*aaa.Session, error) {
	found, err := s.session(ctx, q)
	if err != nil {
		return nil, err
	}
	a, err := s.Service.CloseSessionByID(ctx, found.Account, found.ID, "Admin-Reset", aaa.Usage{}, nil)
	if err != nil {
		return nil, err
	}
	s.Log.InfoContext(ctx, "an operator has ended a session", "account", found.Account, "session", found.ID)
	return &a.Session, nil
})
