package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// TestDueSessions plays a tenant whose sessions are all due while its accounting server is silent: another tenant's Stop does
// not wait for them.
func TestDueSessions(t *testing.T) {
	t.Parallel()
	dir := migratedDir(t)
	p := start(t, dir, nil)
	root := readToken(t, dir, "admin.token")
	told, port := serveAccounting(t)
	silent := watchUDP(t)
	tenant := func(name string, timeout int) (account, document string) {
		made := call(t, root, "PUT", p.url+"/v2/accounts", `{"data":{"name":"`+name+`"}}`).want(t, http.StatusCreated)
		rules, _ := json.Marshal([]any{rule("Acct-Status-Type", "Acct-Status-Type"), rule("Acct-Session-Id", "Acct-Session-Id")})
		document = strings.Replace(documentFor(port), `"accounting":[]`,
			fmt.Sprintf(`"accounting":["one"],"session_timeout":%d,"accounting_avp_translation":%s`, timeout, rules), 1)
		account = p.url + "/v2/accounts/" + fmt.Sprint(made.Data["id"]) + "/aaa"
		call(t, root, "PUT", account, document).want(t, http.StatusCreated)
		return account, document
	}
	open := func(account, id string) {
		a := call(t, root, "POST", account+"/sessions", `{"data":{"User-Name":"alice","User-Password":"wonderland"}}`)
		a = a.want(t, http.StatusCreated)
		call(t, root, "POST", fmt.Sprint(account, "/sessions/", a.Data["sid"], "/open"), `{"data":{"Acct-Session-Id":"`+id+`"}}`).want(t, http.StatusOK)
	}
	loud, document := tenant("loud", 8)
	quiet, _ := tenant("quiet", 8)

	// Their Starts are answered. Then the document names the silent server, and more Stops are due than a node sends at once. Each
	// waits for a minute.
	const many = 300
	openLoud := func(n int) {
		var opening sync.WaitGroup
		for range 4 {
			opening.Go(func() {
				for range n / 4 {
					open(loud, "loud")
				}
			})
		}
		opening.Wait()
	}
	openLoud(many / 3)
	open(quiet, "quiet") // its Stop is due among theirs
	openLoud(many - many/3)
	call(t, root, "POST", loud, strings.Replace(document, fmt.Sprint(port), fmt.Sprint(silent.port), 1)).want(t, http.StatusOK)
	eventually(t, "the silent server is asked", func() bool { return silent.got() > 0 })
	eventually(t, "the quiet tenant's Stop comes", func() bool { return told.has(0, "Stop quiet") })
	if n := silent.got(); n > 128 { // an account whose server is silent has 32 of a node's 256 places at most
		t.Errorf("the Stop waited for %d packets of the loud tenant's", n)
	}
	limits := call(t, root, "GET", strings.TrimSuffix(loud, "/aaa")+"/limits", "").want(t, http.StatusOK)
	if used, ok := limits.Data["limits"].(map[string]any)["sessions"].(map[string]any)["used"].(float64); !ok || used == 0 {
		t.Errorf("none of the loud tenant's Stops was due any more: %s", limits.Body)
	}
}
