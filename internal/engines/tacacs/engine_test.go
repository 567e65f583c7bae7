package tacacs

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/limits"
	"aaa-api/internal/tacacs"
)

// TestFlagIsRefusal: a reply in the clear where it must not be is a FAIL (§10.5.2).
func TestFlagIsRefusal(t *testing.T) {
	t.Parallel()
	p := startPeer(t, &peer{Secret: testSecret, Quiet: true}, func(l *link) {
		if h, body, ok := l.Next(); ok {
			l.Send(h.Answer(tacacs.FlagUnencrypted), pass(body))
		}
	})
	c := open(t, p, EngineOptions{})
	for _, op := range []aaa.Op{aaa.Authn, aaa.Authz} {
		if r := ask(t, c, op, "user=bob", "password=password"); r.Outcome != aaa.Reject {
			t.Errorf("%v: %v", op, r.Outcome)
		}
	}
	_, err := c.Exchange(t.Context(), request(t, aaa.Accounting, "user=bob"))
	fails(t, "accounting", err, engines.BadReply, tacacs.FaultFlag)
}

// TestTriesAgain: a first packet without an answer is sent again on another connection.
func TestTriesAgain(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	p := startPeer(t, &peer{Secret: testSecret, Quiet: true}, func(l *link) {
		if h, body, ok := l.Next(); ok {
			if n.Add(1) > 2 {
				l.Send(h.Answer(0), pass(body))
			}
		}
	})
	c := open(t, p, EngineOptions{}, func(s *aaa.Server) { s.Retries = 2 })
	if r := ask(t, c, aaa.Authn, "user=bob", "password=password"); r.Outcome != aaa.Accept || r.Attempts != 3 {
		t.Errorf("%+v", r)
	}
	if c.Health().State() != engines.Alive {
		t.Error(c.Health().State())
	}
}

// TestNoDescriptorLeft: a machine without descriptors fails no server, and asks it again as soon as it has one.
func TestNoDescriptorLeft(t *testing.T) {
	t.Parallel()
	p := script(t, pass)
	lacks := true
	c := open(t, p.peer, EngineOptions{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if lacks {
			return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("socket", syscall.EMFILE)}
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}})
	for range engines.FailuresToDead {
		_, err := c.Exchange(t.Context(), request(t, aaa.Authn, "user=bob", "password=password"))
		if aaa.KindOf(err) != aaa.KindBusy {
			t.Errorf("%v", err)
		}
	}
	if got := c.Health().State(); got != engines.Alive {
		t.Errorf("health %v", got)
	}
	lacks = false
	if r := ask(t, c, aaa.Authn, "user=bob", "password=password"); r.Outcome != aaa.Accept {
		t.Errorf("%+v", r)
	}
}

// TestConnectionsOfAnAccount: the servers of an account's document have no more of them than they may, and a server that is
// not asked for that reason is not blamed.
func TestConnectionsOfAnAccount(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	p := startPeer(t, &peer{Secret: testSecret, Quiet: true}, func(l *link) {
		for h, body := range l.Requests() {
			<-release
			l.Send(h.Answer(0), pass(body))
		}
	})
	account := limits.NewAccount("a")
	allowed := aaa.NoLimits()
	allowed[aaa.LimitConnections] = 3
	account.Set(limits.Root("root", nil).Below("a", &allowed))
	e := New(EngineOptions{})
	openAs := func() *client {
		server := entry(p)
		server.SingleConnect, server.Timeout = "no", 10_000
		c, err := e.Open(engines.Config{Server: server, Limits: account})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Retire)
		return c.(*client)
	}
	clients := []*client{openAs(), openAs()} // two entries of one document
	ended := make(chan error)
	for i := range 3 {
		go func() {
			_, err := clients[i%2].Exchange(t.Context(), request(t, aaa.Authn, "user=bob", "password=password"))
			ended <- err
		}()
	}
	for account.Used(aaa.LimitConnections).Load() < 3 {
		runtime.Gosched()
	}
	_, err := clients[0].Exchange(t.Context(), request(t, aaa.Authn, "user=bob", "password=password"))
	var f *engines.Failure
	if !errors.As(err, &f) || f.Reason != engines.HeldBack || !strings.Contains(err.Error(), "connections") {
		t.Errorf("%v", err)
	}
	if got := clients[0].Health().State(); got != engines.Alive {
		t.Errorf("health %v", got)
	}
	close(release)
	for range 3 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	for account.Used(aaa.LimitConnections).Load() > 0 { // they are given back
		runtime.Gosched()
	}
}

// TestPacketsOfARequest: tries count among the packets that a request may send, at all servers together.
func TestPacketsOfARequest(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	p := startPeer(t, &peer{Secret: testSecret, Quiet: true}, func(l *link) {
		if _, _, ok := l.Next(); ok {
			n.Add(1)
		}
	})
	c := open(t, p, EngineOptions{}, func(s *aaa.Server) { s.Retries = 5 })
	req := request(t, aaa.Authn, "user=bob", "password=password")
	req.Allowance = &limits.Allowance{}
	req.Allowance.Begin(limits.NewAccount("a"), 3)
	for i, want := range []engines.Reason{engines.Unreachable, engines.HeldBack} {
		_, err := c.Exchange(t.Context(), req)
		var f *engines.Failure
		if !errors.As(err, &f) || f.Reason != want {
			t.Errorf("exchange %d: %v, want %v", i, err, want)
		}
	}
	if n.Load() != 3 {
		t.Errorf("%d tries", n.Load())
	}
}

// TestEncodeRevealsNothing: neither over TCP nor over TLS.
func TestEncodeRevealsNothing(t *testing.T) {
	t.Parallel()
	p := script(t, pass)
	for _, change := range []func(*aaa.Server){
		func(*aaa.Server) {},
		func(s *aaa.Server) { s.Transport = "tls" },
	} {
		c := open(t, p.peer, EngineOptions{}, change)
		for _, pairs := range [][]string{
			{"user=bob", "password=correct horse"},
			{"State=0123456789abcdef", "user_msg=correct horse"},
		} {
			b, err := c.Encode(request(t, aaa.Authn, pairs...))
			if err != nil || strings.Contains(string(b), "horse") {
				t.Errorf("%v: %q, %v", pairs, b, err)
			}
			if h, err := tacacs.ParseHeader(b); err != nil || int(h.Length) != len(b)-tacacs.HeaderLen || h.Flags != 0 {
				t.Errorf("%+v, %v", h, err)
			}
		}
	}
	if p.count() > 0 {
		t.Error("something was sent")
	}
}

// TestOpen: what a document's schema lets through no more, and a certificate without its key.
func TestOpen(t *testing.T) {
	t.Parallel()
	p := script(t, pass)
	for path, change := range map[string]func(*aaa.Server){
		"address":           func(s *aaa.Server) { s.Address = "" },
		"port":              func(s *aaa.Server) { s.Port = 0 },
		"secret":            func(s *aaa.Server) { s.Secret = aaa.Secret{} },
		"transport":         func(s *aaa.Server) { s.Transport = "udp" },
		"single_connect":    func(s *aaa.Server) { s.SingleConnect = "maybe" },
		"connections":       func(s *aaa.Server) { s.Connections = 9 },
		"health_check":      func(s *aaa.Server) { s.HealthCheck.Type = "user" },
		"health_check.type": func(s *aaa.Server) { s.HealthCheck.Type = "pigeon" },
	} {
		s := entry(p.peer)
		change(&s)
		_, err := New(EngineOptions{}).Open(engines.Config{Server: s})
		wantInput(t, err, path)
	}
	c := open(t, p.peer, EngineOptions{}, func(s *aaa.Server) {
		s.Transport, s.TLS = "tls", aaa.ServerTLS{Certificate: "x", Key: aaa.NewSecret("hush")}
	})
	_, err := c.Exchange(t.Context(), request(t, aaa.Authn, "user=bob", "password=p"))
	fails(t, "no pair", err, engines.Unreachable, c.broken)
	if strings.Contains(err.Error(), "hush") {
		t.Error(err)
	}
}

// TestDictionaryHidesSecrets: what holds a password is shown nowhere.
func TestDictionaryHidesSecrets(t *testing.T) {
	t.Parallel()
	d := testDicts(t)
	for _, name := range []string{"password", "new_password", "user_msg", "data", "chap_response", "User-Password"} {
		if a := d.ByName(name); a == nil || !a.Hidden {
			t.Errorf("%s is not hidden", name)
		}
	}
	for _, name := range []string{"user", "cmd", "cmd-arg", "priv-lvl", "server_msg"} {
		if a := d.ByName(name); a == nil || a.Hidden {
			t.Errorf("%s is hidden", name)
		}
	}
	if b, err := json.Marshal(d.JSON(d.ByName("authen_type"), []byte{6})); err != nil || string(b) != `"ms-chapv2"` {
		t.Errorf("%s, %v", b, err)
	}
}
