package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
)

// TestSuspendedSessions suspends sessions at a node that then falls: the other node ends the one that nobody resumes in time, and the client
// of the other one resumes it there. Nothing changes for a node that starts again.
func TestSuspendedSessions(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	env := []string{"AAA_API_DATABASE_URL=" + migratedDatabase(t)}
	first := start(t, dir, env)
	second := start(t, t.TempDir(), env, "--key-file="+filepath.Join(dir, "data", "secret.key"))
	token := readToken(t, dir, "admin.token")
	told, port := serveAccounting(t)
	begin := func(name string, patience int) (sessions string) {
		id := fmt.Sprint(call(t, token, "PUT", first.url+"/v2/accounts", `{"data":{"name":"`+name+`"}}`).want(t, http.StatusCreated).Data["id"])
		at := "/v2/accounts/" + id + "/aaa"
		call(t, token, "PUT", first.url+at, accountedDocument(port, fmt.Sprintf(`"cookie_timeout":%d`, patience))).want(t, http.StatusCreated)
		at += "/sessions"
		a := call(t, token, "POST", first.url+at, `{"data":{"User-Name":"alice","User-Password":"wonderland"}}`).want(t, http.StatusCreated)
		at += "/" + fmt.Sprint(a.Data["sid"])
		call(t, token, "POST", first.url+at+"/open", `{"data":{"Acct-Session-Id":"`+name+`"}}`).want(t, http.StatusOK)
		return at
	}
	short, long := begin("short", 5), begin("long", 600)
	for _, session := range []string{long, short} {
		call(t, token, "POST", first.url+session+"/suspend", `{"data":{"counters":{"input_octets":5}}}`).want(t, http.StatusOK).has(t, "result", "suspended")
	}
	first.kill()
	eventually(t, "the other node ends the session that nobody resumes", func() bool { return told.has(0, "Stop short Lost-Carrier") })
	call(t, token, "POST", second.url+short+"/open", "").want(t, http.StatusConflict)
	call(t, token, "POST", second.url+long+"/open", "").want(t, http.StatusOK).has(t, "result", "resumed")

	again := start(t, dir, env)
	call(t, token, "POST", again.url+long+"/interim", `{"data":{"counters":{"input_octets":3}}}`).want(t, http.StatusOK)
	over := call(t, token, "DELETE", again.url+long, "").want(t, http.StatusOK)
	session, _ := over.Data["session"].(map[string]any)
	counters, _ := session["counters"].(map[string]any)
	if counters["input_octets"] != 8.0 {
		t.Errorf("the counters do not add up: %s", over.Body)
	}
	eventually(t, "the Stop of the DELETE", func() bool { return told.has(0, "Stop long User-Request") })
	told.mu.Lock()
	defer told.mu.Unlock()
	slices.Sort(told.records)
	want := []string{"Start long", "Start short", "Stop long User-Request", "Stop short Lost-Carrier"}
	if !slices.Equal(slices.Compact(told.records), want) {
		t.Errorf("the server was told %v, want %v", told.records, want)
	}
}
