package plans

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// counted is a store that counts the queries that tenants read it by. The first failures of those of several accounts fail.
type counted struct {
	store.Store
	queries, failures atomic.Int64
	failed            chan struct{} // has a place for the first failure; may be nil
}

// page is the error of a query of several accounts.
func (c *counted) page() error {
	c.queries.Add(1)
	if c.failures.Add(-1) < 0 {
		return nil
	}
	select {
	case c.failed <- struct{}{}:
	default:
	}
	return store.ErrUnavailable
}

type (
	countedAccounts struct {
		store.Accounts
		of *counted
	}
	countedDocuments struct {
		store.Documents
		of *counted
	}
	countedDicts struct {
		store.Dictionaries
		of *counted
	}
	countedTexts struct {
		store.Texts
		of *counted
	}
)

func (c *counted) Accounts() store.Accounts { return countedAccounts{c.Store.Accounts(), c} }

func (c *counted) Documents() store.Documents { return countedDocuments{c.Store.Documents(), c} }

func (c *counted) Dictionaries() store.Dictionaries { return countedDicts{c.Store.Dictionaries(), c} }
func (c *counted) Texts() store.Texts               { return countedTexts{c.Store.Texts(), c} }

func (a countedAccounts) Get(ctx context.Context, id aaa.AccountID) (store.Account, error) {
	a.of.queries.Add(1)
	return a.Accounts.Get(ctx, id)
}

func (d countedDocuments) Get(ctx context.Context, id aaa.AccountID) (store.Document, error) {
	d.of.queries.Add(1)
	return d.Documents.Get(ctx, id)
}

func (d countedDocuments) OfAccounts(ctx context.Context, ids []aaa.AccountID, visit func(store.Stored) error) error {
	if err := d.of.page(); err != nil {
		return err
	}
	return d.Documents.OfAccounts(ctx, ids, visit)
}

func (d countedDicts) All(ctx context.Context, id aaa.AccountID) ([]store.Dictionary, error) {
	d.of.queries.Add(1)
	return d.Dictionaries.All(ctx, id)
}

func (x countedTexts) All(ctx context.Context, id aaa.AccountID) ([]store.Text, error) {
	x.of.queries.Add(1)
	return x.Texts.All(ctx, id)
}

// TestResetInPages: a reset reads many accounts by one query, and only what has dictionaries or texts by itself. What each account
// runs by is new afterwards, also where the store was away at first.
func TestResetInPages(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	accounts := 2*store.MaxOfAccounts + 10
	for i := range accounts {
		name := fmt.Sprintf("many%d", i)
		a, err := f.store.Accounts().Create(f.ctx, store.Account{Name: name, ParentID: f.ids["root"], Enabled: true})
		f.must(err)
		f.ids[name] = a.ID
		f.put(name, `"aaa_mode":"inherit"`)
	}
	f.dict("many7", "own", `[{"attr":{"id":200,"type":"string","name":"Own"}}]`)
	f.put("root", `"workers":1`)
	for i := range accounts {
		f.plan(fmt.Sprintf("many%d", i))
	}
	f.plan("customer")

	// A database was put back: nothing tells what differs.
	body := f.prepared("customer", `"workers":5`)
	_, err := f.store.Documents().Create(f.ctx, store.Document{Account: f.ids["customer"], Body: body}, nil)
	f.must(err)
	f.must(f.store.Documents().Delete(f.ctx, f.ids["many3"], store.AnyRevision, ""))
	f.must(f.store.Accounts().Delete(f.ctx, f.ids["many5"], store.AnyRevision))
	watched := &counted{Store: f.store}
	watched.failures.Store(1)
	f.tenants.store, f.tenants.retry = watched, 1
	f.tenants.Changed(f.ctx, nil, true)

	// One is the system configuration's, one failed, two are many7's dictionaries and texts.
	if n, most := watched.queries.Load(), int64(accounts/store.MaxOfAccounts+1+4); n > most {
		t.Errorf("%d queries for %d accounts, want at most %d", n, accounts, most)
	}
	if w := f.plan("customer").Workers; w != 5 {
		t.Errorf("%d workers of the document that is stored now", w)
	}
	if _, err := f.tenants.Document(f.ids["many3"]); err == nil {
		t.Error("a document that is gone is still there")
	}
	if _, err := f.tenants.Plan(f.ctx, f.ids["many5"]); aaa.KindOf(err) != aaa.KindNotFound {
		t.Errorf("an account that is gone: %v", err)
	}
	if d, err := f.tenants.Dictionaries(f.ids["many7"]); err != nil || len(d) != 1 {
		t.Errorf("%d dictionaries, %v", len(d), err)
	}
}

// prepared is the body of a document as put stores it.
func (f *fixture) prepared(account, members string) []byte {
	f.t.Helper()
	p, err := f.preparer.Prepare(f.ctx, f.ids[account], documentWith(f.t, members), nil)
	f.must(err)
	return p.Body
}

// TestResetWhileAccountsAreUsed: while a reset waits for the store, warm accounts run by what was before.
func TestResetWhileAccountsAreUsed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("customer", `"workers":7`)
	f.plan("customer")
	ctx, cancel := context.WithCancel(f.ctx)
	watched := &counted{Store: f.store, failed: make(chan struct{}, 1)}
	watched.failures.Store(1 << 40)
	f.tenants.store, f.tenants.retry = watched, 1
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.tenants.Changed(ctx, nil, true)
	}()
	defer func() { cancel(); <-done }()
	for range 5 {
		<-watched.failed
	}
	if w := f.plan("customer").Workers; w != 7 { // an account that is not in memory would fail
		t.Errorf("%d workers while the store is away", w)
	}
}
