package plans

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/store"
)

// step ends n idleSteps.
func (f *fixture) step(n int) {
	for range n {
		f.tenants.forgetIdle()
	}
}

// TestIdleAccountsLeave: an account that nothing asks for leaves memory with its servers' clients, those above it after it. A
// request that has its plan keeps it.
func TestIdleAccountsLeave(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("customer", ``)
	f.put("sibling", ``)
	held := f.plan("customer")
	client := held.Routes[0].Levels[0].Server("a").Client.(idleClient)
	limits := f.limits("customer")
	f.step(idleSteps)
	f.plan("sibling")
	if !client.retired.Load() && f.tenants.Warm() != 5 {
		t.Fatalf("%d accounts are warm before the time", f.tenants.Warm())
	}
	f.step(1)
	if _, warm := f.tenants.nodes.Load(f.ids["customer"]); warm || !client.retired.Load() {
		t.Errorf("an account that nothing asks for is warm: %v; its client is given back: %v", warm, client.retired.Load())
	}
	if f.node("sibling").plan.Load() == nil || f.node("reseller").state.Load() == nil || f.tenants.Warm() != 4 {
		t.Errorf("%d accounts are warm: one in use, and those above it", f.tenants.Warm())
	}
	if held.Routes[0].Levels[0].Server("a") == nil || held.Limits != limits {
		t.Error("a request that runs lost its plan")
	}
	if p := f.plan("customer"); p == held || p.Limits == limits {
		t.Error("the plan of before came back")
	}
	f.step(idleSteps + 4)
	if f.tenants.Warm() != 0 || len(f.tenants.index.children) != 0 || len(f.tenants.index.users) != 0 {
		t.Errorf("%d accounts are left, %d parents and %d names in the index", f.tenants.Warm(), len(f.tenants.index.children), len(f.tenants.index.users))
	}
}

// TestBusyAccountsStay: an account does not leave memory while a request of it is at work, whatever else there is to be asked for
// counts as use, and a change does not.
func TestBusyAccountsStay(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("customer", ``)
	f.put("sibling", ``)
	p := f.plan("customer")
	if !p.Pool.TryAcquire() {
		t.Fatal("no place in the pool")
	}
	f.plan("sibling")
	f.step(idleSteps)
	f.put("sibling", `"workers":3`)
	f.step(1)
	if _, warm := f.tenants.nodes.Load(f.ids["sibling"]); warm {
		t.Error("a change keeps an account in memory")
	}
	if f.node("customer").plan.Load() != p {
		t.Error("an account left memory while a request ran")
	}
	p.Pool.Release()
	for _, ask := range []func(){
		func() { _, _ = f.tenants.Account(f.ctx, f.ids["customer"]) },
		func() { _, _ = f.tenants.Enabled(f.ctx, f.ids["customer"]) },
		func() { f.limits("customer") },
		func() { f.plan("customer") },
	} {
		ask()
		f.step(idleSteps)
		ask()
		f.step(1)
		f.node("customer")
	}
}

// TestLessonsOutliveIdleness: what a Client has learnt of its server is handed to the next one once its account comes back, however
// often that is, and whether or not a request used its document meanwhile. It goes with the account.
func TestLessonsOutliveIdleness(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("customer", ``)
	memory := func() string { return f.level("customer").Server("a").Client.(idleClient).memory }
	for _, want := range []string{"", "!", "!!"} {
		if got := memory(); got != want {
			t.Errorf("the client goes by %q, want %q", got, want)
		}
		f.step(idleSteps + 1)
		f.limits("customer") // no request
		f.step(idleSteps + 1)
		if _, warm := f.tenants.nodes.Load(f.ids["customer"]); warm {
			t.Fatal("the account is warm")
		}
	}
	id := f.ids["customer"]
	f.must(f.store.Accounts().Delete(f.ctx, id, store.AnyRevision))
	f.sync()
	if _, err := f.tenants.Plan(f.ctx, id); err == nil || len(f.tenants.lessons) != 0 {
		t.Errorf("lessons are left of a deleted account: %q", f.tenants.lessons[id])
	}
}

// pinged is a store that can be away.
type pinged struct {
	store.Store
	away atomic.Bool
}

func (p *pinged) Ping(context.Context) error {
	if p.away.Load() {
		return store.ErrUnavailable
	}
	return nil
}

// TestIdleAccountsStayWithoutAStore: an account leaves memory after an hour, but not while the store is away.
func TestIdleAccountsStayWithoutAStore(t *testing.T) {
	t.Parallel()
	system, err := systemDictionaries()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		db := &pinged{Store: &manyAccounts{document: documentWith(t, ``)}}
		tenants := New(Options{Store: db, Opener: plain{}, System: system, Engines: engines.NewRegistry(), Actions: actions(), Log: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(t.Context())
		go tenants.ForgetIdle(ctx)
		const id = aaa.AccountID("00000000000000000000000000000001")
		warm := func() bool { return tenants.warm(id) != nil }
		if _, err := tenants.Plan(ctx, id); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if !warm() {
			t.Error("an account left memory within an hour")
		}
		db.away.Store(true)
		time.Sleep(5 * time.Hour)
		synctest.Wait()
		if !warm() {
			t.Error("an account left memory while the store was away")
		}
		db.away.Store(false)
		time.Sleep(2 * idleStep)
		synctest.Wait()
		if warm() {
			t.Error("an account that nothing asks for stays in memory")
		}
		cancel()
	})
}
