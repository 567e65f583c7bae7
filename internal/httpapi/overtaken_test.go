package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/web"
)

// heirsStore is a store that does something after the accounts below one were read, or has no time to read them.
type heirsStore struct {
	store.Store
	after  func()
	before func() // the next document is created
	slow   bool
}

func (s *heirsStore) Documents() store.Documents { return heirsDocuments{s.Store.Documents(), s} }

type heirsDocuments struct {
	store.Documents
	of *heirsStore
}

func (d heirsDocuments) Below(ctx context.Context, top aaa.AccountID, limit int, visit func(store.Account, json.RawMessage) error) error {
	if d.of.slow {
		return store.ErrUnavailable
	}
	err := d.Documents.Below(ctx, top, limit, visit)
	if after := d.of.after; after != nil {
		d.of.after = nil
		after()
	}
	return err
}

func heirsWorld(t *testing.T, change ...func(*worldOptions)) (*world, *heirsStore) {
	t.Helper()
	var st *heirsStore
	w := newWorld(t, append(change, func(o *worldOptions) {
		st = &heirsStore{Store: o.config.Store}
		o.config.Store = st
	})...)
	return w, st
}

func (d heirsDocuments) Create(ctx context.Context, doc store.Document, uses []store.Ref) (store.Document, error) {
	if before := d.of.before; before != nil {
		d.of.before = nil
		before()
	}
	return d.Documents.Create(ctx, doc, uses)
}

// warned reports whether an answer has a warning about accounts that holds a text.
func (r reply) warned(text string) bool {
	r.t.Helper()
	all, _ := r.at("warnings").([]any)
	for _, v := range all {
		m, _ := v.(map[string]any)
		if message, _ := m["message"].(string); m["path"] == "accounts" && m["rule"] == "outcome" && strings.Contains(message, text) {
			return true
		}
	}
	return false
}

func (w *world) move(id, to aaa.AccountID, query string) reply {
	w.t.Helper()
	return w.call(w.rootToken, "POST", at(id, "/move"+query), data(`{"to":"`+string(to)+`"}`))
}

// TestMoreHeirsThanAreLookedAt: the answer says so, and a move into off is refused all the same.
func TestMoreHeirsThanAreLookedAt(t *testing.T) {
	t.Parallel()
	w, _ := heirsWorld(t, func(o *worldOptions) { o.config.Bounds.Heirs = 3 })
	const text = "more than 3 accounts below"
	for i := range 3 {
		w.account(fmt.Sprint("heir", i), w.child)
	}
	if r := w.call(w.tenantToken, "PUT", at(w.child, "/aaa"), data(aDocument)).want(201); r.warned(text) || len(r.outcomeWarnings()) != 4 {
		t.Errorf("three: %s", r.text)
	}
	w.call(w.tenantToken, "DELETE", at(w.child, "/aaa"), "").want(200)
	w.account("heir3", w.child)
	w.call(w.rootToken, "PUT", at(w.tenant, "/aaa"), data(aDocument)).want(201)
	w.call(w.rootToken, "PUT", at(w.sibling, "/aaa"), data(offDocument)).want(201)
	w.move(w.child, w.sibling, "").refused(409, web.SlugConflict)
	if r := w.move(w.child, w.sibling, "?confirm=true").want(200); !r.warned(text) {
		t.Errorf("four, confirmed: %s", r.text)
	}
}

// TestRollBackOvertaken: a roll back of a deleted document takes the place of one that is created at the same time, as of any other.
func TestRollBackOvertaken(t *testing.T) {
	t.Parallel()
	w, st := heirsWorld(t)
	path := at(w.tenant, "/aaa")
	w.call(w.tenantToken, "PUT", path, data(aDocument)).want(201)
	w.call(w.tenantToken, "DELETE", path, "").want(200)
	st.before = func() { w.call(w.tenantToken, "PUT", path, data(offDocument)).want(201) }
	w.call(w.tenantToken, "POST", path+"/revisions/1", "").want(200)
	if got := w.call(w.tenantToken, "GET", path, "").want(200); got.str("revision") != "4" || got.at("data", "servers") == nil {
		t.Errorf("%s", got.text)
	}
}

// TestHeirsThatCannotBeRead: a write is made and says so; a move has to be confirmed.
func TestHeirsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	w, st := heirsWorld(t)
	const text = "could not be read in time"
	st.slow = true
	if r := w.call(w.rootToken, "PUT", at(w.tenant, "/aaa"), data(aDocument)).want(201); !r.warned(text) {
		t.Errorf("a document: %s", r.text)
	}
	if r := w.call(w.rootToken, "PATCH", at(w.tenant, ""), data(`{"enabled":false}`)).want(200); !r.warned(text) {
		t.Errorf("disabled: %s", r.text)
	}
	w.call(w.rootToken, "PATCH", at(w.tenant, ""), data(`{"enabled":true}`)).want(200)
	w.move(w.child, w.sibling, "").refused(503, web.SlugStore)
	if r := w.move(w.child, w.sibling, "?confirm=true").want(200); !r.warned(text) {
		t.Errorf("a confirmed move: %s", r.text)
	}
}

// TestWarningsOvertaken: what changes between the look at the accounts below and the write is told of if it can change
// what they meet, and only then.
func TestWarningsOvertaken(t *testing.T) {
	t.Parallel()
	w, st := heirsWorld(t)
	const text = "at the same time"
	other := w.account("other", w.root)
	off := w.account("off", w.root)
	w.call(w.rootToken, "PUT", at(off, "/aaa"), data(aDocument)).want(201)
	w.call(w.rootToken, "PUT", at(w.tenant, "/aaa"), data(aDocument)).want(201)

	unrelated := func() { w.call(w.rootToken, "PUT", at(other, "/aaa"), data(offDocument)).want(201) }
	st.after = unrelated
	if r := w.call(w.rootToken, "POST", at(w.tenant, "/aaa"), data(offDocument)).want(200); r.warned(text) {
		t.Errorf("another account's document: %s", r.text)
	}
	w.call(w.rootToken, "POST", at(w.tenant, "/aaa"), data(aDocument)).want(200)

	// The parent's document lets everybody in, while a child comes below it: neither writer sees it beforehand.
	var moved reply
	st.after = func() { moved = w.move(w.child, off, "").want(200) }
	if r := w.call(w.rootToken, "POST", at(off, "/aaa"), data(offDocument)).want(200); !r.warned(text) {
		t.Errorf("a document: %s", r.text)
	}
	if moved.warned(text) {
		t.Errorf("the move came first: %s", moved.text)
	}
	w.move(w.child, w.sibling, "").want(200)
	st.after = func() { w.call(w.rootToken, "POST", at(w.tenant, "/aaa"), data(offDocument)).want(200) }
	if r := w.move(w.child, w.tenant, "").want(200); !r.warned(text) {
		t.Errorf("a move: %s", r.text)
	}
	st.after = func() { w.call(w.rootToken, "PUT", at(w.root, "/aaa"), data(aDocument)).want(201) }
	if r := w.call(w.rootToken, "PATCH", at(off, ""), data(`{"enabled":false}`)).want(200); !r.warned(text) {
		t.Errorf("disabled: %s", r.text)
	}
}
