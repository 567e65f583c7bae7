package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/radius"
	"aaa-api/internal/tacacs"
)

// tacacsServer is a scripted TACACS+ server, in which bob may log in and show what he likes.
type tacacsServer struct {
	t      *testing.T
	addr   string
	secret string

	mu      sync.Mutex
	failing bool // it answers ERROR
	got     []tacacs.Body
	ln      net.Listener
	conns   map[net.Conn]bool
	work    sync.WaitGroup
}

func startTACACS(t *testing.T) *tacacsServer { return startTACACSWith(t, asciiSecret) }

func startTACACSWith(t *testing.T, secret string) *tacacsServer {
	t.Helper()
	s := &tacacsServer{t: t, addr: "127.0.0.1:0", secret: secret, conns: make(map[net.Conn]bool)}
	s.listen()
	s.addr = s.ln.Addr().String()
	t.Cleanup(s.close)
	return s
}

// listen opens the port, the same each time.
func (s *tacacsServer) listen() {
	ln, err := net.Listen("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.ln = ln
	s.work.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns[conn] = true
			s.mu.Unlock()
			s.work.Go(func() {
				for s.serve(conn) == nil {
				}
				conn.Close()
				s.mu.Lock()
				delete(s.conns, conn)
				s.mu.Unlock()
			})
		}
	})
}

// close closes the port and all connections.
func (s *tacacsServer) close() {
	s.ln.Close()
	s.cut()
	s.work.Wait()
}

// cut closes all connections.
func (s *tacacsServer) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		conn.Close()
	}
}

func (s *tacacsServer) fail(on bool) {
	s.mu.Lock()
	s.failing = on
	s.mu.Unlock()
}

// last is the latest request.
func (s *tacacsServer) last() tacacs.Body {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got[len(s.got)-1]
}

// serve answers one packet.
func (s *tacacsServer) serve(conn net.Conn) error {
	head := make([]byte, tacacs.HeaderLen)
	if _, err := io.ReadFull(conn, head); err != nil {
		return err
	}
	h, err := tacacs.ParseHeader(head)
	if err != nil {
		return err
	}
	b := make([]byte, h.Length)
	if _, err := io.ReadFull(conn, b); err != nil {
		return err
	}
	body, err := tacacs.NewRequest(h)
	if err != nil {
		return err
	}
	if err := tacacs.DecodeBody(b, h, s.secret, body); err != nil {
		return err
	}
	s.mu.Lock()
	s.got = append(s.got, body)
	reply := tacacsReply(body, s.failing)
	s.mu.Unlock()
	packet, err := tacacs.AppendPacket(nil, h.Answer(h.Flags), reply, s.secret)
	if err == nil {
		_, err = conn.Write(packet)
	}
	return err
}

func tacacsReply(body tacacs.Body, failing bool) tacacs.Body {
	password := ""
	switch b := body.(type) {
	case *tacacs.AcctRequest:
		if failing {
			return &tacacs.AcctReply{Status: tacacs.AcctError, ServerMsg: "the disk is full"}
		}
		return &tacacs.AcctReply{Status: tacacs.AcctSuccess}
	case *tacacs.AuthorRequest:
		switch {
		case failing:
			return &tacacs.AuthorReply{Status: tacacs.AuthorError, Data: tacacs.Sensitive("no rules, see line 7")}
		case b.Args[1] == "cmd=show":
			return &tacacs.AuthorReply{Status: tacacs.AuthorPassAdd, Args: []string{"priv-lvl=15", "colour*red"}}
		case b.Args[1] == "cmd=brew":
			return &tacacs.AuthorReply{Status: tacacs.AuthorPassAdd, Args: []string{"colour=red"}}
		}
		return &tacacs.AuthorReply{Status: tacacs.AuthorFail, ServerMsg: "not allowed\nask the operator"}
	case *tacacs.AuthenStart:
		if b.Method == tacacs.AuthenASCII && !failing {
			return &tacacs.AuthenReply{Status: tacacs.AuthenGetPass, Flags: tacacs.ReplyNoEcho, ServerMsg: "Secret word:"}
		}
		password = string(b.Data)
	case *tacacs.AuthenContinue:
		password = string(b.UserMsg)
	}
	switch {
	case failing:
		return &tacacs.AuthenReply{Status: tacacs.AuthenError, ServerMsg: "no directory for " + password, Data: tacacs.Sensitive("ldap1 refused")}
	case password == "wonderland":
		return &tacacs.AuthenReply{Status: tacacs.AuthenPass, ServerMsg: "hello\nbob"}
	}
	return &tacacs.AuthenReply{Status: tacacs.AuthenFail}
}

// tacacsAndRADIUS runs a tenant whose document names a TACACS+ server and behind it a RADIUS server, by
// one set of rules.
func tacacsAndRADIUS(t *testing.T, p *process, token string) {
	server := startTACACS(t)
	second := enginetest.NewScriptedRADIUS(t, demoSecret, func(q *enginetest.Query) {
		if q.Packet[0] == 4 {
			q.Send(q.Answer(radius.AccountingResponse))
		} else {
			q.Send(q.Answer(radius.AccessAccept))
		}
	})
	account, _ := call(t, token, "PUT", p.url+"/v2/accounts", `{"data":{"name":"tacacs"}}`).want(t, http.StatusCreated).Data["id"].(string)
	url := p.url + "/v2/accounts/" + account + "/aaa"
	body, err := json.Marshal(map[string]any{"data": map[string]any{
		"aaa_mode": "on", "workers": 5, "nas_address": "192.0.2.77", "nas_port": 2000,
		"servers": []any{
			map[string]any{
				"enabled": true, "name": "first", "address": "127.0.0.1", "port": server.ln.Addr().(*net.TCPAddr).Port, "secret": asciiSecret,
				"aaa_engine": "tacacs", "dicts": []string{"dictionary_tacacs"}, "retries": 0, "timeout": 10000, "connections": 2,
			},
			map[string]any{
				"enabled": true, "name": "second", "address": "127.0.0.1", "port": second.Addr.Port(), "secret": demoSecret,
				"aaa_engine": "radius", "dicts": []string{"dictionary"}, "retries": 0, "timeout": 10000,
			},
		},
		"authentication": []string{"first", "second"}, "authorization": []string{"first", "second"}, "accounting": []string{"first", "second"},
		"authn_avp_translation":      []any{rule("user", "User-Name"), rule("password", "User-Password"), rule("kind", "authen_type"), rule("message", "server_msg")},
		"authz_avp_translation":      []any{rule("user", "User-Name"), rule("command", "cmd"), rule("words", "cmd-arg"), rule("level", "priv-lvl"), rule("message", "server_msg")},
		"accounting_avp_translation": []any{rule("user", "User-Name"), rule("status", "Acct-Status-Type"), rule("call", "Acct-Session-Id"), rule("seconds", "Acct-Session-Time")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	call(t, token, "PUT", url, string(body)).want(t, http.StatusCreated)
	ask := func(op, data string) answer {
		t.Helper()
		return call(t, token, "POST", url+"/"+op, `{"data":`+data+`}`).want(t, http.StatusOK)
	}

	const good = `{"user":"bob","password":"wonderland"}`
	ask("authn", good).has(t, "AAA-Result", "accept").has(t, "server", "first").has(t, "message", "hello\nbob")
	if got := server.last().(*tacacs.AuthenStart); got.Method != tacacs.AuthenPAP || got.User != "bob" || got.Port != "2000" {
		t.Errorf("sent %+v", got)
	}
	ask("authn", `{"user":"bob","password":"looking-glass"}`).has(t, "AAA-Result", "reject").has(t, "server", "first")

	a := ask("authn", `{"user":"bob","kind":"ascii"}`).has(t, "AAA-Result", "challenge").has(t, "prompt", "Secret word:").has(t, "echo", false)
	state := fmt.Sprint(a.Data["State"])
	ask("authn", `{"user":"bob","password":"wonderland","State":"`+state+`"}`).has(t, "AAA-Result", "accept")
	call(t, token, "POST", url+"/authn", `{"data":{"user":"bob","password":"wonderland","State":"`+state+`"}}`).want(t, http.StatusBadRequest)

	a = ask("authz", `{"user":"bob","command":"show","words":["version","<cr>"]}`).has(t, "AAA-Result", "accept").has(t, "level", "15").has(t, "command", "show")
	if avps, _ := a.Data["avps"].(map[string]any); avps["colour*"] != "red" {
		t.Errorf("the optional argument is not handed on: %s", a.Body)
	}
	if got := strings.Join(server.last().(*tacacs.AuthorRequest).Args, " "); got != "service=shell cmd=show cmd-arg=version cmd-arg=<cr>" {
		t.Errorf("sent %s", got)
	}
	ask("authz", `{"user":"bob","command":"reload"}`).has(t, "AAA-Result", "reject").has(t, "message", "not allowed\nask the operator")
	ask("authz", `{"user":"bob","command":"brew"}`).has(t, "AAA-Result", "reject").has(t, "Is-Authorized", false)

	call, records := "c-"+aaa.NewID(), []tacacs.AcctFlags{tacacs.AcctStart, tacacs.AcctWatchdog, tacacs.AcctStop}
	for i, status := range []string{"Start", "Interim-Update", "Stop"} {
		ask("accounting", `{"user":"bob","status":"`+status+`","call":"`+call+`","seconds":60}`).has(t, "AAA-Result", "accept").has(t, "server", "first")
		got := server.last().(*tacacs.AcctRequest)
		if got.Flags != records[i] || !strings.Contains(strings.Join(got.Args, " "), "elapsed_time=60") || !strings.Contains(strings.Join(got.Args, " "), "task_id="+call) {
			t.Errorf("%s: %+v", status, got)
		}
	}

	// ERROR is another server's turn, for each operation, and the way back is open at once.
	server.fail(true)
	ask("authn", `{"user":"bob","password":"x"}`).has(t, "AAA-Result", "accept").has(t, "server", "second")
	ask("accounting", `{"user":"bob","status":"Stop","call":"`+call+`"}`).has(t, "AAA-Result", "accept").has(t, "server", "second")
	server.fail(false)
	ask("authn", good).has(t, "server", "first")
	// So is a port that nobody listens at.
	server.close()
	ask("authn", good).has(t, "AAA-Result", "accept").has(t, "server", "second")
	server.listen()
	time.Sleep(300 * time.Millisecond) // no condition: a try within the pause after a failed connection would be a failure, too
	ask("authn", good).has(t, "server", "first").has(t, "message", "hello\nbob")
	ask("authz", `{"user":"bob","command":"show"}`).has(t, "server", "first")

	if log := p.log(); strings.Contains(log, "wonderland") || strings.Contains(log, asciiSecret) {
		t.Errorf("the log shows a password or a secret:\n%s", log)
	}
}
