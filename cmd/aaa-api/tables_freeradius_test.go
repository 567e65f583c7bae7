package main

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/radius"
)

// tableTenant runs the shipped tables against a real FreeRADIUS beside scripted
// servers: dead answers nothing, slow takes its time, refuses rejects.
type tableTenant struct {
	radiusTenant
	addresses           map[string]netip.AddrPort
	dead, slow, refuses *enginetest.ScriptedRADIUS
	slowFor             time.Duration
	account             string
}

func newTableTenant(t *testing.T, p *process, token string) *tableTenant {
	t.Helper()
	s := enginetest.FreeRADIUS(t)
	x := &tableTenant{radiusTenant: radiusTenant{t: t, p: p, token: token}, slowFor: 700 * time.Millisecond}
	x.account, _ = call(t, x.token, "PUT", x.p.url+"/v2/accounts", `{"data":{"name":"tables"}}`).want(t, http.StatusCreated).Data["id"].(string)
	x.url = x.p.url + "/v2/accounts/" + x.account + "/aaa"
	code := func(q *enginetest.Query, other radius.Code) radius.Code {
		if q.Packet[0] == 4 { // Accounting-Request
			return 5
		}
		return other
	}
	x.dead = enginetest.NewScriptedRADIUS(t, s.Secret, func(*enginetest.Query) {})
	x.refuses = enginetest.NewScriptedRADIUS(t, s.Secret, func(q *enginetest.Query) { q.Send(q.Answer(code(q, radius.AccessReject))) })
	x.slow = enginetest.NewScriptedRADIUS(t, s.Secret, func(q *enginetest.Query) {
		time.AfterFunc(x.slowFor, func() { q.Send(q.Answer(code(q, radius.AccessAccept))) })
	})
	x.addresses = map[string]netip.AddrPort{
		"auth": s.AuthAddr, "acct": s.AcctAddr, "dead": x.dead.Addr, "slow": x.slow.Addr, "refuses": x.refuses.Addr,
	}
	return x
}

// document writes the tenant's document: a table, and the servers of each list in order.
func (x *tableTenant) document(table string, authentication, accounting []string, more map[string]any) {
	x.t.Helper()
	names := slices.Clone(authentication)
	names = append(names, accounting...)
	slices.Sort(names)
	var servers []any
	for _, name := range slices.Compact(names) {
		timeout := 5000
		if name == "dead" { // what is waited for in vain need not be waited for long
			timeout = 300
		}
		servers = append(servers, map[string]any{
			"enabled": true, "name": name, "address": "127.0.0.1", "port": x.addresses[name].Port(), "secret": enginetest.FreeRADIUS(x.t).Secret,
			"aaa_engine": "radius", "avp": "strict", "dicts": []string{"dictionary"}, "retries": 0, "timeout": timeout,
			"health_check": map[string]any{"type": "time"},
		})
	}
	login := []map[string]string{
		{"request_key": "user", "attribute": "User-Name", "request_value_regexp": "^([^@]+)", "attr_value_regexp": "^(.*)$"},
		rule("password", "User-Password"), rule("message", "Reply-Message"),
	}
	document := map[string]any{
		"aaa_mode": "on", "workers": 5, "nas_address": "192.0.2.78", "nas_port": 1, "fsm": table, "servers": servers,
		"authentication": authentication, "authorization": authentication, "accounting": accounting,
		"authn_avp_translation": login, "authz_avp_translation": login,
		"accounting_avp_translation": []map[string]string{rule("user", "User-Name"), rule("Acct-Status-Type", "Acct-Status-Type"), rule("call", "Acct-Session-Id")},
	}
	for name, value := range more {
		document[name] = value
	}
	body, err := json.Marshal(map[string]any{"data": document})
	if err != nil {
		x.t.Fatal(err)
	}
	if a := call(x.t, x.token, "PUT", x.url, string(body)); a.Status == http.StatusConflict {
		call(x.t, x.token, "POST", x.url, string(body)).want(x.t, http.StatusOK)
	} else {
		a.want(x.t, http.StatusCreated)
	}
}

const alice = `{"user":"alice","password":"correct horse"}`

// shippedTables runs each of them for what it is made for.
func shippedTables(t *testing.T, p *process, token string) {
	x := newTableTenant(t, p, token)
	both := []string{"acct"}

	t.Run("sequential", func(t *testing.T) {
		x.document("sequential", []string{"dead", "auth"}, both, nil)
		x.ask("authn", alice).has(t, "server", "auth").has(t, "AAA-Result", "accept").has(t, "message", "Hello alice")
		x.document("sequential", []string{"refuses", "auth"}, both, nil)
		x.ask("authn", alice).has(t, "server", "refuses").has(t, "AAA-Result", "reject")
	})

	t.Run("race", func(t *testing.T) {
		x.document("race", []string{"dead", "slow", "auth"}, both, nil)
		begun := time.Now()
		a := call(t, x.token, "POST", x.url+"/authn?trace=true", `{"data":`+alice+`}`).want(t, http.StatusOK)
		a.has(t, "server", "auth").has(t, "AAA-Result", "accept").has(t, "message", "Hello alice")
		if time.Since(begun) > x.slowFor {
			t.Errorf("the answer took %v: the slow server was waited for", time.Since(begun))
		}
		if walk := walkOf(t, a); !slices.Contains(walk, "Race RAD2RAD.ACK KILL Won") {
			t.Errorf("the trace shows the walk %q", walk)
		}
		// It was asked beside the others, unless the answer came before its turn to be asked.
		for n := 0; len(x.slow.Packets()) == 0; n++ {
			if n == 20 {
				t.Fatal("the slow server was not asked beside the others")
			}
			x.ask("authn", alice).has(t, "server", "auth")
		}

		x.document("race", []string{"slow", "refuses"}, both, nil)
		x.ask("authn", alice).has(t, "server", "refuses").has(t, "AAA-Result", "reject")
		x.document("race", []string{"dead", "slow"}, both, nil)
		x.ask("authn", alice).has(t, "server", "slow").has(t, "AAA-Result", "accept")
		x.document("race", []string{"dead"}, both, nil)
		call(t, x.token, "POST", x.url+"/authn", `{"data":`+alice+`}`).want(t, http.StatusGatewayTimeout)
	})

	t.Run("replicate", func(t *testing.T) {
		id := "copies-" + aaa.NewID()
		before := len(x.refuses.Packets())
		x.document("replicate", []string{"auth"}, []string{"dead", "acct", "refuses"}, nil)
		x.ask("accounting", `{"user":"alice","Acct-Status-Type":"Start","call":"`+id+`"}`).has(t, "AAA-Result", "accept")
		x.refuses.Wait(t, before+1)
		eventually(t, "the record is at FreeRADIUS", func() bool { return recordOf(t, id) != "" })
		if got := len(x.refuses.Packets()) - before; got != 1 {
			t.Errorf("the second server got the record %d times, want once", got)
		}
	})

	t.Run("realm", func(t *testing.T) {
		x.document("realm", []string{"refuses", "auth"}, both, map[string]any{
			"realms": map[string]any{"realms": map[string]string{"radius.example": "auth", "*": "refuses"}},
		})
		x.ask("authn", `{"user":"alice@Radius.example","password":"correct horse"}`).has(t, "server", "auth").has(t, "AAA-Result", "accept")
		x.ask("authn", `{"user":"alice@other.example","password":"correct horse"}`).has(t, "server", "refuses").has(t, "AAA-Result", "reject")
		x.ask("authn", alice).has(t, "server", "refuses") // no realm: the list in order
	})

	t.Run("fallback", func(t *testing.T) {
		x.document("fallback", []string{"dead"}, both, nil)
		call(t, x.token, "PUT", x.url+"/users/users", `{"data":{"text":`+quoted(localUsers)+`}}`).want(t, http.StatusCreated)
		a := x.ask("authn", `{"user":"carol","password":"harbour seal"}`).has(t, "AAA-Result", "accept").has(t, "server", nil)
		if !strings.Contains(a.Body, "Welcome ashore") {
			t.Errorf("the entry's reply item is not in the answer %s", a.Body)
		}
		x.ask("authn", `{"user":"carol","password":"wrong"}`).has(t, "AAA-Result", "reject")
		x.ask("authn", alice).has(t, "AAA-Result", "reject") // the file does not know her
		x.document("fallback", []string{"refuses"}, both, nil)
		x.ask("authn", `{"user":"carol","password":"harbour seal"}`).has(t, "AAA-Result", "reject").has(t, "server", "refuses")
		x.document("fallback", []string{"dead", "auth"}, both, nil)
		x.ask("authn", alice).has(t, "server", "auth").has(t, "AAA-Result", "accept")
		if shown := call(t, x.token, "GET", x.url+"/users/users", "").want(t, http.StatusOK).Body; strings.Contains(shown, "$6$") || !strings.Contains(shown, aaa.Mask) {
			t.Errorf("the users file is shown as %s", shown)
		}
	})

	t.Run("challenge", func(t *testing.T) {
		x.document("challenge", []string{"dead", "auth"}, both, nil)
		a := x.ask("authn", `{"user":"challenge","password":"first"}`).has(t, "AAA-Result", "challenge").has(t, "message", "What comes second?")
		state, _ := a.Data["State"].(string)
		before := len(x.dead.Packets())
		x.ask("authn", `{"user":"challenge","password":"second","State":"`+state+`"}`).has(t, "AAA-Result", "accept").has(t, "server", "auth")
		if len(x.dead.Packets()) != before {
			t.Error("the answer to FreeRADIUS's challenge went to another server as well")
		}
	})

	log := x.p.log() + x.p.out()
	for _, secret := range []string{"correct horse", "harbour seal", "$6$", enginetest.FreeRADIUS(t).Secret} {
		if strings.Contains(log, secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
}

// localUsers is a users file: the password is "harbour seal".
const localUsers = `carol  Password = "$6$abcdefgh$tdnOHbB/CjYr0J/F7rmu0eHhURsgW.uyg8S66damFu86lHhXNDcc7run6phM70CtSPSk3ikv8T/HsLc.GR56w1"
	Reply-Message = "Welcome ashore"
`

func quoted(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// walkOf is the lines that a traced request took: state, event's action and event, action, next state.
func walkOf(t *testing.T, a answer) (walk []string) {
	t.Helper()
	var body struct {
		Data struct {
			Trace aaa.Trace `json:"trace"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(a.Body), &body); err != nil {
		t.Fatal(err)
	}
	for _, s := range body.Data.Trace.FSM {
		_, event, _ := strings.Cut(s.Event, ".")
		walk = append(walk, s.State+" "+event+" "+s.Action+" "+s.Next)
	}
	return walk
}
