package httpapi

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlite"
	"aaa-api/internal/store/storetest"
	"aaa-api/internal/web"
)

// awayStore is a store whose reads fail once it is told to be away.
type awayStore struct {
	store.Store
	gone atomic.Bool
}

func (s *awayStore) err() error {
	if s.gone.Load() {
		return store.ErrUnavailable
	}
	return nil
}

func (s *awayStore) Accounts() store.Accounts   { return awayAccounts{s.Store.Accounts(), s} }
func (s *awayStore) Documents() store.Documents { return awayDocuments{s.Store.Documents(), s} }
func (s *awayStore) Texts() store.Texts         { return awayTexts{s.Store.Texts(), s} }
func (s *awayStore) Dictionaries() store.Dictionaries {
	return awayDictionaries{s.Store.Dictionaries(), s}
}

type awayAccounts struct {
	store.Accounts
	s *awayStore
}

func (a awayAccounts) Get(ctx context.Context, id aaa.AccountID) (store.Account, error) {
	if err := a.s.err(); err != nil {
		return store.Account{}, err
	}
	return a.Accounts.Get(ctx, id)
}

func (a awayAccounts) Children(ctx context.Context, id aaa.AccountID, p store.Page) ([]store.Account, string, error) {
	if err := a.s.err(); err != nil {
		return nil, "", err
	}
	return a.Accounts.Children(ctx, id, p)
}

type awayDocuments struct {
	store.Documents
	s *awayStore
}

func (d awayDocuments) Get(ctx context.Context, id aaa.AccountID) (store.Document, error) {
	if err := d.s.err(); err != nil {
		return store.Document{}, err
	}
	return d.Documents.Get(ctx, id)
}

func (d awayDocuments) OfAccounts(ctx context.Context, ids []aaa.AccountID, visit func(store.Stored) error) error {
	if err := d.s.err(); err != nil {
		return err
	}
	return d.Documents.OfAccounts(ctx, ids, visit)
}

func (d awayDocuments) Revisions(ctx context.Context, id aaa.AccountID, from int64, limit int) ([]store.Document, int64, error) {
	if err := d.s.err(); err != nil {
		return nil, 0, err
	}
	return d.Documents.Revisions(ctx, id, from, limit)
}

type awayTexts struct {
	store.Texts
	s *awayStore
}

func (x awayTexts) Get(ctx context.Context, id aaa.AccountID, kind store.TextKind, name string) (store.Text, error) {
	if err := x.s.err(); err != nil {
		return store.Text{}, err
	}
	return x.Texts.Get(ctx, id, kind, name)
}

func (x awayTexts) List(ctx context.Context, id aaa.AccountID, kind store.TextKind, p store.Page) ([]store.Text, string, error) {
	if err := x.s.err(); err != nil {
		return nil, "", err
	}
	return x.Texts.List(ctx, id, kind, p)
}

type awayDictionaries struct {
	store.Dictionaries
	s *awayStore
}

func (d awayDictionaries) List(ctx context.Context, id aaa.AccountID, p store.Page) ([]store.Dictionary, string, error) {
	if err := d.s.err(); err != nil {
		return nil, "", err
	}
	return d.Dictionaries.List(ctx, id, p)
}

func (d awayDictionaries) Get(ctx context.Context, id aaa.AccountID, dictionary string) (store.Dictionary, error) {
	if err := d.s.err(); err != nil {
		return store.Dictionary{}, err
	}
	return d.Dictionaries.Get(ctx, id, dictionary)
}

func (d awayDictionaries) ByName(ctx context.Context, id aaa.AccountID, name string) (store.Dictionary, error) {
	if err := d.s.err(); err != nil {
		return store.Dictionary{}, err
	}
	return d.Dictionaries.ByName(ctx, id, name)
}

// While the store is away, what is in memory is read as ever. The rest may come again.
func TestReadsWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	inner, err := sqlite.Open(t.Context(), storetest.File(t, sqlite.Migrate))
	ok(t, err)
	st := &awayStore{Store: inner}
	w := newWorldOn(t, st)
	w.document(w.tenant)
	own := w.upload("PUT", at(w.tenant, "/aaa/dictionary?name=dictionary_3gpp"), acmeText).want(201).str("data", "id")
	w.do(ask{method: "PUT", path: at(w.tenant, "/aaa/users/u"), token: w.tenantToken, body: aUsersFile, header: map[string]string{"Content-Type": "text/plain"}}).want(201)
	w.upload("PUT", at(w.tenant, "/aaa/dictionary?name=another"), "VENDOR Other 32474\nBEGIN-VENDOR Other\nATTRIBUTE Other-A 1 string\nEND-VENDOR Other\n").want(201)
	w.call(w.tenantToken, "PUT", at(w.tenant, "/aaa/fsm?name=own"), data(aTableInJSON)).want(201)
	w.call(w.tenantToken, "PUT", at(w.tenant, "/aaa/fsm?name=next"), data(aTableInJSON)).want(201)
	w.call(w.tenantToken, "GET", at(w.child, ""), "").want(200) // warm from here on

	read := func(path, accept string) reply {
		t.Helper()
		return w.do(ask{method: "GET", path: path, token: w.tenantToken, header: map[string]string{"Accept": accept, "X-Request-ID": "one"}})
	}
	known := []struct{ path, accept string }{
		{at(w.tenant, ""), ""},
		{at(w.child, ""), ""},
		{at(w.tenant, "/aaa"), ""},
		{at(w.child, "/aaa"), ""}, // there is none
		{at(w.tenant, "/aaa/dictionary/dictionary_juniper"), ""},
		{at(w.tenant, "/aaa/dictionary/dictionary_juniper"), "text/plain"},
		{at(w.child, "/aaa/dictionary/dictionary_3gpp"), ""},
		{at(w.tenant, "/aaa/dictionary?system=true"), ""},
		{at(w.tenant, "/aaa/fsm/sequential"), ""},
		{at(w.child, "/aaa/fsm/race"), "text/vnd.mermaid"},
		{at(w.tenant, "/aaa/fsm?system=true"), ""},
		{at(w.tenant, "/aaa/dictionary"), ""},
		{at(w.tenant, "/aaa/dictionary?page_size=1"), ""},
		{at(w.tenant, "/aaa/dictionary?page_size=1&start_key=b"), ""}, // after another that there may have been
		{at(w.child, "/aaa/dictionary"), ""},
		{at(w.tenant, "/aaa/dictionary/dictionary_3gpp"), ""}, // its own, not the shipped one
		{at(w.tenant, "/aaa/dictionary/dictionary_3gpp"), "text/plain"},
		{at(w.tenant, "/aaa/dictionary/"+own), ""},
		{at(w.tenant, "/aaa/dictionary/nobodys"), ""},
		{at(w.tenant, "/aaa/fsm"), ""},
		{at(w.tenant, "/aaa/fsm?filter_name=own"), ""},
		{at(w.tenant, "/aaa/fsm/own"), ""},
		{at(w.tenant, "/aaa/fsm/own"), "text/plain"},
		{at(w.tenant, "/aaa/fsm/nobodys"), ""},
		{at(w.tenant, "/aaa/users"), ""},
	}
	before := make([]reply, len(known))
	for i, k := range known {
		before[i] = read(k.path, k.accept)
	}
	st.gone.Store(true)
	for i, k := range known {
		now := read(k.path, k.accept)
		if now.status != before[i].status || now.header.Get("Etag") != before[i].header.Get("Etag") {
			t.Errorf("%s: %d %s, before %d %s", k.path, now.status, now.text, before[i].status, before[i].header.Get("Etag"))
		}
		if was, is := told(before[i]), told(now); !cmp.Equal(was, is) {
			t.Errorf("%s: %s", k.path, cmp.Diff(was, is))
		}
	}
	if before[3].status != http.StatusNotFound || before[4].status != http.StatusOK {
		t.Errorf("%d, %d", before[3].status, before[4].status)
	}
	for _, path := range []string{
		at(w.tenant, "/aaa/users/u"), at(w.tenant, "/aaa/revisions"), at(w.tenant, "/children"),
	} {
		if r := read(path, "").refused(503, web.SlugStore); r.header.Get("Retry-After") == "" {
			t.Errorf("%s: %v", path, r.header)
		}
	}
	w.call(w.tenantToken, "PATCH", at(w.tenant, "/aaa"), data(`{"workers":9}`)).refused(503, web.SlugStore)
	w.call(w.tenantToken, "DELETE", at(w.tenant, "/aaa/dictionary/dictionary_juniper"), "").refused(503, web.SlugStore)
}

// told is what an answer says, but for when it was made.
func told(r reply) any {
	if r.header.Get("Content-Type") != "application/json" {
		return r.text
	}
	members, _ := r.at().(map[string]any)
	delete(members, "timestamp")
	return members
}
