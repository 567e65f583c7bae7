package gateway

import (
	"context"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/plans"
	"aaa-api/internal/session"
)

// sessionAAA is what sessions know of the Gateway: its Handle, and what only they ask for.
type sessionAAA struct{ *Gateway }

// Handle implements session.AAA. The rate was asked when the caller's verb came.
func (g sessionAAA) Handle(ctx context.Context, req *aaa.Request) (*aaa.Result, error) {
	start := time.Now()
	plan, err := g.plan(ctx, req.Account)
	return g.finish(ctx, plan, req, start, err)
}

// Hidden implements session.AAA.
func (g sessionAAA) Hidden(ctx context.Context, account aaa.AccountID) ([]string, error) {
	plan, err := g.tenants.Plan(ctx, account)
	if err != nil {
		return nil, err
	}
	return hiddenKeys(plan), nil
}

// hiddenKeys are the request keys of hidden attributes of all servers that a login may go to.
func hiddenKeys(plan *plans.Plan) []string {
	var keys []string
	for _, l := range plan.Routes[aaa.Authn].Levels {
		for _, s := range l.Servers {
			if rules := s.Rules[aaa.Authn]; rules != nil {
				keys = append(keys, rules.HiddenKeys()...)
			}
		}
	}
	return keys
}

// Terms implements session.AAA.
func (g sessionAAA) Terms(ctx context.Context, account aaa.AccountID) (session.Terms, error) {
	plan, err := g.plan(ctx, account)
	if err != nil {
		return session.Terms{}, err
	}
	return termsOf(plan), nil
}

// termsOf makes the Terms of a plan.
func termsOf(plan *plans.Plan) session.Terms {
	t := session.Terms{
		Live: plan.Limits.Excess(aaa.LimitSessions), Stored: plan.Limits.Excess(aaa.LimitSessionRecords),
		Hidden: hiddenKeys(plan),
	}
	if levels := plan.Routes[aaa.Accounting].Levels; len(levels) > 0 {
		t.NAS = nasKeys(levels[0])
	}
	for _, l := range plan.Routes[aaa.Authn].Levels {
		t.Documents = append(t.Documents, sessionDocument(l))
	}
	return t
}

func sessionDocument(l *plans.CompiledDocument) session.Document {
	d := session.Document{
		Account: l.Account, Keys: make(map[string]string),
		SessionTimeout: l.SessionTimeout, InterimInterval: l.InterimInterval, CookieTimeout: l.CookieTimeout,
	}
	for _, attribute := range session.Attributes {
		if key := l.Key(aaa.Authn, attribute); key != "" {
			d.Keys[attribute] = key
		}
	}
	for _, s := range l.Servers {
		if s.Traits.Dialogues {
			d.Dialogues = append(d.Dialogues, s.Name)
		}
	}
	return d
}

// What callers do to sessions takes from the account's rate before the store is asked; what sessions do by themselves does not.

// admit takes one request from an account's rate.
func (g *Gateway) admit(ctx context.Context, account aaa.AccountID) error {
	limits, err := g.tenants.Limits(ctx, account)
	if err != nil {
		return err
	}
	return limits.Take(aaa.LimitRequestsPerSecond, time.Now())
}

// StartSession implements Sessions.
func (g *Gateway) StartSession(ctx context.Context, req *aaa.Request) (*aaa.SessionAnswer, error) {
	if err := g.admit(ctx, req.Account); err != nil {
		return nil, err
	}
	if err := g.banned(ctx, req); err != nil {
		return nil, err
	}
	return g.Manager.StartSession(ctx, req)
}

// banned is the error of a login that a ban answers: no session is stored for it.
func (g *Gateway) banned(ctx context.Context, req *aaa.Request) error {
	start := time.Now()
	plan, err := g.plan(ctx, req.Account)
	if err != nil {
		return err
	}
	login := *req
	login.Op = aaa.Authn
	if err = g.router.Banned(plan, &login); err != nil {
		g.ended(ctx, plan, &login, start, nil, err)
	}
	return err
}

// ContinueSession implements Sessions.
func (g *Gateway) ContinueSession(ctx context.Context, account aaa.AccountID, sid string, values aaa.Values, requestID string) (*aaa.SessionAnswer, error) {
	if err := g.admit(ctx, account); err != nil {
		return nil, err
	}
	return g.Manager.ContinueSession(ctx, account, sid, values, requestID)
}

// OpenSession implements Sessions.
func (g *Gateway) OpenSession(ctx context.Context, account aaa.AccountID, sid string, values aaa.Values) (*aaa.SessionAnswer, error) {
	if err := g.admit(ctx, account); err != nil {
		return nil, err
	}
	return g.Manager.OpenSession(ctx, account, sid, values)
}

// ReportSession implements Sessions.
func (g *Gateway) ReportSession(ctx context.Context, account aaa.AccountID, sid string, usage aaa.Usage, values aaa.Values) (*aaa.SessionAnswer, error) {
	if err := g.admit(ctx, account); err != nil {
		return nil, err
	}
	return g.Manager.ReportSession(ctx, account, sid, usage, values)
}

// SuspendSession implements Sessions.
func (g *Gateway) SuspendSession(ctx context.Context, account aaa.AccountID, sid string, usage aaa.Usage, values aaa.Values) (*aaa.SessionAnswer, error) {
	if err := g.admit(ctx, account); err != nil {
		return nil, err
	}
	return g.Manager.SuspendSession(ctx, account, sid, usage, values)
}

// CloseSession implements Sessions.
func (g *Gateway) CloseSession(ctx context.Context, account aaa.AccountID, sid, cause string, usage aaa.Usage, values aaa.Values) (*aaa.SessionAnswer, error) {
	if err := g.admit(ctx, account); err != nil {
		return nil, err
	}
	return g.Manager.CloseSession(ctx, account, sid, cause, usage, values)
}
