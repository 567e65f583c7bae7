package plans

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/store"
)

// meddling is an engine that lets something happen in the middle of each compilation, as often as times says. It keeps the
// Clients that it makes.
type meddling struct {
	idle
	times *int
	made  *[]idleClient
	with  func()
}

func (m meddling) Open(cfg engines.Config) (engines.Client, error) {
	if *m.times > 0 {
		*m.times--
		m.with()
	}
	c, err := m.idle.Open(cfg)
	if err == nil {
		*m.made = append(*m.made, c.(idleClient))
	}
	return c, err
}

// meddle makes every compilation until the limit call with. It returns how many more would, and the Clients made since.
func (f *fixture) meddle(limit int, with func()) (*int, *[]idleClient) {
	var made []idleClient
	f.tenants.engines = engines.NewRegistry(meddling{times: &limit, with: with, made: &made})
	return &limit, &made
}

// TestOvertakenPlan: a request is served by the plan that was in force when it began, however often changes of an account above
// overtake it. The plan is made once. It does not stay in force, and its clients are given back.
func TestOvertakenPlan(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.dict("root", "mine", `[{"attr":{"id":200,"type":"string","name":"Before"}}]`)
	f.put("reseller", `"aaa_mode":"inherit"`)
	f.put("customer", `"servers":[{"enabled":true,"name":"a","address":"192.0.2.1","port":1812,"retries":0,"timeout":1000,"secret":"s3cr3t","aaa_engine":"radius","dicts":["mine"]}]`)
	f.plan("reseller")
	left, made := f.meddle(1, func() {
		f.dict("root", "mine", `[{"attr":{"id":200,"type":"string","name":"After"}}]`)
	})
	before := f.level("customer").Server("a")
	if *left != 0 || len(*made) != 1 || before.Dict.ByName("Before") == nil {
		t.Errorf("%d clients were made; by the dictionary of before: %v", len(*made), before.Dict.ByName("Before") != nil)
	}
	if !(*made)[0].retired.Load() {
		t.Error("the client of a document that is not kept is still held")
	}
	if f.level("customer").Server("a").Dict.ByName("After") == nil {
		t.Error("what was before the change stays in force")
	}
}

// TestOvertakenByItsAccount: a plan is not kept if a change of the account overtakes it after its own document was compiled.
func TestOvertakenByItsAccount(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("reseller", ``)
	f.put("customer", `"aaa_mode":"inherit"`)
	f.plan("customer")
	f.put("reseller", `"workers":2`)
	f.tenants.mu.Lock()
	f.tenants.dropLevel(f.node("reseller"))
	f.tenants.dropPlan(f.node("customer"))
	f.tenants.mu.Unlock()
	f.node("reseller").old = nil // so that a client is made
	f.meddle(1, func() {
		f.bound("customer", func(a *store.Account) { a.Enabled = false })
	})
	if !f.plan("customer").Enabled {
		t.Error("a request sees half of a change")
	}
	if f.plan("customer").Enabled {
		t.Error("the plan of before the change stays in force")
	}
}

// node returns a warm account's.
func (f *fixture) node(account string) *node {
	f.t.Helper()
	n, ok := f.tenants.nodes.Load(f.ids[account])
	if !ok {
		f.t.Fatalf("%s is cold", account)
	}
	return n
}

// TestOthersChanges: changes of accounts that a plan does not depend on do not keep it from staying in force.
func TestOthersChanges(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("customer", ``)
	f.put("sibling", ``)
	f.plan("sibling")
	f.meddle(1, func() { f.put("sibling", `"workers":9`) })
	if p := f.plan("customer"); f.plan("customer") != p {
		t.Error("the plan was not kept")
	}
}

// TestDeletedMeanwhile: a plan that is being made while the account is deleted, or one above it, is not kept.
func TestDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("customer", ``)
	n := (*node)(nil)
	_, made := f.meddle(1, func() {
		n = f.node("customer")
		f.must(f.store.Accounts().Delete(f.ctx, f.ids["customer"], store.AnyRevision))
		f.sync()
	})
	f.plan("customer")
	if n.plan.Load() != nil || n.level.Load() != nil || len(f.tenants.index.children[f.ids["reseller"]]) != 0 {
		t.Error("a deleted account stays in memory")
	}
	if !(*made)[0].retired.Load() {
		t.Error("the client of a deleted account is still held")
	}
	if _, err := f.tenants.Plan(f.ctx, f.ids["customer"]); aaa.KindOf(err) != aaa.KindNotFound {
		t.Errorf("later: %v", err)
	}
}

// overtaking is a store whose next answer about a document is overtaken by a change.
type overtaking struct {
	store.Store
	during func()
}

type overtakingDocuments struct {
	store.Documents
	of *overtaking
}

func (o *overtaking) Documents() store.Documents {
	return overtakingDocuments{o.Store.Documents(), o}
}

func (d overtakingDocuments) OfAccounts(ctx context.Context, ids []aaa.AccountID, visit func(store.Stored) error) error {
	err := d.Documents.OfAccounts(ctx, ids, visit)
	if during := d.of.during; during != nil {
		d.of.during = nil
		during()
	}
	return err
}

func (d overtakingDocuments) Get(ctx context.Context, id aaa.AccountID) (store.Document, error) {
	doc, err := d.Documents.Get(ctx, id)
	if during := d.of.during; during != nil {
		d.of.during = nil
		during()
	}
	return doc, err
}

// TestChangeDuringTheFirstRead: a change that arrives while a request reads a cold account waits for it. Else the account would
// keep what was before.
func TestChangeDuringTheFirstRead(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("customer", `"workers":1`)
	f.plan("reseller")
	slow := &overtaking{Store: f.store}
	f.tenants.store = slow
	var told atomic.Bool
	done := make(chan struct{})
	slow.during = func() {
		p, err := f.preparer.Prepare(f.ctx, f.ids["customer"], documentWith(t, `"workers":2`), nil)
		f.must(err)
		_, err = f.store.Documents().Replace(f.ctx, store.Document{Account: f.ids["customer"], Body: p.Body}, store.AnyRevision, p.Uses)
		f.must(err)
		go func() {
			defer close(done)
			defer told.Store(true)
			f.tenants.Changed(f.ctx, []store.Change{{Kind: store.ChangedDocument, Account: f.ids["customer"]}}, false)
		}()
		for !told.Load() && !waiting("(*node).settled") {
			runtime.Gosched()
		}
	}
	f.plan("customer")
	<-done
	if w := f.plan("customer").Workers; w != 2 {
		t.Errorf("%d workers: the change was lost", w)
	}
}

// waiting reports whether a goroutine waits for a lock in a function.
func waiting(function string) bool {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	return slices.ContainsFunc(strings.Split(string(stacks), "\n\n"), func(g string) bool {
		return strings.Contains(g, function) && strings.Contains(g, "[sync.Mutex.Lock")
	})
}

// TestChangeWaitsAlone: while a change waits for a store that is away, requests of the account go on with what was before.
func TestChangeWaitsAlone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("customer", ``)
	f.plan("customer")
	f.node("customer").plan.Store(nil) // so that one has to be made
	asked := make(chan struct{})
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	f.tenants.store = away{f.tenants.store, asked}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.tenants.Changed(ctx, []store.Change{{Kind: store.ChangedDocument, Account: f.ids["customer"]}}, false)
	}()
	<-asked
	if p := f.plan("customer"); len(p.Routes[0].Levels) != 1 {
		t.Errorf("%+v", p.Routes[0])
	}
	cancel()
	<-done
}

// away is a store whose documents are never found in time.
type away struct {
	store.Store
	asked chan struct{}
}

func (a away) Documents() store.Documents { return silentDocuments{a.Store.Documents(), a.asked} }

type silentDocuments struct {
	store.Documents
	asked chan struct{}
}

func (s silentDocuments) Get(ctx context.Context, _ aaa.AccountID) (store.Document, error) {
	close(s.asked)
	<-ctx.Done()
	return store.Document{}, store.ErrUnavailable
}

// TestPlanEndsWithItsContext: a request whose account leaves memory again and again stops trying when its context ends.
func TestPlanEndsWithItsContext(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("reseller", ``)
	f.put("customer", ``)
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	reads := 0
	slow := &overtaking{Store: f.store}
	f.tenants.store = slow
	var again func()
	again = func() { // each time that an account was read, the one below it is gone
		if reads++; reads == 40 {
			cancel()
		}
		if n, ok := f.tenants.nodes.Load(f.ids["customer"]); ok && n.state.Load() != nil {
			f.tenants.mu.Lock()
			f.tenants.drop(n)
			f.tenants.mu.Unlock()
		}
		if n, ok := f.tenants.nodes.Load(f.ids["reseller"]); ok && n.state.Load() != nil {
			f.tenants.mu.Lock()
			f.tenants.drop(n)
			f.tenants.mu.Unlock()
		}
		slow.during = again
	}
	slow.during = again
	f.tenants.nodes.Clear()
	_, err := f.tenants.Plan(ctx, f.ids["customer"])
	if aaa.KindOf(err) != aaa.KindUnavailable || !errors.Is(err, context.Canceled) || reads > 45 {
		t.Errorf("after %d readings: %v", reads, err)
	}
}

// TestOneMoment: a request that waits while another compiles what follows on a change does not mix it with the states of before.
func TestOneMoment(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("customer", `"workers":1`)
	chain, err := f.tenants.chain(f.ctx, f.ids["customer"])
	f.must(err)
	f.put("customer", `"workers":2`)
	next := f.level("customer")
	l, err := f.tenants.compiled(f.ctx, chain)
	f.must(err)
	if l.Workers != 1 || next.Workers != 2 {
		t.Errorf("%d workers by the states of before, %d by those of after", l.Workers, next.Workers)
	}
	if f.level("customer") != next || next.Server("a").Client.(idleClient).retired.Load() {
		t.Error("what is in force does not stay")
	}
	if l.Server("a").Client != next.Server("a").Client {
		t.Error("a server that did not change has two clients")
	}
}
