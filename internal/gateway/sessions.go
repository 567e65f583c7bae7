package gateway

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/session"
	"aaa-api/internal/store"
)

// SessionOptions say how a Gateway keeps AAA sessions.
type SessionOptions struct {
	Store   store.Sessions
	Node    string           // this node's name
	URL     string           // at which other nodes reach it; empty: they don't
	Peers   session.Peers    // nil: this node is the only one
	Now     func() time.Time // nil: time.Now
	Metrics *session.Metrics
	Log     *slog.Logger
}

// KeepSessions makes the Gateway keep sessions. It is called before the Gateway serves.
func (g *Gateway) KeepSessions(o SessionOptions) {
	g.sessions = session.New(session.Options{
		Store: o.Store, Vault: g.sealer, AAA: sessionAAA{g}, Peers: o.Peers,
		Node: o.Node, URL: o.URL, Now: o.Now, Metrics: o.Metrics, Log: o.Log,
	})
}

// RunSessions does what sessions do by themselves (interim updates, timeouts, Stops that are tried
// again) until ctx ends. KeepSessions was called before.
func (g *Gateway) RunSessions(ctx context.Context) { g.sessions.Run(ctx) }

var errNoSessions = errors.New("this gateway was put together without sessions")

// StartSession implements Service.
func (g *Gateway) StartSession(ctx context.Context, req *aaa.Request) (*aaa.SessionAnswer, error) {
	if g.sessions == nil {
		return nil, errNoSessions
	}
	return g.sessions.Start(ctx, req)
}

// ContinueSession implements Service.
func (g *Gateway) ContinueSession(ctx context.Context, account aaa.AccountID, sid string, values map[string]any, requestID string) (*aaa.SessionAnswer, error) {
	if g.sessions == nil {
		return nil, errNoSessions
	}
	return g.sessions.Continue(ctx, account, sid, values, requestID)
}

// ContinueSessionHere implements Service.
func (g *Gateway) ContinueSessionHere(ctx context.Context, account aaa.AccountID, sid string, values map[string]any, requestID string) (*aaa.SessionAnswer, error) {
	if g.sessions == nil {
		return nil, errNoSessions
	}
	return g.sessions.ContinueHere(ctx, account, sid, values, requestID)
}

// OpenSession implements Service.
func (g *Gateway) OpenSession(ctx context.Context, account aaa.AccountID, sid string, values map[string]any) (*aaa.SessionAnswer, error) {
	if g.sessions == nil {
		return nil, errNoSessions
	}
	return g.sessions.Open(ctx, account, sid, values)
}

// ReportSession implements Service.
func (g *Gateway) ReportSession(ctx context.Context, account aaa.AccountID, sid string, values map[string]any) (*aaa.SessionAnswer, error) {
	if g.sessions == nil {
		return nil, errNoSessions
	}
	return g.sessions.Report(ctx, account, sid, values)
}

// CloseSession implements Service.
func (g *Gateway) CloseSession(ctx context.Context, account aaa.AccountID, sid, cause string, values map[string]any) (*aaa.SessionAnswer, error) {
	if g.sessions == nil {
		return nil, errNoSessions
	}
	return g.sessions.Close(ctx, account, sid, cause, values)
}

// Session implements Service.
func (g *Gateway) Session(ctx context.Context, account aaa.AccountID, sid string) (*aaa.Session, error) {
	if g.sessions == nil {
		return nil, errNoSessions
	}
	return g.sessions.Get(ctx, account, sid)
}

// Sessions implements Service.
func (g *Gateway) Sessions(ctx context.Context, account aaa.AccountID, page store.Page) (list []aaa.Session, next string, err error) {
	if g.sessions == nil {
		return nil, "", errNoSessions
	}
	return g.sessions.List(ctx, account, page)
}

// sessionAAA is what sessions know of the Gateway.
type sessionAAA struct{ *Gateway }

// Handle implements session.AAA.
func (g sessionAAA) Handle(ctx context.Context, req *aaa.Request) (*aaa.Result, error) {
	if req.Op == aaa.Accounting {
		plan, err := g.plan(ctx, req.Account)
		if err != nil {
			return nil, err
		}
		if route := &plan.Routes[aaa.Accounting]; !route.Usable(aaa.Accounting) {
			return &aaa.Result{Outcome: aaa.Off, IsAuthorized: true}, nil
		}
	}
	return g.Gateway.Handle(ctx, req)
}

// Terms implements session.AAA.
func (g sessionAAA) Terms(ctx context.Context, account, document aaa.AccountID, server string) (session.Terms, error) {
	plan, err := g.plan(ctx, account)
	if err != nil {
		return session.Terms{}, err
	}
	levels := plan.Routes[aaa.Authn].Levels
	t := session.Terms{Key: func(string) string { return "" }}
	for i, l := range levels {
		for _, s := range l.Servers {
			if rules := s.Rules[aaa.Authn]; rules != nil {
				t.Hidden = append(t.Hidden, rules.HiddenKeys()...) // of all: any may be asked
			}
		}
		if i > 0 && l.Account != document {
			continue
		}
		t.SessionTimeout, t.InterimInterval = l.SessionTimeout, l.InterimInterval
		t.Key = func(attribute string) string { return l.Key(aaa.Authn, attribute) }
		s := l.Server(server)
		t.Dialogue = l.Account == document && s != nil && s.Engine == dialogueEngine
	}
	return t, nil
}

// dialogueEngine is the engine that keeps the dialogue of a challenge in a node's memory: its protocol
// has one connection for all of it.
const dialogueEngine = "tacacs"
