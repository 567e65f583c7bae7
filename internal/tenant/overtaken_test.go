package tenant

import (
	"context"
	"errors"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/store"
)

// meddling is an engine that lets something happen in the middle of each compilation, as often as times says.
type meddling struct {
	idle
	times *int
	with  func()
}

func (m meddling) Open(cfg engines.Config) (engines.Client, error) {
	if *m.times > 0 {
		*m.times--
		m.with()
	}
	return m.idle.Open(cfg)
}

// meddle makes every compilation until the limit call with. It returns how many more would.
func (f *fixture) meddle(limit int, with func()) *int {
	f.tenants.engines = engines.NewRegistry(meddling{times: &limit, with: with})
	return &limit
}

// TestOthersChanges: a plan is made once, whatever changes in accounts that it does not depend on.
func TestOthersChanges(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("customer", ``)
	f.put("sibling", ``)
	f.plan("sibling")
	left := f.meddle(20, func() {
		f.tenants.Changed(f.ctx, []store.Change{{Kind: store.ChangedDocument, Account: f.ids["sibling"]}}, false)
	})
	f.plan("customer")
	if *left != 19 {
		t.Errorf("the plan was made %d times", 20-*left)
	}
}

// TestPlanEndsWithItsContext: a request whose account's parent changes all the time stops making plans when its
// context ends.
func TestPlanEndsWithItsContext(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("reseller", `"aaa_mode":"inherit"`)
	f.put("customer", ``)
	f.plan("reseller")
	reseller, _ := f.tenants.nodes.Load(f.ids["reseller"])
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	var left *int
	left = f.meddle(20, func() {
		f.tenants.reload(f.ctx, reseller, store.ChangedDocument)
		if *left == 17 {
			cancel()
		}
	})
	_, err := f.tenants.Plan(ctx, f.ids["customer"])
	if *left != 17 || aaa.KindOf(err) != aaa.KindUnavailable || !errors.Is(err, context.Canceled) {
		t.Errorf("the plan was made %d times, three before the context ended: %v", 20-*left, err)
	}
	if p := f.plan("customer"); len(p.Routes[0].Levels) != 1 {
		t.Errorf("later: %+v", p.Routes[0])
	}
}

// TestChosenUnderTheLock: a document compiled of what was before a change, at the last moment before the change takes
// its node's lock, does not stay in force.
func TestChosenUnderTheLock(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("customer", ``)
	f.plan("customer")
	n, _ := f.tenants.nodes.Load(f.ids["customer"])
	old := n.level.Swap(nil)
	owners := func(m *node) bool {
		if m == n {
			m.level.Store(old) // the compilation ends when the account was looked at, and is not yet locked
		}
		return m == n
	}
	f.tenants.invalidate(owners, func(l *Level) bool { return l == old }, owners)
	if n.plan.Load() != nil || n.old != old {
		t.Errorf("in force still: %v; dropped: %v", n.level.Load(), n.old)
	}
}

// TestStaleLevelIsNotKept: neither a document compiled of states that a change replaced meanwhile is kept, nor the plan
// made of a document that was dropped meanwhile.
func TestStaleLevelIsNotKept(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("reseller", `"aaa_mode":"inherit"`)
	f.put("customer", ``)
	f.plan("reseller")
	chain, err := f.tenants.chain(f.ctx, f.ids["customer"])
	f.must(err)
	f.tenants.reload(f.ctx, chain[1].node, store.ChangedAccount)
	if _, err := f.tenants.level(f.ctx, chain); err != nil || chain[0].node.level.Load() != nil {
		t.Errorf("a document compiled of replaced states is in force: %v", err)
	}

	chain, err = f.tenants.chain(f.ctx, f.ids["customer"])
	f.must(err)
	levels := make([]*Level, len(chain))
	for i := range chain {
		levels[i], err = f.tenants.level(f.ctx, chain[i:])
		f.must(err)
	}
	chain[1].node.level.Store(nil) // what invalidate does
	if p := f.tenants.makePlan(chain, levels); f.tenants.keepPlan(chain, levels, p) {
		t.Error("a plan made of a dropped document is in force")
	}
}

// TestDeletedMeanwhile: a plan that was made while an ancestor was deleted is not kept.
func TestDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.plan("customer")
	chain, err := f.tenants.chain(f.ctx, f.ids["customer"])
	f.must(err)
	f.tenants.drop(chain[1].node)
	if current(chain) {
		t.Error("the states of a deleted ancestor count as current")
	}
}

// TestChangeWaitsAlone: while a change waits for a store that is away, requests of the account go on with what was before.
func TestChangeWaitsAlone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("customer", ``)
	f.plan("customer")
	n, _ := f.tenants.nodes.Load(f.ids["customer"])
	n.plan.Store(nil) // so that one has to be made
	free := make(chan bool)
	ctx, cancel := context.WithCancel(f.ctx)
	f.tenants.store = away{f.tenants.store, n, free}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.tenants.reload(ctx, n, store.ChangedDocument)
	}()
	if !<-free { // the change is at the store, which does not answer
		t.Error("the account's lock is held while the store is asked")
		cancel()
	}
	if p := f.plan("customer"); len(p.Routes[0].Levels) != 1 {
		t.Errorf("%+v", p.Routes[0])
	}
	cancel()
	<-done
}

// away is a store whose documents are never found in time. It tells whether a node's lock is free when it is asked.
type away struct {
	store.Store
	node *node
	free chan<- bool
}

func (a away) Documents() store.Documents { return silentDocuments{a.Store.Documents(), a} }

type silentDocuments struct {
	store.Documents
	of away
}

func (s silentDocuments) Get(ctx context.Context, _ aaa.AccountID) (store.Document, error) {
	free := s.of.node.mu.TryLock()
	if free {
		s.of.node.mu.Unlock()
	}
	s.of.free <- free
	<-ctx.Done()
	return store.Document{}, store.ErrUnavailable
}
