package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admission"
	"aaa-api/internal/token"
)

// TestHeavyRequestsWait: what takes a processor long waits for its turn, by whatever route it comes; what is short and AAA
// requests do not.
func TestHeavyRequestsWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const text, json = "text/plain", "application/json"
	const script = `{"request":"AUTHEN","arrives":[]}`
	comments := strings.Repeat("# a comment\n", admission.HeavyOctets/10)
	dictionary := ""
	for i := range 600 {
		dictionary += fmt.Sprintf("VENDOR Acme-with-a-long-name-%d %d\n", i, 5000+i)
	}
	table := "Start:\n\t*.+AUTHEN.ACK RADIUS Wait\nWait:\n\t*.*.TIMEOUT NULL End\n\t*.RADIUS.ACK REPLY End\nEnd:\n"
	document := data(strings.TrimSuffix(aDocument, "}") + `,"x-note":"` + strings.Repeat("x", admission.HeavyOctets) + `"}`)
	in := func(path string) string { return at(w.tenant, "/aaa"+path) }
	do := func(method, path, kind, body string) reply {
		t.Helper()
		return w.do(ask{method: method, path: path, token: w.tenantToken, body: body, header: map[string]string{"Content-Type": kind}})
	}
	heavy := w.api.web.Heavy()
	wait := heavy.Wait
	for i, a := range []struct{ method, path, kind, body string }{
		{"PUT", in("/dictionary?name=acme"), text, dictionary},
		{"POST", in("/dictionary?name=acme"), text, dictionary},
		{"GET", in("/dictionary/acme"), "", ""},
		{"GET", in("/dictionary/" + longest(t)), "", ""},
		{"PUT", in("/fsm/long"), text, comments + table},
		{"POST", in("/fsm/check"), text, comments + table},
		{"GET", in("/fsm/long"), "", ""},
		{"POST", in("/fsm/long/simulate"), json, data(script)},
		{"PUT", in("/users/long"), text, comments + aUsersFile},
		{"GET", in("/users/long"), "", ""},
		{"PUT", in(""), json, document},
		{"POST", in(""), json, document},
		{"PATCH", in(""), json, data("{}")},
		{"POST", in("/revisions/1"), "", ""},
	} {
		if n := heavy.Users(); n != 0 {
			t.Fatalf("before %s %s %d turns are taken still", a.method, a.path, n)
		}
		leave := takeHeavy(t, heavy)
		heavy.Wait = 50 * time.Millisecond
		r := do(a.method, a.path, a.kind, a.body)
		if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" || !strings.Contains(r.text, "nothing was changed") {
			t.Errorf("%s %s did not wait: %d %.200s", a.method, a.path, r.status, r.text)
		}
		do("PUT", in(fmt.Sprint("/fsm/short", i)), text, table).want(http.StatusCreated)
		do("POST", in("/fsm/check"), text, table).want(http.StatusOK)
		do("POST", in("/fsm/sequential/simulate"), json, data(script)).want(http.StatusOK)
		heavy.Wait = wait
		leave()
		if r := do(a.method, a.path, a.kind, a.body); r.status >= 300 {
			t.Fatalf("%s %s: %d %.300s", a.method, a.path, r.status, r.text)
		}
	}
}

// Requests that wait for a turn of heavy work keep nobody else waiting, and give back all that they hold.
func TestHeavyRequestsKeepNoPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	w.call(w.rootToken, "PUT", at(w.tenant, "/aaa/dictionary"), aLargeDictionary()).want(http.StatusCreated)
	heavy := w.api.web.Heavy()
	leave := takeHeavy(t, heavy)
	taken := heavy.Users()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	sibling := w.token(w.sibling, token.Scopes()...)
	var done sync.WaitGroup
	for _, a := range []struct{ token, method, path, body string }{
		{w.tenantToken, "POST", at(w.tenant, "/aaa/dictionary?name=large"), aLargeDictionary()},
		{w.tenantToken, "GET", at(w.tenant, "/aaa/dictionary/large"), ""},
		{sibling, "PUT", at(w.sibling, "/aaa/dictionary"), aLargeDictionary()},
		{sibling, "PUT", at(w.sibling, "/aaa/dictionary"), aLargeDictionary()},
	} {
		req, err := http.NewRequestWithContext(ctx, a.method, a.path, strings.NewReader(a.body))
		ok(t, err)
		req.Header.Set("X-Auth-Token", a.token)
		done.Go(func() { w.api.ServeHTTP(&statusOnly{header: http.Header{}}, req) })
	}
	for heavy.Users() < taken+admission.PlacesOfNode {
		runtime.Gosched()
	}
	w.call(w.rootToken, "GET", at(w.tenant, ""), "").want(http.StatusOK)
	cancel()
	done.Wait()
	leave()
	for w.api.Budget.Held() != 0 || heavy.Users() != 0 { // over a line the end of a call takes its time
		runtime.Gosched()
	}
	if !w.api.web.Places().Free() { // one given back twice would have panicked
		t.Error("places were not given back")
	}
}

// takeHeavy takes all turns of the node, for accounts that nothing else asks for.
func takeHeavy(t *testing.T, heavy *admission.Heavy) (leave func()) {
	t.Helper()
	var held []func()
	for i := range admission.HeavyAtOnce() {
		leave, err := heavy.Enter(t.Context(), aaa.AccountID(fmt.Sprint("holder ", i)), true)
		ok(t, err)
		held = append(held, leave)
	}
	return func() {
		for _, leave := range held {
			leave()
		}
	}
}

// longest is the name of the system dictionary with most entries.
func longest(t *testing.T) string {
	system, err := systemDictionaries()
	ok(t, err)
	name, most := "", 0
	for _, each := range system.Names() {
		if entries, _ := system.Entries(each); len(entries) > most { // they are read anew each time
			name, most = each, len(entries)
		}
	}
	return name
}
