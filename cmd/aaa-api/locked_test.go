package main

import (
	"database/sql"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite"
)

// TestLockedFile has another process hold the write lock of the embedded store. Reads go on; each write is told after 5 s that the store is
// away, however many there are, and the node goes on as before once the lock is gone.
func TestLockedFile(t *testing.T) {
	t.Parallel()
	dir := migratedDir(t)
	p := start(t, dir, nil)
	token := readToken(t, dir, "admin.token")
	at := p.url + "/v2/accounts/" + rootOf(t, p, token)
	call(t, token, "PUT", at+"/aaa", documentFor(1)).want(t, http.StatusCreated)

	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "data", "aaa-api.db")+"?_txlock=immediate&_pragma=busy_timeout(60000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	lock, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"", "/aaa", "/aaa/revisions", "/children", "/tokens", "/aaa/sessions", "/aaa/users"} {
		call(t, token, "GET", at+path, "").want(t, http.StatusOK)
	}
	const told = 5 * time.Second
	var all sync.WaitGroup
	for _, r := range []struct{ method, path, body string }{
		{"PATCH", "/aaa", `{"data":{"workers":3}}`},
		{"PATCH", "/aaa", `{"data":{"workers":4}}`},
		{"PATCH", "/aaa", `{"data":{"workers":5}}`},
		{"DELETE", "/aaa", ""},
		{"PATCH", "", `{"data":{"name":"x"}}`},
		{"PUT", "", `{"data":{"name":"y"}}`},
		{"PUT", "/tokens", ""},
		{"PUT", "/aaa/users/u", `{"data":{"text":""}}`},
		{"POST", "/aaa/sessions", `{"data":{"User-Name":"alice"}}`},
	} {
		all.Go(func() {
			begun := time.Now()
			a, err := tryCall(t.Context(), token, r.method, at+r.path, r.body)
			if took := time.Since(begun); err != nil || a.Status != http.StatusServiceUnavailable || !strings.Contains(a.Body, "datastore_unavailable") || took > told+4*time.Second {
				t.Errorf("%s %s: %d after %v: %v %s", r.method, r.path, a.Status, took, err, a.Body)
			}
		})
	}
	all.Wait()
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
	call(t, token, "PATCH", at+"/aaa", `{"data":{"workers":6}}`).want(t, http.StatusOK).has(t, "workers", 6)
	p.stop()
}
