package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/token"
)

// TestHeavyWorkTakesTurns: a quiet account's upload begins after one of a busy account's at most, whose queue is bounded.
func TestHeavyWorkTakesTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHeavyWork(1)
		var order []string
		work := func(account aaa.AccountID) {
			leave, err := h.enter(t.Context(), account, true)
			if err != nil {
				t.Errorf("%s: %v", account, err)
				return
			}
			order = append(order, string(account)) // under the node's turn
			time.Sleep(time.Second)
			leave()
		}
		for range heavyQueue + 1 {
			go work("busy")
			synctest.Wait()
		}
		if _, err := h.enter(t.Context(), "busy", true); classify(err).status != http.StatusTooManyRequests {
			t.Errorf("one too many: %v", err)
		}
		time.Sleep(1500 * time.Millisecond) // in the midst of the second
		go work("quiet")
		go work("other")
		time.Sleep(time.Minute)
		synctest.Wait()
		quiet := slices.Index(order, "quiet")
		if quiet < 0 || quiet > 4 {
			t.Errorf("the order is %v", order)
		}
		if len(h.accounts) != 0 || h.users != 0 {
			t.Errorf("%d accounts, %d users are left", len(h.accounts), h.users)
		}
	})
}

// TestHeavyQueueOfANode: the node's queue is bounded, its turns are not waited for without end, and who gives up leaves
// nothing behind.
func TestHeavyQueueOfANode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHeavyWork(1)
		leave, err := h.enter(t.Context(), "holder", true)
		if err != nil {
			t.Fatal(err)
		}
		var late atomic.Int32
		for i := range heavyQueues - 1 {
			go func() {
				_, err := h.enter(t.Context(), aaa.AccountID(fmt.Sprint(i)), true)
				if f := classify(err); f.status == http.StatusServiceUnavailable && f.retryAfter > 0 {
					late.Add(1)
				}
			}()
			synctest.Wait()
		}
		if _, err := h.enter(t.Context(), "late", true); classify(err).status != http.StatusServiceUnavailable {
			t.Errorf("one too many: %v", err)
		}
		time.Sleep(2 * heavyWait)
		synctest.Wait()
		if n := late.Load(); n != heavyQueues-1 {
			t.Errorf("%d of %d were told to come again", n, heavyQueues-1)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := h.enter(ctx, "gone", true); err == nil {
			t.Error("a caller who left has a turn")
		}
		leave()
		if leave, err = h.enter(t.Context(), "next", true); err != nil {
			t.Fatal(err)
		}
		leave()
		if len(h.accounts) != 0 || h.users != 0 {
			t.Errorf("%d accounts, %d users are left", len(h.accounts), h.users)
		}
	})
}

// TestHeavyRequestsWait: what takes a processor long waits for its turn, by whatever route it comes; what is short and AAA
// requests do not.
func TestHeavyRequestsWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const text, json = "text/plain", "application/json"
	const script = `{"request":"AUTHEN","arrives":[]}`
	comments := strings.Repeat("# a comment\n", heavyOctets/10)
	dictionary := ""
	for i := range 600 {
		dictionary += fmt.Sprintf("VENDOR Acme-with-a-long-name-%d %d\n", i, 5000+i)
	}
	table := "Start:\n\t*.+AUTHEN.ACK RADIUS Wait\nWait:\n\t*.*.TIMEOUT NULL End\n\t*.RADIUS.ACK REPLY End\nEnd:\n"
	document := data(strings.TrimSuffix(aDocument, "}") + `,"x-note":"` + strings.Repeat("x", heavyOctets) + `"}`)
	in := func(path string) string { return at(w.tenant, "/aaa"+path) }
	do := func(method, path, kind, body string) reply {
		t.Helper()
		return w.do(ask{method: method, path: path, token: w.tenantToken, body: body, header: map[string]string{"Content-Type": kind}})
	}
	wait := w.api.heavyWork.wait
	for i, a := range []struct{ method, path, kind, body string }{
		{"PUT", in("/dictionary?name=acme"), text, dictionary},
		{"POST", in("/dictionary?name=acme"), text, dictionary},
		{"GET", in("/dictionary/acme"), "", ""},
		{"GET", in("/dictionary/" + longest(w.api.System)), "", ""},
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
		if !w.api.heavyWork.node.TryAcquire(int64(heavyAtOnce())) {
			t.Fatalf("before %s %s a turn is taken still", a.method, a.path)
		}
		w.api.heavyWork.wait = 50 * time.Millisecond
		r := do(a.method, a.path, a.kind, a.body)
		if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" || !strings.Contains(r.text, "nothing was changed") {
			t.Errorf("%s %s did not wait: %d %.200s", a.method, a.path, r.status, r.text)
		}
		do("PUT", in(fmt.Sprint("/fsm/short", i)), text, table).want(http.StatusCreated)
		do("POST", in("/fsm/check"), text, table).want(http.StatusOK)
		do("POST", in("/fsm/sequential/simulate"), json, data(script)).want(http.StatusOK)
		w.api.heavyWork.wait = wait
		w.api.heavyWork.node.Release(int64(heavyAtOnce()))
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
	h := w.api.heavyWork
	if !h.node.TryAcquire(int64(heavyAtOnce())) {
		t.Fatal("a turn is taken")
	}
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
	for waiting := 0; waiting < placesOfNode; runtime.Gosched() {
		h.mu.Lock()
		waiting = h.users
		h.mu.Unlock()
	}
	w.call(w.rootToken, "GET", at(w.tenant, ""), "").want(http.StatusOK)
	cancel()
	done.Wait()
	h.node.Release(int64(heavyAtOnce()))
	if n := w.api.Budget.Held(); n != 0 {
		t.Errorf("%d octets are held", n)
	}
	if n := len(w.api.places.node.of); n != 0 { // one given back twice would have panicked
		t.Error("places were not given back")
	}
	if len(h.accounts) != 0 || len(w.api.places.accounts.of) != 0 {
		t.Errorf("%d turns and %d places are left", len(h.accounts), len(w.api.places.accounts.of))
	}
}

// longest is the name of the system dictionary with most entries.
func longest(system SystemDictionaries) string {
	return slices.MaxFunc(system.Names(), func(a, b string) int {
		x, _ := system.Entries(a)
		y, _ := system.Entries(b)
		return len(x) - len(y)
	})
}
