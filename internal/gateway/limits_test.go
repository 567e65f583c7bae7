package gateway

import (
	"context"
	"errors"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/store"
)

// allow sets a limit of an account.
func (f *fixture) allow(account string, l aaa.Limit, n int64) {
	f.t.Helper()
	a, err := f.store.Accounts().Get(f.ctx, f.ids[account])
	f.must(err)
	set := aaa.NoLimits()
	if a.Limits != nil {
		set = *a.Limits
	}
	set[l] = n
	a.Limits = &set
	_, err = f.store.Accounts().Update(f.ctx, a.ID, store.AnyRevision, a)
	f.must(err)
	f.sync()
}

// TestRateAfterASlowPlan: a request whose plan takes long to be made is counted when it is let through: what others had used
// of the rate by then, and is free again, is not held against it.
func TestRateAfterASlowPlan(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	begun, slow := make(chan struct{}), make(chan struct{})
	f.engine.opening = func(server string) {
		if server == "c" {
			close(begun)
			<-slow
		}
	}
	f.put("sibling", doc("on", "a"))
	f.put("customer", doc("on", "c"))
	f.allow("reseller", aaa.LimitRequestsPerSecond, 100)
	f.mustAsk("sibling", aaa.Authn, nil)
	answered := make(chan error, 1)
	go func() {
		_, err := f.ask("customer", aaa.Authn, nil)
		answered <- err
	}()
	<-begun
	plan, err := f.tenants.Plan(f.ctx, f.ids["sibling"])
	f.must(err)
	for now := time.Now(); plan.Limits.Take(aaa.LimitRequestsPerSecond, now) == nil; {
	}
	enginetest.Eventually(t, "half of the rate", func() bool {
		return plan.Limits.Taken(aaa.LimitRequestsPerSecond, time.Now()) <= 50
	})
	close(slow)
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

// TestRequestsOverTheRate: nothing is sent or stored for them, and others are served.
func TestRequestsOverTheRate(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("reseller", sessionDoc(t, `"workers":4`))
	login := map[string]any{"login": "alice", "code": "wonderland"}
	start := func() (*aaa.SessionAnswer, error) {
		return f.gateway.StartSession(f.ctx, &aaa.Request{Account: f.ids["customer"], Values: login})
	}
	before, err := start()
	f.must(err)
	f.allow("reseller", aaa.LimitRequestsPerSecond, 1_000_000)
	f.allow("customer", aaa.LimitRequestsPerSecond, 0)
	f.engine.take()
	customer, sid := f.ids["customer"], before.SID
	for what, do := range map[string]func(context.Context) error{
		"authn":      func(context.Context) error { _, err := f.ask("customer", aaa.Authn, login); return err },
		"accounting": func(context.Context) error { _, err := f.ask("customer", aaa.Accounting, login); return err },
		"dry run": func(ctx context.Context) error {
			_, err := f.gateway.DryRun(ctx, &aaa.Request{Account: customer, Op: aaa.Authn, Values: login})
			return err
		},
		"INIT": func(context.Context) error { _, err := start(); return err },
		"CONT": func(ctx context.Context) error {
			_, err := f.gateway.ContinueSession(ctx, customer, sid, login, "")
			return err
		},
		"OPEN": func(ctx context.Context) error {
			_, err := f.gateway.OpenSession(ctx, customer, sid, nil)
			return err
		},
		"INTERIM": func(ctx context.Context) error {
			_, err := f.gateway.ReportSession(ctx, customer, sid, aaa.Usage{}, nil)
			return err
		},
		"SUSPEND": func(ctx context.Context) error {
			_, err := f.gateway.SuspendSession(ctx, customer, sid, aaa.Usage{}, nil)
			return err
		},
		"CLOSE": func(ctx context.Context) error {
			_, err := f.gateway.CloseSession(ctx, customer, sid, "", aaa.Usage{}, nil)
			return err
		},
	} {
		err := do(f.ctx)
		var e *aaa.Error
		if !errors.As(err, &e) || e.Kind != aaa.KindLimited || e.RetryAfter <= 0 || e.Excess == nil || *e.Excess != (aaa.Excess{
			Limit: aaa.LimitRequestsPerSecond, Account: customer, Allowed: 0, From: customer,
		}) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if sent := f.engine.take(); len(sent) != 0 {
		t.Errorf("%v were asked", sent)
	}
	if list, _, err := f.store.Sessions().List(f.ctx, customer, store.SessionsBy{}, store.Page{}); err != nil || len(list) != 1 {
		t.Errorf("%d sessions are stored, %v", len(list), err)
	}
	f.mustAsk("sibling", aaa.Authn, login)
	f.mustAsk("reseller", aaa.Authn, login)
	if got := f.counted("aaa_api_requests_total", map[string]string{"op": "authn"}); got["limited"] != 1 {
		t.Errorf("counted %v", got)
	}
	// What is set on an account bounds all below it together.
	f.allow("customer", aaa.LimitRequestsPerSecond, aaa.NotSet)
	f.allow("reseller", aaa.LimitRequestsPerSecond, 0)
	for _, account := range []string{"customer", "sibling", "reseller"} {
		if _, err := f.ask(account, aaa.Authn, login); aaa.KindOf(err) != aaa.KindLimited {
			t.Errorf("%s: %v", account, err)
		}
	}
}

// TestSessionsOverTheirNumber: one more than there may be is refused before a server is asked, until one ends.
func TestSessionsOverTheirNumber(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("customer", sessionDoc(t, `"workers":4`))
	f.allow("customer", aaa.LimitSessions, 2)
	start := func() (*aaa.SessionAnswer, error) {
		return f.gateway.StartSession(f.ctx, &aaa.Request{Account: f.ids["customer"], Values: map[string]any{"login": "alice", "code": "x"}})
	}
	first, err := start()
	f.must(err)
	_, err = start()
	f.must(err)
	f.engine.take()
	_, err = start()
	var e *aaa.Error
	if !errors.As(err, &e) || e.Kind != aaa.KindLimited || e.Excess == nil || e.Excess.Limit != aaa.LimitSessions || e.RetryAfter <= 0 {
		t.Errorf("%v", err)
	}
	if sent := f.engine.take(); len(sent) != 0 {
		t.Errorf("%v were asked", sent)
	}
	_, err = f.gateway.CloseSession(f.ctx, f.ids["customer"], first.SID, "", aaa.Usage{}, nil)
	f.must(err)
	_, err = start()
	f.must(err)
}
