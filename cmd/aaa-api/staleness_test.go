package main

import (
	"net/http"
	"strings"
	"testing"

	"aaa-api/internal/store/pgtest"
)

const someLogin = `{"data":{"User-Name":"alice","User-Password":"wonderland"}}`

// TestDatabaseStopsForLong stops the database for longer than --max-staleness: the node then refuses what it can't check,
// says so, and serves again once the database is back.
func TestDatabaseStopsForLong(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Private(t)
	dir := t.TempDir()
	p := start(t, dir, []string{"AAA_API_DATABASE_URL=" + cluster.URL("postgres")}, "--max-staleness=4s")
	token := readToken(t, dir, "admin.token")
	account := p.url + "/v2/accounts/" + rootOf(t, p, token)
	call(t, token, "PUT", account+"/aaa", documentFor(slowRADIUS(t, func() {}))).want(t, http.StatusCreated)
	call(t, token, "POST", account+"/aaa/authn", someLogin).want(t, http.StatusOK)
	if err := cluster.Stop(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "AAA requests are refused", func() bool {
		return call(t, token, "POST", account+"/aaa/authn", someLogin).Status == http.StatusServiceUnavailable
	})
	call(t, token, "GET", p.url+"/v2/whoami", "").want(t, http.StatusServiceUnavailable)
	call(t, "", "GET", p.url+"/healthz", "").want(t, http.StatusOK)
	if a := call(t, "", "GET", p.url+"/readyz", "").want(t, http.StatusServiceUnavailable); !strings.Contains(a.Body, `"caches":"unavailable"`) {
		t.Errorf("/readyz: %s", a.Body)
	}
	eventually(t, "a line says that the node refuses requests", func() bool { return strings.Count(p.log(), "what is in memory is too old") == 1 })
	if err := cluster.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "AAA requests are served again", func() bool {
		return call(t, token, "POST", account+"/aaa/authn", someLogin).Status == http.StatusOK
	})
	call(t, "", "GET", p.url+"/readyz", "").want(t, http.StatusOK)
	eventually(t, "a line says that the node serves again", func() bool { return strings.Count(p.log(), "what is in memory is confirmed") == 1 })
	p.stop()
}

// TestNodeIsCutOff cuts one node off from a database that lives on, in which a token is revoked: the node takes it for
// --max-staleness and no longer.
func TestNodeIsCutOff(t *testing.T) {
	t.Parallel()
	database := migratedDatabase(t)
	w, address := newWire(t, database)
	dir := t.TempDir()
	p := start(t, dir, []string{"AAA_API_DATABASE_URL=" + address}, "--max-staleness=4s")
	admin := readToken(t, dir, "admin.token")
	stdout, stderr, code := here(t, dir, "", []string{"AAA_API_DATABASE_URL=" + database}, "token", "create", "--note=stolen")
	if code != 0 {
		t.Fatal(stderr)
	}
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	id, stolen := strings.Fields(lines[0])[1], lines[len(lines)-1]
	who := func(token string) int { return call(t, token, "GET", p.url+"/v2/whoami", "").Status }
	eventually(t, "the token is taken", func() bool { return who(stolen) == http.StatusOK })

	resume := w.hang()
	if _, stderr, code := here(t, dir, "", []string{"AAA_API_DATABASE_URL=" + database}, "token", "revoke", id); code != 0 {
		t.Fatal(stderr)
	}
	eventually(t, "the revoked token is not taken any more", func() bool { return who(stolen) == http.StatusServiceUnavailable })
	if got := who(admin); got != http.StatusServiceUnavailable {
		t.Errorf("another token: %d", got)
	}
	resume()
	eventually(t, "other tokens are taken again", func() bool { return who(admin) == http.StatusOK })
	if got := who(stolen); got != http.StatusUnauthorized {
		t.Errorf("the revoked token: %d", got)
	}
	p.stop()
}
