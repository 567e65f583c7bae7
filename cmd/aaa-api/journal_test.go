package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoJournal: a node whose journal can't be opened says so and does all else, accounting too.
func TestNoJournal(t *testing.T) {
	t.Parallel()
	dir := migratedDir(t)
	if err := os.WriteFile(filepath.Join(dir, "data", "journal"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	told, port := serveAccounting(t)
	p := start(t, dir, nil)
	token := readToken(t, dir, "admin.token")
	at := p.url + "/v2/accounts/" + rootOf(t, p, token) + "/aaa"
	call(t, token, "PUT", at, strings.Replace(documentFor(port), `"accounting":[]`, `"accounting":["one"]`, 1)).want(t, http.StatusCreated)
	call(t, token, "POST", at+"/accounting", `{"data":{"User-Name":"alice"}}`).want(t, http.StatusOK).has(t, "AAA-Result", "accept")
	if told.count() != 1 || !strings.Contains(p.log(), "the journal can't be opened") {
		t.Errorf("%d records; the log is\n%s", told.count(), p.log())
	}
	p.stop()
}
