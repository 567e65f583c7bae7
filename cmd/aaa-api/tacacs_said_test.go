package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
)

// tacacsAccount makes an account whose document names one TACACS+ server, and returns the server and the document's URL.
func tacacsAccount(t *testing.T, p *process, token, name string) (*tacacsServer, string) {
	t.Helper()
	server := startTACACS(t)
	account, _ := call(t, token, "PUT", p.url+"/v2/accounts", `{"data":{"name":"`+name+`"}}`).want(t, http.StatusCreated).Data["id"].(string)
	url := p.url + "/v2/accounts/" + account + "/aaa"
	body, err := json.Marshal(map[string]any{"data": map[string]any{
		"aaa_mode": "on", "workers": 5, "nas_address": "192.0.2.77", "nas_port": 2000,
		"servers": []any{map[string]any{
			"enabled": true, "name": "tac", "address": "127.0.0.1", "port": server.ln.Addr().(*net.TCPAddr).Port, "secret": asciiSecret,
			"aaa_engine": "tacacs", "dicts": []string{"dictionary_tacacs"}, "retries": 0, "timeout": 10000,
		}},
		"authentication": []string{"tac"}, "authorization": []string{"tac"}, "accounting": []string{"tac"},
		"authn_avp_translation":      []any{rule("user", "user"), rule("password", "password"), rule("kind", "authen_type")},
		"authz_avp_translation":      []any{rule("user", "user"), rule("command", "cmd")},
		"accounting_avp_translation": []any{rule("user", "user"), rule("status", "Acct-Status-Type")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	call(t, token, "PUT", url, string(body)).want(t, http.StatusCreated)
	return server, url
}

// tacacsErrors has a server answer ERROR. What it says with it is in the trace of the answer and in the log, but for
// the user's password.
func tacacsErrors(t *testing.T, p *process, token string) {
	for op, c := range map[string]struct {
		request, words string
		status         int
	}{
		"authn":      {`{"user":"bob","password":"looking-glass"}`, `server_msg \"no directory for ********\", data \"ldap1 refused\"`, http.StatusGatewayTimeout},
		"authz":      {`{"user":"bob","command":"show"}`, `data \"no rules, see line 7\"`, http.StatusGatewayTimeout},
		"accounting": {`{"user":"bob","status":"Stop"}`, `server_msg \"the disk is full\"`, http.StatusOK}, // the record is stored
	} {
		server, url := tacacsAccount(t, p, token, "tacacs "+op)
		server.fail(true)
		a := call(t, token, "POST", url+"/"+op+"?trace=true", `{"data":`+c.request+`}`)
		if a.Status != c.status || !strings.Contains(a.Body, `"outcome":"server error: the server answered ERROR, `+c.words) {
			t.Errorf("%s: %d, and the trace does not say %s: %s", op, a.Status, c.words, a.Body)
		}
		eventually(t, "the log has the words of the "+op+" error", func() bool { return strings.Contains(p.log(), c.words) })
		if strings.Contains(a.Body+p.log(), "looking-glass") {
			t.Errorf("%s shows the password: %s", op, a.Body)
		}
	}
}

// tacacsCloses has a server close its connections while a user types, as tacquito does with one that is idle for 15 s.
// The session fails at once, and what is typed after that is told of the session, not of a State.
func tacacsCloses(t *testing.T, p *process, token string) {
	server, url := tacacsAccount(t, p, token, "tacacs closes")
	a := call(t, token, "POST", url+"/sessions", `{"data":{"user":"bob","kind":"ascii"}}`).want(t, http.StatusCreated).has(t, "result", "challenge")
	sid := fmt.Sprint(url, "/sessions/", a.Data["sid"])
	server.cut()
	eventually(t, "the session fails", func() bool {
		return call(t, token, "GET", sid, "").want(t, http.StatusOK).Data["state"] == "failed"
	})
	late := call(t, token, "POST", sid+"/continue", `{"data":{"answer":"wonderland"}}`).want(t, http.StatusConflict)
	if strings.Contains(late.Body, "State") {
		t.Errorf("the caller never sent a State: %s", late.Body)
	}
}
