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

	"aaa-api/internal/tacacs"
)

const asciiSecret = "a-secret-of-thirty-two-characters"

// asciiServer is a TACACS+ server that asks for a password and then for a code, in one
// dialogue on one connection. It closes that of a user named hatter as soon as it has asked for the password, as a server does to
// which the user types too long. It returns its port.
func asciiServer(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	var mu sync.Mutex
	conns := []net.Conn{}
	open.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			open.Go(func() {
				defer conn.Close()
				if err := asciiDialogue(conn); err != nil {
					t.Logf("the server's dialogue ended: %v", err)
				}
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		mu.Lock()
		for _, conn := range conns {
			conn.Close()
		}
		mu.Unlock()
		open.Wait()
	})
	return ln.Addr().(*net.TCPAddr).Port
}

// asciiDialogue answers the packets of one connection, which may hold one login.
func asciiDialogue(conn net.Conn) error {
	for {
		b := make([]byte, tacacs.HeaderLen)
		if _, err := io.ReadFull(conn, b); err != nil {
			return err
		}
		h, err := tacacs.ParseHeader(b)
		if err != nil {
			return err
		}
		body := make([]byte, h.Length)
		if _, err := io.ReadFull(conn, body); err != nil {
			return err
		}
		reply := tacacs.AuthenReply{Status: tacacs.AuthenFail}
		var typed string
		var start tacacs.AuthenStart
		if h.Seq == 1 {
			if err := tacacs.DecodeBody(body, h, asciiSecret, &start); err != nil {
				return err
			}
		} else {
			var p tacacs.AuthenContinue
			if err := tacacs.DecodeBody(body, h, asciiSecret, &p); err != nil {
				return err
			}
			typed = string(p.UserMsg)
		}
		switch {
		case h.Seq == 1:
			reply = tacacs.AuthenReply{Status: tacacs.AuthenGetPass, Flags: tacacs.ReplyNoEcho, ServerMsg: "Your password, please:"}
		case h.Seq == 3 && typed == "wonderland":
			reply = tacacs.AuthenReply{Status: tacacs.AuthenGetData, ServerMsg: "Your code:"}
		case h.Seq == 5 && typed == "4242-4242":
			reply.Status = tacacs.AuthenPass
		}
		out, err := tacacs.AppendPacket(nil, h.Answer(0), &reply, asciiSecret)
		if err != nil {
			return err
		}
		if _, err := conn.Write(out); err != nil || start.User == "hatter" {
			return err
		}
	}
}

func asciiDocument(port int) string {
	rule := `{"request_key":%q,"attribute":%q,"request_value_regexp":"^(.*)$","attr_value_regexp":"^(.*)$"}`
	return fmt.Sprintf(`{"data":{"aaa_mode":"on","servers":[{"enabled":true,"name":"ascii","address":"127.0.0.1","port":%d,
		"secret":%q,"aaa_engine":"tacacs","dicts":["dictionary_tacacs"],"retries":1,"timeout":20000}],
		"authentication":["ascii"],"authorization":[],"accounting":[],"workers":32,"nas_address":"127.0.0.1","nas_port":"1",
		"authn_avp_translation":[`+rule+","+rule+`]}}`, port, asciiSecret, "User-Name", "user", "User-Password", "password")
}

// loginIsLost begins a TACACS+ login at one node, whose server closes the connection while the user types. The session is failed at
// once, at both nodes, and no node sends what is typed then.
func (c *pair) loginIsLost(t *testing.T) {
	at := c.account(t, "lost login") + "/aaa"
	call(t, c.token, "PUT", c.one.url+at, asciiDocument(asciiServer(t))).want(t, http.StatusCreated)
	eventually(t, "the document is in use on the other node", func() bool {
		return call(t, c.token, "GET", c.two.url+at+"/effective?op=authn", "").Data["outcome"] == "servers" // from its memory
	})
	for _, begun := range []*process{c.one, c.two} {
		a := call(t, c.token, "POST", begun.url+at+"/sessions", `{"data":{"User-Name":"hatter"}}`).want(t, http.StatusCreated)
		a.has(t, "result", "challenge")
		sid, _ := a.Data["sid"].(string)
		session := at + "/sessions/" + sid
		for _, node := range []*process{c.two, c.one} {
			within(t, 10*time.Second, "the session has failed", func() bool {
				return call(t, c.token, "GET", node.url+session, "").want(t, http.StatusOK).Data["state"] == "failed"
			})
			call(t, c.token, "GET", node.url+session, "").has(t, "cause", "Lost-Service")
			challenge, _ := a.Data["challenge"].(string)
			for _, text := range []string{`{"data":{"answer":"wonderland"}}`, `{"data":{"answer":"wonderland","challenge":"` + challenge + `"}}`} {
				late := call(t, c.token, "POST", node.url+session+"/continue", text).want(t, http.StatusConflict)
				if !strings.Contains(late.Body, "failed") {
					t.Errorf("the answer does not say that the session has failed: %s", late.Body)
				}
			}
		}
	}
}

// loginGoesOn begins a TACACS+ login at one node and answers its challenges at
// the other, which can't hold the server's connection and passes them on. When the first node
// falls, the login is over and the other says so.
func (c *pair) loginGoesOn(t *testing.T) {
	first, second, token := c.one, c.two, c.token
	at := c.account(t, "login") + "/aaa"
	call(t, token, "PUT", first.url+at, asciiDocument(asciiServer(t))).want(t, http.StatusCreated)
	eventually(t, "the document is in use on the other node", func() bool {
		return call(t, token, "GET", second.url+at+"/effective?op=authn", "").Data["outcome"] == "servers" // from its memory
	})
	at += "/sessions"
	begin := func() string {
		a := call(t, token, "POST", first.url+at, `{"data":{"User-Name":"alice"}}`).want(t, http.StatusCreated)
		a.has(t, "result", "challenge")
		a.has(t, "prompt", "Your password, please:")
		a.has(t, "echo", false)
		sid, _ := a.Data["sid"].(string)
		return "/" + sid
	}
	answer := func(node *process, sid, text string) answer {
		return call(t, token, "POST", node.url+at+sid+"/continue", `{"data":{"answer":"`+text+`"}}`)
	}
	state := func(sid string) any {
		return call(t, token, "GET", second.url+at+sid, "").want(t, http.StatusOK).Data["state"]
	}

	sid := begin()
	a := answer(second, sid, "wonderland").want(t, http.StatusOK)
	a.has(t, "result", "challenge")
	a.has(t, "prompt", "Your code:")
	a.has(t, "echo", true)
	challenge, _ := a.Data["challenge"].(string)
	code := `{"data":{"answer":"4242-4242","challenge":"` + challenge + `"}}`
	for _, node := range []*process{second, first, second} { // once to the server, then repeated
		call(t, token, "POST", node.url+at+sid+"/continue", code).want(t, http.StatusOK).has(t, "result", "authenticated")
	}
	answer(second, sid, "4242-4242").want(t, http.StatusConflict)
	if wrong := begin(); state(wrong) != "cont" {
		t.Errorf("state %v before its answer", state(wrong))
	} else if answer(second, wrong, "looking-glass").want(t, http.StatusOK).has(t, "result", "rejected"); state(wrong) != "failed" {
		t.Errorf("state %v after a wrong password", state(wrong))
	}
	there := begin() // begun and gone on with on one node: the other has no part in it
	answer(first, there, "wonderland").want(t, http.StatusOK).has(t, "result", "challenge")
	call(t, "", "POST", first.url+"/internal/continue", "sealed:v1:AAAA").want(t, http.StatusNotFound)

	// Before it falls, since the last lines of a process that is killed are lost.
	eventually(t, "the log of the first node has three questions of the other", func() bool {
		return strings.Count(first.log(), `"path":"/internal/continue","status":200`) == 3
	})

	late := begin()
	if err := first.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-first.exited
	gone := answer(second, late, "wonderland")
	if gone.Status != http.StatusBadRequest && gone.Status != http.StatusConflict || !strings.Contains(gone.Body, "begin anew") {
		t.Errorf("after the first node fell: %d %s", gone.Status, gone.Body)
	}
	if got := state(late); got != "failed" {
		t.Errorf("its state is %v", got)
	}
	second.stop()
	for _, log := range []string{first.log(), second.log()} {
		for _, secret := range []string{sid[1:], late[1:], "wonderland", "4242-4242"} {
			if strings.Contains(log, secret) {
				t.Errorf("%s is in the log:\n%s", secret, log)
			}
		}
	}
}

// loginGoesOnOverTLS begins a TACACS+ login at a node that serves over TLS and has no admin listener: the second node, which trusts its
// certificate, passes the answer on to it.
func (c *pair) loginGoesOnOverTLS(t *testing.T, cert, key string) {
	third := start(t, t.TempDir(), c.env, c.key, "--tls-cert="+cert, "--tls-key="+key)
	at := c.account(t, "over TLS") + "/aaa"
	call(t, c.token, "PUT", c.two.url+at, asciiDocument(asciiServer(t))).want(t, http.StatusCreated)

	client := trusting(t, cert)
	over := func(method, path, body string) (status int, outcome, sid string) {
		req, err := http.NewRequestWithContext(t.Context(), method, "https://"+strings.TrimPrefix(third.url, "http://")+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Auth-Token", c.token)
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var got struct {
			Data struct{ Outcome, SID string }
		}
		if err := json.NewDecoder(res.Body).Decode(&got); err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, got.Data.Outcome, got.Data.SID
	}
	eventually(t, "the document is in use on the third node", func() bool {
		_, outcome, _ := over("GET", at+"/effective?op=authn", "")
		return outcome == "servers"
	})
	status, _, sid := over("POST", at+"/sessions", `{"data":{"User-Name":"alice"}}`)
	if status != http.StatusCreated {
		t.Fatalf("the login begins with %d", status)
	}
	call(t, c.token, "POST", c.two.url+at+"/sessions/"+sid+"/continue", `{"data":{"answer":"wonderland"}}`).
		want(t, http.StatusOK).has(t, "prompt", "Your code:")
	third.stop()
	if n := strings.Count(third.log(), `"path":"/internal/continue","status":200`); n != 1 {
		t.Errorf("the node was asked %d times, want once", n)
	}
}
