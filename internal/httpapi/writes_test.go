package httpapi

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// Forty write at once to each of what an account has, without naming a revision: all of it is done, and
// nobody hears of an If-Match that was not sent.
func TestManyWriters(t *testing.T) {
	t.Parallel()
	const each = 40
	w := newWorld(t)
	w.document(w.tenant)
	w.upload("PUT", at(w.tenant, "/aaa/dictionary?name=busy"), acmeText).want(201)
	var all sync.WaitGroup
	write := func(n int, method, path, body, match string) {
		all.Go(func() {
			r := w.insist(ask{method: method, path: path, token: w.tenantToken, body: body, header: map[string]string{"If-Match": match}})
			if r.status != http.StatusOK {
				t.Errorf("%s %s, writer %d: %d %s", method, path, n, r.status, r.text)
			}
		})
	}
	for n := range each {
		match := ""
		if n%4 == 0 {
			match = "*" // names no revision
		}
		write(n, "PATCH", at(w.tenant, "/aaa"), data(fmt.Sprintf(`{"x-%d":true}`, n)), match)
		write(n, "PATCH", at(w.child, ""), data(fmt.Sprintf(`{"name":"child %d"}`, n)), match)
		write(n, "POST", at(w.tenant, "/aaa/dictionary?name=busy"), data(fmt.Sprintf(aDictionary, "busy")), match)
	}
	all.Wait()
	doc := w.call(w.tenantToken, "GET", at(w.tenant, "/aaa"), "").want(200)
	for n := range each {
		if doc.at("data", fmt.Sprintf("x-%d", n)) != true {
			t.Errorf("the change of writer %d is lost", n)
		}
	}
	if n := w.admin.Writers().Len(); n != 0 {
		t.Errorf("turns of %d accounts are left", n)
	}
}

// insist sends a request anew that found no place on a busy machine: nothing was done then.
func (w *world) insist(a ask) reply {
	w.t.Helper()
	for {
		if r := w.do(a); r.status != http.StatusServiceUnavailable || !strings.Contains(r.text, "requests about configuration are under way") {
			return r
		}
	}
}
