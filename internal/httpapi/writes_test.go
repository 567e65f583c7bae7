package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/web"
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
			r := w.do(ask{method: method, path: path, token: w.tenantToken, body: body, header: map[string]string{"If-Match": match}})
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
	if n := w.api.web.Writers().Len(); n != 0 {
		t.Errorf("turns of %d accounts are left", n)
	}
}

// One who names a revision and loses hears of it at once.
func TestNamedRevisionIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.api.web.NewCall(nil, request(t, t.Context(), `"1"`), w.tenant)
	tries := 0
	err := retryStale(c, func() error { tries++; return store.ErrStale })
	if !errors.Is(err, store.ErrStale) || tries != 1 {
		t.Errorf("%d tries, %v", tries, err)
	}
}

// A write that can't win is given up as one that may come again, not as one whose If-Match is wrong.
func TestEndlessLosses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.api.web.NewCall(nil, request(t, t.Context(), ""), w.tenant)
	tries := 0
	bounded, cancel := context.WithCancel(t.Context())
	err := tryAgain(c, bounded, func() error {
		if tries++; tries == 20 {
			cancel()
		}
		return store.ErrStale
	})
	f := web.FailureOf(err)
	if tries != 20 || f.Status != http.StatusServiceUnavailable || f.RetryAfter <= 0 || strings.Contains(f.Detail, "If-Match") {
		t.Errorf("after %d tries: %+v", tries, f)
	}
	if aaa.KindOf(err) != aaa.KindBusy {
		t.Errorf("%v", err)
	}
}

// A store that hangs costs those who write to one account its patience once, not one after the other.
func TestWritersOfAStoreThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const patience = 5 * time.Second
		server := web.New(web.Options{})
		hangs := func(c *web.Call) error {
			time.Sleep(patience)
			return fmt.Errorf("%w: locked", store.ErrUnavailable)
		}
		write := func(fn func(*web.Call) error) error {
			c := server.NewCall(nil, request(t, t.Context(), ""), "a")
			return retryStale(c, func() error { return fn(c) })
		}
		var all sync.WaitGroup
		begun := time.Now()
		for range 5 {
			all.Go(func() {
				if err := write(hangs); !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("a writer is told %v", err)
				}
			})
		}
		time.Sleep(patience / 2)
		all.Go(func() { // while the first waits
			if err := write(hangs); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("the last is told %v", err)
			}
		})
		all.Wait()
		if took := time.Since(begun); took != patience {
			t.Errorf("they took %v", took)
		}
		if err := write(func(*web.Call) error { return nil }); err != nil {
			t.Errorf("afterwards: %v", err)
		}
		if n := server.Writers().Len(); n != 0 {
			t.Errorf("%d turns are left", n)
		}

		// An error that comes at once is the writer's own: the next may find the store back.
		first := make(chan struct{})
		all.Go(func() {
			_ = write(func(*web.Call) error {
				close(first)
				time.Sleep(time.Millisecond)
				return store.ErrUnavailable
			})
		})
		<-first
		if err := write(func(*web.Call) error { return nil }); err != nil {
			t.Errorf("after a quick failure: %v", err)
		}
		all.Wait()
	})
}

func request(t *testing.T, ctx context.Context, match string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPatch, "/", nil)
	ok(t, err)
	if match != "" {
		r.Header.Set("If-Match", match)
	}
	return r
}
