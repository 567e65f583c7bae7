package gateway

import (
	"context"

	"aaa-api/internal/aaa"
	"aaa-api/internal/session"
)

// sessionAAA is what sessions know of the Gateway.
type sessionAAA struct{ gateway *Gateway }

// Handle implements session.AAA.
func (a sessionAAA) Handle(ctx context.Context, req *aaa.Request) (*aaa.Result, error) {
	if req.Op == aaa.Accounting {
		plan, err := a.gateway.plan(ctx, req.Account)
		if err != nil {
			return nil, err
		}
		if route := &plan.Routes[aaa.Accounting]; !route.Usable(aaa.Accounting) {
			return &aaa.Result{Outcome: aaa.Off, IsAuthorized: true}, nil
		}
	}
	return a.gateway.Handle(ctx, req)
}

// Terms implements session.AAA.
func (a sessionAAA) Terms(ctx context.Context, account, document aaa.AccountID, server string) (session.Terms, error) {
	plan, err := a.gateway.plan(ctx, account)
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
