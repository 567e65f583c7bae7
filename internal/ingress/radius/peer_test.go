package radius

import (
	"context"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/enginetest"
	engine "aaa-api/internal/engines/radius"
	"aaa-api/internal/ingress"
)

// listen is the least listener of UDP: each datagram to the Server, each answer back.
func (s *set) listen(t *testing.T, l ingress.Listener) (address string) {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			b := make([]byte, 5000)
			n, from, err := conn.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			a, err := s.Packet(context.Background(), front, &ingress.Packet{Listener: l, From: from, Octets: b[:n]})
			if err == nil && len(a.Octets) > 0 {
				_, _ = conn.WriteToUDPAddrPort(a.Octets, from)
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return conn.LocalAddr().String()
}

// radclient asks with FreeRADIUS's client, and returns what it prints. It signs what has a Message-Authenticator.
func radclient(t *testing.T, address, command, attributes string) string {
	t.Helper()
	path, err := exec.LookPath("radclient")
	if err != nil {
		t.Fatal("radclient is missing: install the Debian package freeradius-utils")
	}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(secretA), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, "-x", "-r", "1", "-t", "10", "-S", secret, address, command)
	cmd.Stdin, cmd.Env = strings.NewReader("Message-Authenticator=0x00"+attributes+"\n"), append(os.Environ(), "LC_ALL=C")
	out, _ := cmd.CombinedOutput() // a reject is an error to it
	return string(out)
}

// TestFreeRADIUSClient: FreeRADIUS's client logs in, is challenged, rejected and accounted, and reads keys of sessions.
func TestFreeRADIUSClient(t *testing.T) {
	t.Parallel()
	s := newSet(t)
	s.site.add("A", "local", "127.0.0.0/8", aaa.Client{Secret: aaa.NewSecret(secretA)})
	s.gate.handle = func(ctx context.Context, req *aaa.Request) (*aaa.Result, error) {
		switch {
		case req.Values[stateKey] == "c1.x":
			return answers(aaa.Accept)(ctx, req)
		case req.Values["User-Name"] == "token":
			return &aaa.Result{Outcome: aaa.Challenge, State: "c1.x"}, nil
		case req.Op == aaa.Authn && req.Values["User-Password"] != "hello" && req.Values["CHAP-Password"] == nil:
			return answers(aaa.Reject, attr("Reply-Message", "no"))(ctx, req)
		}
		return answers(aaa.Accept, attr("MS-MPPE-Send-Key", "0123456789abcdef"), attr("Class", "c"))(ctx, req)
	}
	auth, acct := s.listen(t, ingress.RADIUSAuth), s.listen(t, ingress.RADIUSAcct)
	for _, c := range []struct{ to, command, attributes, want string }{
		{auth, "auth", `,User-Name="bob",User-Password="hello",Proxy-State=0x6162`, "Received Access-Accept"},
		{auth, "auth", `,User-Name="bob",User-Password="hello"`, "MS-MPPE-Send-Key = 0x30313233343536373839616263646566"},
		{auth, "auth", `,User-Name="bob",User-Password="wrong"`, `Reply-Message = "no"`},
		{auth, "auth", `,User-Name="bob",CHAP-Password="hello"`, "Received Access-Accept"},
		{auth, "status", "", "Received Access-Accept"},
		{acct, "status", "", "Received Accounting-Response"},
		{acct, "acct", `,User-Name="bob",Acct-Status-Type=Start,Acct-Session-Id="7"`, "Received Accounting-Response"},
	} {
		if out := radclient(t, c.to, c.command, c.attributes); !strings.Contains(out, c.want) {
			t.Errorf("%s %s: no %q in\n%s\n%v", c.command, c.attributes, c.want, out, s.counted())
		}
	}
	out := radclient(t, auth, "auth", `,User-Name="token",User-Password="x"`)
	_, state, ok := strings.Cut(out, "State = ")
	if !ok || !strings.Contains(out, "Received Access-Challenge") {
		t.Fatalf("%s", out)
	}
	state = strings.Fields(state)[0]
	for _, want := range []string{"Received Access-Accept", "Received Access-Reject"} {
		if out := radclient(t, auth, "auth", `,User-Name="token",User-Password="123456",State=`+state); !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// TestLoopThroughTheEngine: what the service's own client sends for a device ends where it comes back in.
func TestLoopThroughTheEngine(t *testing.T) {
	t.Parallel()
	s := newSet(t)
	s.site.add("A", "local", "127.0.0.0/8", aaa.Client{Secret: aaa.NewSecret(secretA)})
	at := netip.MustParseAddrPort(s.listen(t, ingress.RADIUSAuth))
	e := engine.New(engine.Options{})
	t.Cleanup(func() { e.Close() })
	c, err := e.Open(engines.Config{Server: aaa.Server{
		Name: "s", Address: at.Addr().String(), Port: int(at.Port()), Secret: aaa.NewSecret(secretA), Timeout: 10_000,
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Retire)
	req := engines.Request{Dict: system(), AVPs: []aaa.AVP{attr("User-Name", "bob"), attr("User-Password", "hello")}}
	if r, err := c.Exchange(t.Context(), &req); err != nil || r.Outcome != aaa.Accept {
		t.Fatalf("without a mark: %+v %v", r, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	req.ProxyState = NewProxyState([32]byte{1})
	go func() {
		_, err := c.Exchange(ctx, &req)
		ended <- err
	}()
	enginetest.Eventually(t, "the loop is seen", func() bool { return s.tally.counts[loop].Load() > 0 })
	cancel()
	if err := <-ended; err == nil || len(s.gate.asked) != 1 {
		t.Errorf("%v, %d requests", err, len(s.gate.asked))
	}
}
