package main

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
)

// accounted is what a RADIUS server was told of sessions, in order.
type accounted struct {
	mu      sync.Mutex
	records []string
}

// has reports whether a record came, of those after the first n.
func (a *accounted) has(n int, record string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Contains(a.records[min(n, len(a.records)):], record)
}

func (a *accounted) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.records)
}

// serveAccounting is a server that lets everybody in, bob for three seconds, and notes accounting. It returns its port.
func serveAccounting(t *testing.T) (*accounted, int) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &accounted{}
	server := &radius.PacketServer{
		SecretSource: radius.StaticSecretSource([]byte(demoSecret)),
		Handler: radius.HandlerFunc(func(w radius.ResponseWriter, r *radius.Request) {
			answer := r.Response(radius.CodeAccessAccept)
			if rfc2865.UserName_GetString(r.Packet) == "bob" {
				_ = rfc2865.SessionTimeout_Add(answer, 3)
			}
			if r.Code == radius.CodeAccountingRequest {
				answer = r.Response(radius.CodeAccountingResponse)
				record := fmt.Sprint(rfc2866.AcctStatusType_Get(r.Packet), " ", rfc2866.AcctSessionID_GetString(r.Packet))
				if cause, err := rfc2866.AcctTerminateCause_Lookup(r.Packet); err == nil {
					record += fmt.Sprint(" ", cause)
				}
				a.mu.Lock()
				a.records = append(a.records, record)
				a.mu.Unlock()
			}
			_ = w.Write(answer) // the client asks again
		}),
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(conn) }()
	t.Cleanup(func() {
		_ = server.Shutdown(t.Context())
		<-done
	})
	return a, conn.LocalAddr().(*net.UDPAddr).Port
}

// accountedDocument has the server at port told of sessions, with more members.
func accountedDocument(port int, members string) string {
	rules := []string{}
	for _, name := range []string{"Acct-Status-Type", "Acct-Session-Id", "Acct-Terminate-Cause"} {
		rules = append(rules, fmt.Sprintf(`{"request_key":%q,"attribute":%q,"request_value_regexp":"^(.*)$","attr_value_regexp":"^(.*)$"}`, name, name))
	}
	return strings.Replace(documentFor(port), `"accounting":[]`, `"accounting":["one"],`+members+`,
		"accounting_avp_translation":[`+strings.Join(rules, ",")+`]`, 1)
}

// disabledSessions disables an account that has sessions: nothing more is opened, and what is open goes
// on to be told of until its timeout or a token of those above closes it, with a Stop.
func disabledSessions(t *testing.T, p *process, token string) {
	told, port := serveAccounting(t)
	made := call(t, token, "PUT", p.url+"/v2/accounts", `{"data":{"name":"Acme"}}`).want(t, http.StatusCreated)
	account := p.url + "/v2/accounts/" + fmt.Sprint(made.Data["id"])
	call(t, token, "PUT", account+"/aaa", accountedDocument(port, `"local_interim_update_interval":1`)).want(t, http.StatusCreated)
	sessions := account + "/aaa/sessions"
	login := func(user string) string { return `{"data":{"User-Name":"` + user + `","User-Password":"wonderland"}}` }
	begin := func(user string) string {
		a := call(t, token, "POST", sessions, login(user)).want(t, http.StatusCreated)
		return fmt.Sprint(sessions, "/", a.Data["sid"])
	}
	open := func(session, id string) {
		call(t, token, "POST", session+"/open", `{"data":{"Acct-Session-Id":"`+id+`"}}`).want(t, http.StatusOK)
	}
	unopened, closed := begin("alice"), begin("alice")
	open(closed, "closed")
	open(begin("bob"), "expired")
	call(t, token, "PATCH", account, `{"data":{"enabled":false}}`).want(t, http.StatusOK)
	before := told.count()

	call(t, token, "POST", sessions, login("alice")).want(t, http.StatusForbidden)
	call(t, token, "POST", unopened+"/open", "").want(t, http.StatusForbidden)
	call(t, token, "POST", account+"/aaa/accounting", `{"data":{"Acct-Status-Type":"Start"}}`).want(t, http.StatusForbidden)
	eventually(t, "interim updates go on", func() bool { return told.has(before+2, "Interim-Update closed") })
	call(t, token, "DELETE", closed, "").want(t, http.StatusOK).has(t, "result", "closed")
	eventually(t, "the Stop of the DELETE", func() bool { return told.has(before, "Stop closed User-Request") })
	call(t, token, "DELETE", unopened, "").want(t, http.StatusOK)
	eventually(t, "the session's time is over", func() bool { return told.has(before, "Stop expired Session-Timeout") })
}
