package httpapi

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlite"
	"aaa-api/internal/store/storetest"
	"aaa-api/internal/web"
)

// heldStore is a store whose reads or writes fail, as far as /readyz asks.
type heldStore struct {
	store.Store
	read, write atomic.Pointer[error]
	asked       atomic.Int32
}

func (s *heldStore) Ping(ctx context.Context) error {
	s.asked.Add(1)
	if err := s.read.Load(); err != nil {
		return *err
	}
	return s.Store.Ping(ctx)
}

func (s *heldStore) CheckWrite(ctx context.Context) error {
	if err := s.write.Load(); err != nil {
		return *err
	}
	return s.Store.CheckWrite(ctx)
}

func TestReadyz(t *testing.T) {
	t.Parallel()
	down := errors.New("secret place")
	st, err := sqlite.Open(t.Context(), storetest.File(t, sqlite.Migrate))
	ok(t, err)
	held := &heldStore{Store: st}
	cold := newWorldOn(t, held, func(o *worldOptions) { o.Tree = noneWarm{o.Tree} })
	w := newWorld(t, func(o *worldOptions) {
		o.Store = held
		o.Ready = []Check{{Name: "other", Ask: func(context.Context) error { return down }}}
	})
	w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/authn"), data(`{"User-Name":"bob"}`)) // warm
	ask := func(w *world, want int, status string, checks map[string]any) {
		t.Helper()
		w.storeAsked(time.Time{})
		r := w.do(ask{method: "GET", path: "/readyz"}).want(want)
		if got, _ := r.at("checks").(map[string]any); r.at("status") != status || !maps.Equal(got, checks) || strings.Contains(r.text, "secret") {
			t.Errorf("want %s %v, got %s", status, checks, r.text)
		}
	}
	is := func(store, writes, other string) map[string]any {
		return map[string]any{"store": store, "writes": writes, "other": other}
	}
	ask(w, 503, "unavailable", is("ok", "ok", "unavailable"))
	down = nil
	ask(w, 200, "ok", is("ok", "ok", "ok"))
	full := fmt.Errorf("%w: disk full in a secret place", store.ErrUnavailable)
	held.write.Store(&full)
	ask(w, 200, "degraded", is("ok", "unavailable", "ok"))
	ask(cold, 200, "degraded", map[string]any{"store": "ok", "writes": "unavailable"})
	held.read.Store(&full)
	ask(w, 200, "degraded", is("unavailable", "unavailable", "ok"))
	ask(cold, 503, "unavailable", map[string]any{"store": "unavailable", "writes": "unavailable"})
	down = errors.New("stopping")
	ask(w, 503, "unavailable", is("unavailable", "unavailable", "unavailable"))
	down = nil
	held.read.Store(nil)
	held.write.Store(nil)
	ask(w, 200, "ok", is("ok", "ok", "ok"))

	// Many who ask at once cost one question.
	held.asked.Store(0)
	w.storeAsked(time.Now().Add(time.Hour))
	for range 20 {
		w.call("", "GET", "/readyz", "").want(200)
	}
	if n := held.asked.Load(); n != 0 {
		t.Errorf("the store was asked %d times", n)
	}
}

// storeAsked sets when /readyz last asked the store.
func (w *world) storeAsked(at time.Time) { w.parts.Readiness.Forget(at) }

// hangingStore is a store whose reads or writes don't end, as far as /readyz asks, before the question is given up.
type hangingStore struct {
	store.Store
	read, write bool
	given       atomic.Int32 // questions that were given up
}

func (s *hangingStore) wait(ctx context.Context, hang bool) error {
	if !hang {
		return nil
	}
	<-ctx.Done()
	s.given.Add(1)
	return ctx.Err()
}

func (s *hangingStore) Ping(ctx context.Context) error       { return s.wait(ctx, s.read) }
func (s *hangingStore) CheckWrite(ctx context.Context) error { return s.wait(ctx, s.write) }

// TestReadyzOfAHangingStore: the answer does not wait until the store's time is over, for a balancer would not.
func TestReadyzOfAHangingStore(t *testing.T) {
	t.Parallel()
	for _, read := range []bool{true, false} {
		var held *hangingStore
		w := newWorld(t, func(o *worldOptions) {
			held = &hangingStore{Store: o.config.Store, read: read, write: true}
			o.Store = held
		})
		w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/authn"), data(`{"User-Name":"bob"}`)) // warm
		for range 3 {
			r := w.call("", "GET", "/readyz", "").want(200)
			if r.at("status") != "degraded" || r.at("checks", "writes") != "unavailable" || (r.at("checks", "store") == "ok") == read {
				t.Errorf("%s", r.text)
			}
		}
		if n := held.given.Load(); n > 0 {
			t.Errorf("the answers came after %d questions had been given up", n)
		}
	}
}

// noneWarm is a tree of which nothing is in memory.
type noneWarm struct{ Tree }

func (noneWarm) Warm() int { return 0 }

// A node whose memory is too old takes no credential and serves no AAA request, but tells of itself.
func TestStaleNode(t *testing.T) {
	t.Parallel()
	var stale atomic.Bool
	w := newWorld(t, func(o *worldOptions) { o.Stale = stale.Load })
	w.document(w.tenant)
	key := w.call(w.tenantToken, "PUT", at(w.tenant, "/api_key"), "").want(201).str("data", "api_key")
	authn := func() reply {
		return w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/authn"), data(`{"User-Name":"bob"}`))
	}
	authn().want(200)
	stale.Store(true)
	for _, r := range []reply{
		authn(),
		w.call(w.tenantToken, "GET", "/v2/whoami", ""),
		w.call(w.tenantToken, "PATCH", at(w.tenant, "/aaa"), data(`{"workers":7}`)),
		w.call("nonsense", "GET", "/v2/whoami", ""),
		w.call("", "PUT", "/v2/api_auth", data(`{"api_key":"`+key+`"}`)),
	} {
		if r.refused(503, web.SlugStore); r.header.Get("Retry-After") != "2" {
			t.Errorf("%v", r.header)
		}
	}
	w.call("", "GET", "/healthz", "").want(200)
	w.call("", "GET", "/metrics", "").want(200)
	stale.Store(false)
	authn().want(200)
}

// TestReadyzNamesMissingProtections names those of both processes to who asks for them, where the checks are.
func TestReadyzNamesMissingProtections(t *testing.T) {
	t.Parallel()
	lacking := func(o *worldOptions) {
		o.Lacks, o.ModuleLacks = []string{"front: seccomp: gone"}, []string{"security module: landlock: gone"}
	}
	w := newWorld(t, lacking)
	r := w.call("", "GET", "/readyz?verbose", "").want(200)
	if got := fmt.Sprint(r.at("missing_protections")); got != "[front: seccomp: gone security module: landlock: gone]" || r.at("status") != "ok" {
		t.Error(r.text)
	}
	if r := w.call("", "GET", "/readyz", "").want(200); r.at("missing_protections") != nil {
		t.Error(r.text)
	}
	if r := newWorld(t).call("", "GET", "/readyz?verbose", "").want(200); fmt.Sprint(r.at("missing_protections")) != "[]" {
		t.Error(r.text)
	}
	apart := newWorld(t, lacking, func(o *worldOptions) { o.AdminApart = true })
	if r := apart.call("", "GET", "/readyz?verbose", "").want(200); strings.Contains(r.text, "gone") {
		t.Error(r.text)
	}
}
