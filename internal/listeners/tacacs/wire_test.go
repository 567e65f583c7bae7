package tacacs_test

import (
	"context"
	"crypto/md5"
	"crypto/tls"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/clients"
	"aaa-api/internal/dict"
	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/engines/tacacs/conns"
	"aaa-api/internal/ingress"
	tacserver "aaa-api/internal/ingress/tacacs"
	front "aaa-api/internal/listeners/tacacs"
	"aaa-api/internal/tacacs"
)

// device is the only client there is.
type device struct{ c *clients.Client }

func (d device) ByAddress(aaa.ClientProtocol, netip.Addr) []*clients.Client {
	return []*clients.Client{d.c}
}
func (d device) ByPeer(aaa.ClientProtocol, *ingress.Peer) *clients.Client { return d.c }
func (d device) Secret(context.Context, *clients.Client) (clients.Secrets, error) {
	return clients.Secrets{Current: aaa.NewSecret(secret)}, nil
}
func (device) Seen(*clients.Client, bool)                    {}
func (device) Missed(aaa.ClientProtocol, netip.Addr, string) {}
func (device) AccountOf(context.Context, *clients.Client, string) (aaa.AccountID, error) {
	return "0123456789abcdef0123456789abcdef", nil
}

// logins knows bob, by any type of login.
type logins struct{}

func (logins) Handle(_ context.Context, req *aaa.Request) (*aaa.Result, error) {
	const password = "correct horse"
	ok := req.Values["User-Name"] == "bob" && req.Values["User-Password"] == password
	if req.Op != aaa.Authn {
		ok = req.Values["User-Name"] == "bob"
	}
	fields := map[string][]byte{}
	for _, v := range req.Device.AVPs {
		fields[v.Attr.Name] = v.Value
	}
	if answer := fields["chap_response"]; answer != nil {
		sum := md5.Sum(append(append(fields["chap_id"], password...), fields["chap_challenge"]...))
		ok = string(answer) == string(sum[:])
	}
	if !ok {
		return &aaa.Result{Outcome: aaa.Reject}, nil
	}
	res := &aaa.Result{Outcome: aaa.Accept, IsAuthorized: true}
	if req.Op == aaa.Authz {
		res.AVPs.Add("priv-lvl", "15")
	}
	return res, nil
}
func (logins) Repeat(context.Context, aaa.AccountID, string) error { return nil }

var dictionary = sync.OnceValue(func() *dict.Set {
	catalog, err := dict.LoadSystem("")
	if err != nil {
		panic(err)
	}
	return catalog.Behind("dictionary_tacacs")
})

// whole runs the listener in front of the server.
func whole(t *testing.T, config *tls.Config) (addr string, inner *tacserver.Server) {
	t.Helper()
	inner, err := tacserver.New(tacserver.Options{
		Clients: device{&clients.Client{Name: "switch", Document: &aaa.Client{}}}, AAA: logins{}, Dictionary: dictionary(),
	})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := front.New(ln, front.Options{
		TLS: config,
		Packet: func(ctx context.Context, p *ingress.Packet) (ingress.Answer, error) {
			return inner.Packet(ctx, "front", p)
		},
		Closed: func(conn uint64) { inner.Closed("front", conn) },
	})
	go func() { _ = l.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = l.Stop(ctx)
		if n := inner.Waiting(); n != 0 {
			t.Errorf("%d logins are left of connections that ended", n)
		}
	})
	return ln.Addr().String(), inner
}

// TestOurOwnClient: the client of this service logs in, asks and records, in each of its ways to use connections, over TCP and TLS.
func TestOurOwnClient(t *testing.T) {
	t.Parallel()
	serverTLS, clientTLS := enginetest.MutualTLS(t)
	for name, o := range map[string]conns.Options{
		"one connection": {Connections: 1}, "a connection each": {NoSingleConnect: true},
		"TLS": {TLS: clientTLS, Connections: 1}, "TLS, a connection each": {TLS: clientTLS, NoSingleConnect: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var config *tls.Config
			secrets := conns.Secrets{Current: aaa.NewSecret(secret)}
			if o.TLS != nil {
				config, secrets = serverTLS, conns.Secrets{}
			}
			addr, _ := whole(t, config)
			m, err := conns.NewManager(addr, secrets, o)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(m.Retire)
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for _, password := range []string{"correct horse", "wrong"} {
						want := map[bool]tacacs.AuthenStatus{true: tacacs.AuthenPass, false: tacacs.AuthenFail}[password == "correct horse"]
						var r tacacs.AuthenReply
						s := m.Session()
						start := &tacacs.AuthenStart{Action: tacacs.ActionLogin, PrivLvl: 1, Method: tacacs.AuthenASCII, Service: tacacs.ServiceLogin, User: "bob"}
						if err := s.Exchange(t.Context(), start, &r); err != nil || r.Status != tacacs.AuthenGetPass {
							t.Errorf("%+v, %v", r, err)
						}
						if err := s.Exchange(t.Context(), &tacacs.AuthenContinue{UserMsg: tacacs.Sensitive(password)}, &r); err != nil || r.Status != want {
							t.Errorf("%+v, %v", r, err)
						}
						start.Method, start.Data = tacacs.AuthenPAP, tacacs.Sensitive(password)
						if err := m.Exchange(t.Context(), start, &r); err != nil || r.Status != want {
							t.Errorf("%+v, %v", r, err)
						}
					}
					id := tacacs.Identity{AuthenMethod: tacacs.MethodTACACSPlus, PrivLvl: 1, AuthenType: tacacs.AuthenASCII, AuthenService: tacacs.ServiceLogin, User: "bob"}
					var a tacacs.AuthorReply
					if err := m.Exchange(t.Context(), &tacacs.AuthorRequest{Identity: id, Args: []string{"service=shell", "cmd="}}, &a); err != nil ||
						a.Status != tacacs.AuthorPassAdd || len(a.Args) != 1 || a.Args[0] != "priv-lvl=15" {
						t.Errorf("%+v, %v", a, err)
					}
					var c tacacs.AcctReply
					if err := m.Exchange(t.Context(), &tacacs.AcctRequest{Flags: tacacs.AcctStart, Identity: id, Args: []string{"task_id=1"}}, &c); err != nil || c.Status != tacacs.AcctSuccess {
						t.Errorf("%+v, %v", c, err)
					}
				})
			}
			wg.Wait()
		})
	}
}

// TestLoginGoesWithItsConnection: a user who is asked for a password when the connection ends is forgotten.
func TestLoginGoesWithItsConnection(t *testing.T) {
	t.Parallel()
	addr, inner := whole(t, nil)
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	octets, err := tacacs.AppendPacket(nil, tacacs.Header{Version: tacacs.Version0, Type: tacacs.TypeAuthen, Seq: 1, SessionID: 1},
		&tacacs.AuthenStart{Action: tacacs.ActionLogin, Method: tacacs.AuthenASCII, Service: tacacs.ServiceLogin, User: "bob"}, secret)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = c.Write(octets)
	receive(t, c)
	if inner.Waiting() != 1 {
		t.Errorf("%d wait", inner.Waiting())
	}
	_ = c.Close()
	for inner.Waiting() > 0 { // the test's own end is the bound
		time.Sleep(time.Millisecond)
	}
}

const perl = `
use Authen::TacacsPlus;
my ($host, $port, $key) = @ARGV;
my %types = (ascii => Authen::TacacsPlus::TAC_PLUS_AUTHEN_TYPE_ASCII(), pap => Authen::TacacsPlus::TAC_PLUS_AUTHEN_TYPE_PAP(),
	chap => Authen::TacacsPlus::TAC_PLUS_AUTHEN_TYPE_CHAP());
use Digest::MD5 qw(md5);
for my $type (sort keys %types) {
	for my $password ("correct horse", "wrong") {
		my $t = new Authen::TacacsPlus(Host => $host, Port => $port, Key => $key, Timeout => 15) or die Authen::TacacsPlus::errmsg();
		my $sent = $type eq "chap" ? chr(7) . "0123456789abcdef" . md5(chr(7) . $password . "0123456789abcdef") : $password;
		my $ok = $t->authen("bob", $sent, $types{$type});
		print "$type $password: ", ($ok ? "granted" : Authen::TacacsPlus::errmsg()), "\n";
		$t->close();
	}
}
`

// TestPerlClient: libauthen-tacacsplus-perl logs in.
func TestPerlClient(t *testing.T) {
	t.Parallel()
	if err := exec.Command("perl", "-MAuthen::TacacsPlus", "-e", "1").Run(); err != nil {
		t.Fatal("libauthen-tacacsplus-perl is not installed: scripts/test-deps.sh")
	}
	addr, _ := whole(t, nil)
	host, port, _ := net.SplitHostPort(addr)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "perl", "-e", perl, host, port, secret).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := []string{"ascii correct horse: granted", "chap correct horse: granted", "pap correct horse: granted"}
	for _, line := range want {
		if !strings.Contains(string(out), line) {
			t.Errorf("no %q in\n%s", line, out)
		}
	}
	if n := strings.Count(string(out), "wrong: "); n != 3 || strings.Contains(string(out), "wrong: granted") {
		t.Errorf("%s", out)
	}
}
