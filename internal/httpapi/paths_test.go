package httpapi

import (
	"net/http"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/web"
)

// What is escaped without need is the same (RFC 3986 §6.2.2.2); an escaped slash divides nothing.
func TestEscapedPaths(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.upload("PUT", at(w.tenant, "/aaa/dictionary?name=dictionary_demo"), acmeText).want(201)
	status := func(path string) int {
		t.Helper()
		return w.do(ask{method: "GET", path: path, token: w.tenantToken, unchecked: true}).status
	}
	for path, want := range map[string]int{
		at(w.tenant, "/aaa/dictionary/dictionary%5Fdemo"):                                     http.StatusOK,
		at(w.tenant, "/aaa/dictionary/dictionary%5fdemo"):                                     http.StatusOK,
		at(w.tenant, "/aaa/dictionary/%64ictionary_demo"):                                     http.StatusOK,
		at(w.tenant, "/aaa/%64ictionary/dictionary%5F3gpp"):                                   http.StatusOK,
		"/v2/%61ccounts/" + strings.Replace(string(w.tenant), "a", "%61", 1):                  http.StatusOK,
		at(w.tenant, "/aaa/fsm/%73equential"):                                                 http.StatusOK,
		at(w.tenant, "/aaa%2Fdictionary/dictionary_demo"):                                     http.StatusNotFound,
		at(w.tenant, "/aaa/dictionary%2fdictionary_demo"):                                     http.StatusNotFound,
		at(w.tenant, "/aaa/dictionary/x%2F..%2F..%2Fdictionary%2Fdictionary_demo"):            http.StatusNotFound,
		at(w.tenant, "/aaa/dictionary/dictionary%255Fdemo"):                                   http.StatusNotFound,
		strings.Replace(at(w.tenant, "/aaa/dictionary/dictionary_demo"), "/v2/", "/v2%2F", 1): http.StatusNotFound,
	} {
		if got := status(path); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
}

// The account that is too deep to have children is named where the caller named it.
func TestTooDeepNamesWhatWasSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	deepest := w.child // which has two above it
	for range store.MaxAccountDepth - 2 {
		deepest = w.account("deeper", deepest)
	}
	const one = `{"name":"one too many"}`
	r := w.call(w.tenantToken, "PUT", at(deepest, ""), data(one)).refused(409, web.SlugConflict)
	if r.at("data", "id", "depth", "target") != float64(store.MaxAccountDepth) || r.at("data", "to") != nil {
		t.Errorf("%s", r.text)
	}
	r = w.call(w.token(deepest, "read", "write"), "PUT", "/v2/accounts", data(one)).refused(409, web.SlugConflict)
	if r.at("data", "to") != nil || r.at("data", "id") != nil || !strings.Contains(r.text, "the token's account") {
		t.Errorf("%s", r.text)
	}
	moved := aaa.AccountID(w.call(w.tenantToken, "PUT", at(w.tenant, ""), data(one)).want(201).str("data", "id"))
	r = w.call(w.tenantToken, "POST", at(moved, "/move"), data(`{"to":"`+string(deepest)+`"}`)).refused(409, web.SlugConflict)
	if r.at("data", "to", "depth") == nil {
		t.Errorf("%s", r.text)
	}
}
