package plans

import (
	"context"
	"slices"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// bodies is a store that notes whose bodies are read.
type bodies struct {
	store.Store
	read []string
}

func (b *bodies) Dictionaries() store.Dictionaries { return bodiesOfDicts{b.Store.Dictionaries(), b} }
func (b *bodies) Texts() store.Texts               { return bodiesOfTexts{b.Store.Texts(), b} }

type bodiesOfDicts struct {
	store.Dictionaries
	of *bodies
}

func (d bodiesOfDicts) All(ctx context.Context, account aaa.AccountID) ([]store.Dictionary, error) {
	list, err := d.Dictionaries.All(ctx, account)
	for _, one := range list {
		d.of.read = append(d.of.read, one.Name)
	}
	return list, err
}

func (d bodiesOfDicts) Get(ctx context.Context, account aaa.AccountID, id string) (store.Dictionary, error) {
	one, err := d.Dictionaries.Get(ctx, account, id)
	d.of.read = append(d.of.read, one.Name)
	return one, err
}

type bodiesOfTexts struct {
	store.Texts
	of *bodies
}

func (x bodiesOfTexts) All(ctx context.Context, account aaa.AccountID) ([]store.Text, error) {
	list, err := x.Texts.All(ctx, account)
	for _, one := range list {
		x.of.read = append(x.of.read, one.Name)
	}
	return list, err
}

func (x bodiesOfTexts) Get(ctx context.Context, account aaa.AccountID, kind store.TextKind, name string) (store.Text, error) {
	x.of.read = append(x.of.read, name)
	return x.Texts.Get(ctx, account, kind, name)
}

// TestChangesReadWhatChanged: the changes of all accounts wait while one is applied, so it reads no bodies that are known.
func TestChangesReadWhatChanged(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	watched := &bodies{Store: f.store}
	f.tenants.store = watched
	f.dict("customer", "one", `[{"attr":{"id":200,"type":"string","name":"One"}}]`)
	f.dict("customer", "two", `[{"attr":{"id":201,"type":"string","name":"Two"}}]`)
	f.text("customer", store.TextFSM, "table", tableOf("first"))
	f.text("customer", store.TextUsers, "file", "bob:{plain}looking-glass\n")
	f.put("customer", "")
	f.plan("customer")
	check := func(what string, want ...string) {
		t.Helper()
		slices.Sort(watched.read)
		if !slices.Equal(watched.read, want) {
			t.Errorf("%s: read %v, want %v", what, watched.read, want)
		}
		watched.read = nil
	}
	check("cold", "file", "one", "table", "two")
	f.bound("customer", func(a *store.Account) { a.Name = "renamed" })
	check("the account's row")
	f.dict("customer", "two", `[{"attr":{"id":202,"type":"string","name":"Two"}}]`)
	check("a dictionary", "two")
	f.text("customer", store.TextFSM, "table", tableOf("second"))
	check("a table", "table")
	f.text("customer", store.TextUsers, "other", "eve:{plain}mirror\n")
	check("a users file", "other")
	f.remove("customer", store.TextUsers, "file")
	check("one that is gone")
	n, _ := f.tenants.nodes.Load(f.ids["customer"])
	s := n.state.Load()
	if len(s.dicts) != 2 || len(s.tables) != 1 || len(s.files) != 1 || s.tables["table"].compiled.ID() != "second" {
		t.Errorf("%d dictionaries, %d tables, %d users files", len(s.dicts), len(s.tables), len(s.files))
	}
	visible, err := f.tenants.Visible(f.ctx, f.ids["customer"])
	f.must(err)
	if visible.ByName("One") == nil || visible.ByName("Two") == nil {
		t.Error("an upload sees not all dictionaries")
	}
	check("the check of an upload")
	f.tenants.Changed(f.ctx, nil, true)
	check("all anew", "one", "other", "table", "two")
}
