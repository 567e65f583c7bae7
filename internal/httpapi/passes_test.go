package httpapi

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/token"
	"aaa-api/internal/web"
)

// What the security module let in a moment ago is refused at once when it no longer may: it verifies each request itself.
func TestRememberedPassesGiveNoRight(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(w *world, id string)
		status int
		slug   string
	}{
		"revoked token": {func(w *world, id string) {
			w.call(w.rootToken, "DELETE", at(w.tenant, "/tokens/"+id), "").want(200)
		}, 401, web.SlugToken},
		"disabled account": {func(w *world, _ string) {
			w.call(w.rootToken, "PATCH", at(w.tenant, ""), data(`{"enabled":false}`)).want(200)
		}, 403, web.SlugForbidden},
		"moved account": {func(w *world, _ string) {
			w.call(w.rootToken, "POST", at(w.child, "/move"), data(`{"to":"`+string(w.sibling)+`"}`)).want(200)
		}, 404, web.SlugIdentifier},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorldApart(t)
			w.document(w.child)
			remembered := w.entrance().passes
			var clock atomic.Int64 // stands still, so that what is remembered lasts
			clock.Store(time.Now().UnixNano())
			remembered.now = func() time.Time { return time.Unix(0, clock.Load()) }
			made := w.call(w.rootToken, "PUT", at(w.tenant, "/tokens"), "").want(201)
			text := made.str("data", "token")
			ask := func() reply {
				return w.call(text, "POST", at(w.child, "/aaa/authn"), data(`{"User-Name":"bob"}`))
			}
			ask().want(200)
			entry := web.Entry{Token: text, Account: w.child, Reach: web.OnAccount}
			if _, ok := remembered.get(&entry); !ok {
				t.Fatal("no pass is remembered")
			}
			c.change(w, made.str("data", "id"))
			if _, ok := remembered.get(&entry); !ok {
				t.Fatal("the pass is not remembered any more")
			}
			ask().refused(c.status, c.slug)
		})
	}
}

// Passes are remembered for a second, as long as there is room, and those alone with which nothing is wrong.
func TestPassesAreBounded(t *testing.T) {
	t.Parallel()
	now := time.Now()
	p := newPasses()
	p.now = func() time.Time { return now }
	entry := func(n int) *web.Entry { return &web.Entry{Token: fmt.Sprint(n), Account: "a", Reach: web.OnAccount} }
	good := web.Pass{Who: token.Principal{TokenID: "id"}}
	refused := &aaa.ErrorData{Kind: aaa.KindForbidden}
	for _, bad := range []web.Pass{{Guess: true}, {Holder: refused}, {Rate: refused}, {Missed: refused}} {
		p.keep(entry(0), &bad)
	}
	if _, ok := p.get(entry(0)); ok {
		t.Error("a pass with which something is wrong is remembered")
	}
	p.keep(entry(1), &good)
	now = now.Add(passLife - 1)
	if got, ok := p.get(entry(1)); !ok || got.Who.TokenID != "id" {
		t.Errorf("%+v, %v", got, ok)
	}
	for _, other := range []*web.Entry{{Token: "1", Account: "b", Reach: web.OnAccount}, {Token: "1", Account: "a"}, {Token: "2", Account: "a", Reach: web.OnAccount}} {
		if _, ok := p.get(other); ok {
			t.Errorf("%+v has the pass of another", other)
		}
	}
	now = now.Add(1)
	if _, ok := p.get(entry(1)); ok {
		t.Error("a pass lasts for more than its time")
	}
	for n := range maxPasses + 10 {
		p.keep(entry(n), &good)
	}
	if n := p.recent.Size(); n > maxPasses {
		t.Errorf("%d passes are remembered", n)
	}
}

// A request about configuration takes one of its account's rate, and the first of two processes that asks for the same.
func TestTheRateIsTakenOnce(t *testing.T) {
	t.Parallel()
	for _, w := range []*world{newWorld(t), newWorldApart(t)} {
		w.call(w.rootToken, "PATCH", at(w.tenant, ""), data(`{"limits":{"api_requests_per_second":3}}`)).want(200)
		ok(t, w.sync(t.Context()))
		refused := 0
		for range 3 { // writers ask the gate twice
			if r := w.call(w.tenantToken, "PATCH", at(w.child, ""), data(`{"name":"x"}`)); r.status == 429 {
				refused++
			}
		}
		if refused > 0 {
			t.Errorf("apart %v: %d of 3 requests a second were refused", w.apart, refused)
		}
	}
}

// All processes' metrics are at one address, and what limits refused is counted where it was answered.
func TestMetricsOfTwoProcesses(t *testing.T) {
	t.Parallel()
	w := newWorldApart(t)
	w.document(w.tenant)
	w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/authn"), data(`{"User-Name":"bob"}`)).want(200)
	w.call(w.rootToken, "PATCH", at(w.tenant, ""), data(`{"limits":{"requests_per_second":0}}`)).want(200)
	ok(t, w.sync(t.Context()))
	w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/authn"), data(`{"User-Name":"bob"}`)).want(429)
	text := w.call("", "GET", "/metrics", "").want(200).text
	for _, line := range []string{
		`aaa_api_http_requests_total{method="POST",route="/v2/accounts/{id}/aaa/authn",status="200"} 1`,
		`aaa_api_limited_total{limit="requests_per_second"} 1`,
	} {
		if strings.Count(text, line+"\n") != 1 {
			t.Errorf("%s is not in %s", line, text)
		}
	}
	if !strings.Contains(text, "\naaa_api_requests_total{") {
		t.Error("the metrics of the security module are missing")
	}
}

// entrance is the gate of a world that has its API in a process of its own.
func (w *world) entrance() *gate { return w.api.web.Gate.(*gate) }
