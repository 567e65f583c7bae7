package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines/enginetest"
)

// radiusTenant is a tenant whose document names a real FreeRADIUS, behind a running service.
type radiusTenant struct {
	t        *testing.T
	p        *process
	token    string
	url      string // of the customer's aaa; its document inherits from the reseller's
	provider string
}

// rule is a translation rule that takes a whole value.
func rule(key, attribute string) map[string]string {
	return map[string]string{"request_key": key, "attribute": attribute, "request_value_regexp": "^(.*)$", "attr_value_regexp": "^(.*)$"}
}

func newRadiusTenant(t *testing.T, p *process, token string) *radiusTenant {
	t.Helper()
	s := enginetest.FreeRADIUS(t)
	r := &radiusTenant{t: t, p: p, token: token}
	reseller, _ := call(t, r.token, "PUT", r.p.url+"/v2/accounts", `{"data":{"name":"reseller"}}`).want(t, http.StatusCreated).Data["id"].(string)
	customer, _ := call(t, r.token, "PUT", r.p.url+"/v2/accounts/"+reseller, `{"data":{"name":"customer"}}`).want(t, http.StatusCreated).Data["id"].(string)
	r.provider = r.p.url + "/v2/accounts/" + reseller + "/aaa"
	r.url = r.p.url + "/v2/accounts/" + customer + "/aaa"

	login := []map[string]string{
		rule("user", "User-Name"), rule("password", "User-Password"), rule("chap", "CHAP-Password"), rule("mschap2", "MS-CHAP2-Response"),
		rule("ask", "Cisco-AVPair"), rule("message", "Reply-Message"), rule("timeout", "Session-Timeout"),
		{"request_key": "speed", "attribute": "USR-Connect-Speed", "cast": aaa.StringToInteger, "request_value_regexp": "^(.*)$", "attr_value_regexp": "^(.*)$"},
		{"request_key": "level", "attribute": "Cisco-AVPair", "request_value_regexp": "^never(sent)$", "attr_value_regexp": "^shell:priv-lvl=([0-9]+)$"},
		rule("tunnel", "Tunnel-Server-Endpoint:1"),
	}
	records := []map[string]string{
		rule("user", "User-Name"), rule("status", "Acct-Status-Type"), rule("call", "Acct-Session-Id"),
		{"request_key": "Billing-Seconds", "attribute": "Acct-Session-Time", "cast": aaa.StringToInteger, "request_value_regexp": "^(.*)$", "attr_value_regexp": "^(.*)$"},
	}
	server := func(name string, port uint16) map[string]any {
		return map[string]any{
			"enabled": true, "name": name, "address": "127.0.0.1", "port": port, "secret": s.Secret, "aaa_engine": "radius", "avp": "strict",
			"dicts":   []string{"dictionary_cisco", "dictionary_microsoft", "dictionary_juniper", "dictionary_usr", "dictionary"},
			"retries": 2, "timeout": 5000,
		}
	}
	body, err := json.Marshal(map[string]any{"data": map[string]any{
		"aaa_mode": "on", "workers": 5, "nas_address": "192.0.2.77", "nas_port": 2000,
		"servers":        []any{server("auth", s.AuthAddr.Port()), server("acct", s.AcctAddr.Port())},
		"authentication": []string{"auth"}, "authorization": []string{"auth"}, "accounting": []string{"acct"},
		"authn_avp_translation": login, "authz_avp_translation": login, "accounting_avp_translation": records,
	}})
	if err != nil {
		t.Fatal(err)
	}
	call(t, r.token, "PUT", r.provider, string(body)).want(t, http.StatusCreated)
	return r
}

func (r *radiusTenant) ask(op, data string) answer {
	r.t.Helper()
	return call(r.t, r.token, "POST", r.url+"/"+op, `{"data":`+data+`}`).want(r.t, http.StatusOK)
}

// freeRADIUS runs the main job against a real server: a customer's requests, by
// its provider's document, over the REST API.
func freeRADIUS(t *testing.T, p *process, token string) {
	r := newRadiusTenant(t, p, token)
	for _, c := range []struct{ name, op, data, outcome string }{
		{"PAP", "authn", `{"user":"alice","password":"correct horse"}`, "accept"},
		{"PAP, wrong password", "authn", `{"user":"alice","password":"wrong"}`, "reject"},
		{"unknown user", "authn", `{"user":"nobody","password":"x"}`, "reject"},
		{"CHAP", "authn", `{"user":"alice","chap":"correct horse"}`, "accept"},
		{"CHAP, wrong password", "authn", `{"user":"alice","chap":"wrong"}`, "reject"},
		{"MS-CHAPv2", "authn", `{"user":"alice","mschap2":"correct horse"}`, "accept"},
		{"MS-CHAPv2, wrong password", "authn", `{"user":"alice","mschap2":"wrong"}`, "reject"},
		{"authorization", "authz", `{"user":"alice","password":"correct horse"}`, "accept"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := r.ask(c.op, c.data).has(t, "AAA-Result", c.outcome).has(t, "Is-Authorized", c.outcome == "accept")
			if c.outcome == "accept" {
				a.has(t, "message", "Hello alice").has(t, "timeout", "3600").has(t, "server", "auth")
			}
		})
	}

	t.Run("vendor attributes both ways", func(t *testing.T) {
		r.ask("authn", `{"user":"vendor","password":"correct horse"}`).has(t, "AAA-Result", "reject")
		a := r.ask("authn", `{"user":"vendor","password":"correct horse","ask":"ask=everything"}`).has(t, "AAA-Result", "accept").has(t, "level", "15")
		a.has(t, "ask", []any{"shell:priv-lvl=15", "ip:addr-pool=first"})
		avps, _ := a.Data["avps"].(map[string]any)
		if got := avps["Juniper-Local-User-Name"]; got != "ops" {
			t.Errorf("Juniper-Local-User-Name is %v in %s", got, a.Body)
		}
		if a.Data["speed"] == nil || strings.Contains(fmt.Sprint(a.Data["speed"]), "BPS") {
			t.Errorf("string_to_integer turned round gives %v, want digits", a.Data["speed"])
		}
	})

	t.Run("a message of two lines", func(t *testing.T) {
		r.ask("authn", `{"user":"lines","password":"correct horse"}`).has(t, "AAA-Result", "accept").has(t, "message", "first line\nsecond line")
	})

	t.Run("tunnel passwords stay hidden", func(t *testing.T) {
		a := r.ask("authn", `{"user":"tunnel","password":"correct horse"}`).has(t, "AAA-Result", "accept").has(t, "tunnel", "192.0.2.1")
		if strings.Contains(a.Body, "first tunnel's secret") {
			t.Errorf("the answer gives away a password nobody has a rule for: %s", a.Body)
		}
	})

	t.Run("challenge", func(t *testing.T) {
		a := r.ask("authn", `{"user":"challenge","password":"first"}`).has(t, "AAA-Result", "challenge").has(t, "message", "What comes second?").has(t, "Is-Authorized", false)
		state, _ := a.Data["State"].(string)
		if avps, _ := a.Data["avps"].(map[string]any); avps["State"] != nil {
			t.Errorf("the server's own State is shown beside ours: %s", a.Body)
		}
		r.ask("authn", `{"user":"challenge","password":"second","State":"`+state+`"}`).has(t, "AAA-Result", "accept")
		r.ask("authn", `{"user":"challenge","password":"third","State":"`+state+`"}`).has(t, "AAA-Result", "reject")
	})

	t.Run("accounting", func(t *testing.T) {
		id := "e2e-" + aaa.NewID()
		r.ask("accounting", `{"user":"alice","status":"Stop","call":"`+id+`","Billing-Seconds":"42"}`).has(t, "AAA-Result", "accept")
		record := detailOf(t, id)
		for _, line := range []string{
			`User-Name = "alice"`, "Acct-Status-Type = Stop", "Acct-Session-Time = 42",
			"NAS-IP-Address = 192.0.2.77", "NAS-Port = 2000", "Acct-Delay-Time = 0", "Event-Timestamp = ",
		} {
			if !strings.Contains(record, line) {
				t.Errorf("the record lacks %q:\n%s", line, record)
			}
		}
	})

	t.Run("an integer that is none", func(t *testing.T) {
		for _, v := range []string{"many", "4294967296", "-1", "1.5"} {
			a := call(t, r.token, "POST", r.url+"/accounting", `{"data":{"user":"alice","status":"Start","Billing-Seconds":"`+v+`"}}`).want(t, http.StatusBadRequest)
			if !strings.Contains(a.Body, "Billing-Seconds") {
				t.Errorf("%s: the error names no key: %s", v, a.Body)
			}
		}
	})

	t.Run("the wrong secret", func(t *testing.T) {
		call(t, r.token, "PUT", r.url, `{"data":{"aaa_mode":"on","workers":1,"nas_address":"127.0.0.1","nas_port":1,
			"servers":[{"enabled":true,"name":"w","address":"127.0.0.1","port":`+itoa(int(enginetest.FreeRADIUS(t).AuthAddr.Port()))+`,"secret":"not it","aaa_engine":"radius","dicts":["dictionary"],"retries":0,"timeout":300}],
			"authentication":["w"],"authorization":[],"accounting":[],"authn_avp_translation":[]}}`).want(t, http.StatusCreated)
		call(t, r.token, "POST", r.url+"/authn", `{"data":{"user":"alice"}}`).want(t, http.StatusGatewayTimeout)
	})

	if log := r.p.log() + r.p.out(); strings.Contains(log, "correct horse") || strings.Contains(log, enginetest.FreeRADIUS(t).Secret) {
		t.Error("a password or the shared secret is in the log")
	}
}

// detailOf returns the accounting record that holds text.
func detailOf(t *testing.T, text string) string {
	t.Helper()
	record := recordOf(t, text)
	if record == "" {
		t.Fatalf("no accounting record holds %s", text)
	}
	return record
}

// recordOf returns the accounting record that holds text, empty where there is none yet.
func recordOf(t *testing.T, text string) string {
	t.Helper()
	detail, err := os.ReadFile(enginetest.FreeRADIUS(t).DetailFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // the first record makes the file
		t.Fatal(err)
	}
	for _, record := range strings.Split(string(detail), "\n\n") {
		if strings.Contains(record, text) {
			return record
		}
	}
	return ""
}
