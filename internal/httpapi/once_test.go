package httpapi

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/idempotency"
	"aaa-api/internal/secmod"
	"aaa-api/internal/store"
	"aaa-api/internal/token"
	"aaa-api/internal/web"
)

// another is another node on the store of w, with keys of its own; its clock is ahead by so much.
func (w *world) another(ahead time.Duration) *world {
	o, parts := w.api.Options, *w.parts
	parts.Keys = idempotency.New(idempotency.Options{
		Store: w.store.Idempotency(), Vault: secmod.New(memoryKEK{}, w.store.Keys()), Node: aaa.NewID(), Log: slog.New(slog.NewJSONHandler(w.log, nil)),
		Now: func() time.Time { return time.Now().Add(ahead) },
	})
	o.Line = w.lineTo(&parts)
	other := *w
	other.api = New(o)
	other.server = httptest.NewServer(other.api)
	w.t.Cleanup(other.server.Close)
	return &other
}

// keyedAsk is a request of the tenant under a key.
func (w *world) keyedAsk(key, method, path, body string) ask {
	return ask{method: method, path: path, token: w.tenantToken, body: body, header: map[string]string{"Idempotency-Key": key}}
}

func TestARepeatedWriteIsAnsweredAsTheFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	two := w.another(0)
	for _, c := range []struct{ name, method, path, body string }{
		{"account", "PUT", "/v2/accounts", data(`{"name":"made"}`)},
		{"child", "PUT", at(w.child, ""), data(`{"name":"made"}`)},
		{"token", "PUT", at(w.tenant, "/tokens"), data(`{"scopes":["read"]}`)},
		{"token without a body", "PUT", at(w.child, "/tokens"), ""},
		{"document", "PUT", at(w.tenant, "/aaa"), data(aDocument)},
		{"accounting", "POST", at(w.tenant, "/aaa/accounting"), data(`{"User-Name":"bob"}`)},
	} {
		a := w.keyedAsk("key", c.method, c.path, c.body)
		first := w.do(a)
		if first.status/100 != 2 || first.header.Get("Idempotency-Replayed") != "" {
			t.Fatalf("%s: %d %s", c.name, first.status, first.text)
		}
		for i, node := range []*world{w, two} {
			again := node.do(a).want(first.status)
			if again.header.Get("Idempotency-Replayed") != "true" || fmt.Sprint(again.at("data")) != fmt.Sprint(first.at("data")) ||
				fmt.Sprint(again.at("revision"), again.at("warnings")) != fmt.Sprint(first.at("revision"), first.at("warnings")) || again.str("request_id") == first.str("request_id") {
				t.Errorf("%s, node %d:\n%s\n%s", c.name, i+1, first.text, again.text)
			}
			for _, name := range []string{"Etag", "Location"} {
				if again.header.Get(name) != first.header.Get(name) {
					t.Errorf("%s: %s is %q, was %q", c.name, name, again.header.Get(name), first.header.Get(name))
				}
			}
			other := a
			other.body = data(`{"name":"another"}`)
			node.do(other).refused(409, web.SlugConflict)
		}
		if text, ok := first.at("data", "token").(string); ok && strings.Contains(w.log.String(), text) {
			t.Errorf("%s: the token is in the log", c.name)
		}
	}
	if n := len(w.call(w.tenantToken, "GET", at(w.child, "/children"), "").want(200).at("data").([]any)); n != 1 {
		t.Errorf("%d children", n)
	}
	if w.backend.requests() != 1 {
		t.Errorf("%d records", w.backend.requests())
	}
}

// What an answer holds is for the token that asked: another one of the account may have fewer scopes.
func TestAnotherTokenIsNotGivenTheAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	made := w.do(w.keyedAsk("key", "PUT", at(w.tenant, "/tokens"), data(`{}`))).want(201)
	writer := w.token(w.tenant, token.ScopeWrite)
	a := w.keyedAsk("key", "PUT", at(w.tenant, "/tokens"), data(`{}`))
	a.token = writer
	if got := w.do(a).refused(409, web.SlugConflict); strings.Contains(got.text, made.str("data", "token")) {
		t.Error(got.text)
	}
	a.token = w.rootToken // of another account: another key
	if got := w.do(a).want(201); got.str("data", "token") == made.str("data", "token") {
		t.Error(got.text)
	}
	// A record is the account's, whichever token sends it.
	record := w.keyedAsk("record", "POST", at(w.tenant, "/aaa/accounting"), data(`{"User-Name":"bob"}`))
	w.do(record).want(200)
	record.token = w.token(w.tenant, token.ScopeRequest)
	if got := w.do(record).want(200); got.header.Get("Idempotency-Replayed") != "true" {
		t.Error(got.text)
	}
}

func TestTwentyCallersOnTwoNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	nodes := []*world{w, w.another(0)}
	w.document(w.tenant)
	for _, a := range []ask{
		w.keyedAsk("key", "POST", at(w.tenant, "/aaa/accounting"), data(`{"User-Name":"bob"}`)),
		w.keyedAsk("key", "PUT", at(w.child, ""), data(`{"name":"made"}`)),
	} {
		replies := make([]reply, 20)
		var wg sync.WaitGroup
		for n := range replies {
			wg.Go(func() { replies[n] = nodes[n%2].do(a) })
		}
		wg.Wait()
		first := 0
		for _, r := range replies {
			if r.header.Get("Idempotency-Replayed") == "" {
				first++
			}
			if r.status/100 != 2 || fmt.Sprint(r.at("data")) != fmt.Sprint(replies[0].at("data")) {
				t.Errorf("%s: %d %s", a.path, r.status, r.text)
			}
		}
		if first != 1 {
			t.Errorf("%s: %d answers are no repetition", a.path, first)
		}
	}
	if w.backend.requests() != 1 {
		t.Errorf("%d records", w.backend.requests())
	}
	if n := len(w.call(w.tenantToken, "GET", at(w.child, "/children"), "").want(200).at("data").([]any)); n != 1 {
		t.Errorf("%d children", n)
	}
	if !w.api.web.Places().Free() {
		t.Error("a place is still held")
	}
}

// A node that lost touch with its request for a minute is taken for dead: another one runs it anew, and its answer is the one kept.
func TestANodeTakesOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	later := w.another(61 * time.Second)
	w.document(w.tenant)
	hold := make(chan struct{})
	w.backend.mu.Lock()
	w.backend.hold = hold
	w.backend.mu.Unlock()
	a := w.keyedAsk("key", "POST", at(w.tenant, "/aaa/accounting"), data(`{"User-Name":"bob"}`))
	var slow reply
	var wg sync.WaitGroup
	wg.Go(func() { slow = w.do(a) })
	<-hold
	w.backend.mu.Lock()
	w.backend.hold = nil
	w.backend.mu.Unlock()
	if got := later.do(a).want(200); got.header.Get("Idempotency-Replayed") != "" || w.backend.requests() != 2 {
		t.Errorf("%d records, %s", w.backend.requests(), got.text)
	}
	hold <- struct{}{}
	wg.Wait()
	slow.want(200)
	if got := later.do(a).want(200); got.header.Get("Idempotency-Replayed") != "true" || w.backend.requests() != 2 {
		t.Errorf("%d records, %s", w.backend.requests(), got.text)
	}
	if !strings.Contains(w.log.String(), "an answer was not stored") {
		t.Error("the log does not tell of the answer that came too late")
	}
}

func TestHostileKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, keys := range [][]string{{""}, {strings.Repeat("k", 256)}, {"a", "b"}, {"a", "a"}, {"a\tb"}, {"a\x7fb"}, {"\x01"}, {"\xff\xfe"}} {
		for _, path := range []string{at(w.child, "/tokens"), at(w.child, "/aaa/accounting")} {
			method := "PUT"
			if strings.HasSuffix(path, "accounting") {
				method = "POST"
			}
			r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(data(`{}`)))
			r.Header["X-Auth-Token"], r.Header["Idempotency-Key"] = []string{w.tenantToken}, keys
			got := httptest.NewRecorder()
			w.api.ServeHTTP(got, r)
			if got.Code != http.StatusBadRequest || !strings.Contains(got.Body.String(), `"Idempotency-Key":{"syntax"`) {
				t.Errorf("%.20q: %d %s", keys, got.Code, got.Body)
			}
		}
	}
	w.do(w.keyedAsk(strings.Repeat("k", 255), "PUT", at(w.child, "/tokens"), data(`{}`))).want(201)
	if n := len(w.call(w.tenantToken, "GET", at(w.child, "/tokens"), "").want(200).at("data").([]any)); n != 1 {
		t.Errorf("%d tokens", n)
	}
}

// The contract has the header at the operations that honour it, and at no others.
func TestKeyedRoutesAreTheContract(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, r := range routes {
		if r.method == "GET" {
			continue
		}
		path := strings.NewReplacer("{id}", string(w.tenant), "{token}", "x", "{name}", "x", "{n}", "1", "{sid}", "x", "{dict}", "x").Replace(r.pattern)
		req := httptest.NewRequestWithContext(t.Context(), r.method, path, strings.NewReader(data(`{}`)))
		req.Header["X-Auth-Token"], req.Header["Idempotency-Key"] = []string{w.rootToken}, []string{""}
		got := httptest.NewRecorder()
		w.api.ServeHTTP(got, req)
		honoured := strings.Contains(got.Body.String(), `"Idempotency-Key":{"syntax"`)

		op := w.contract.doc.Paths.Find(r.pattern).GetOperation(r.method)
		said := op.Parameters.GetByInAndName("header", "Idempotency-Key") != nil
		if honoured != said {
			t.Errorf("%s %s: honours the header: %v; the contract says %v", r.method, r.pattern, honoured, said)
		}
		if honoured && op.Responses.Status(http.StatusConflict) == nil {
			t.Errorf("%s %s: the contract has no 409", r.method, r.pattern)
		}
		if creates := r.method == "PUT" && !slices.Contains([]string{"/v2/api_auth", atKey}, r.pattern); creates && !honoured {
			t.Errorf("%s %s creates something and has no key", r.method, r.pattern)
		}
	}
}

// elsewhere is a store in which another node runs every request, until free is closed.
type elsewhere struct {
	store.Idempotency
	looked chan [32]byte // each look at a request
	free   chan struct{}
}

func (e elsewhere) Begin(ctx context.Context, r store.Remembered, now time.Time) (*store.Remembered, error) {
	select {
	case <-e.free:
		return e.Idempotency.Begin(ctx, r, now)
	case e.looked <- r.Key:
		return &r, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Repetitions that wait for another node hold none of the few places for work on configuration.
func TestWhoWaitsHoldsNoPlace(t *testing.T) {
	t.Parallel()
	e := elsewhere{looked: make(chan [32]byte), free: make(chan struct{})}
	w := newWorld(t, func(o *worldOptions) {
		e.Idempotency = o.config.Store.Idempotency()
		o.Keys = idempotency.New(idempotency.Options{Store: e, Vault: secmod.New(memoryKEK{}, o.config.Store.Keys()), Node: "two", Log: o.Log})
	})
	free := sync.OnceFunc(func() { close(e.free) })
	t.Cleanup(free)
	var wg sync.WaitGroup
	for n := range 2 { // as many as the account has places
		wg.Go(func() {
			w.do(w.keyedAsk(fmt.Sprint(n), "PUT", at(w.child, ""), data(fmt.Sprintf(`{"name":"made %d"}`, n)))).want(201)
		})
	}
	looks := map[[32]byte]int{}
	for twice := 0; twice < 2; {
		key := <-e.looked
		if looks[key]++; looks[key] == 2 {
			twice++
		}
	}
	w.call(w.tenantToken, "PUT", at(w.child, ""), data(`{"name":"in between"}`)).want(201)
	free()
	wg.Wait()
	if n := len(w.call(w.tenantToken, "GET", at(w.child, "/children"), "").want(200).at("data").([]any)); n != 3 {
		t.Errorf("%d children", n)
	}
}
