package radius

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/engines/radius/streams"
	"aaa-api/internal/radius"
)

// peerOverTLS opens a client of a real peer.
func peerOverTLS(t *testing.T, f *enginetest.Files, at netip.AddrPort, secret string) *client {
	t.Helper()
	s := aaa.Server{
		Name: "peer", Address: "127.0.0.1", Port: int(at.Port()), Transport: "tls",
		TLS: enginetest.Members(t, f.ServerTLS, f.PeerTLS), Timeout: 10_000,
	}
	if secret != radius.TLSSecret {
		s.Secret = aaa.NewSecret(secret)
	}
	return openTest(t, New(Options{}), s)
}

// talks checks logins, hidden values, accounting, probes and atOnce requests side by side against a peer of RADIUS/1.0.
func talks(t *testing.T, c *client, atOnce int) {
	t.Helper()
	d := system(t)
	for _, tc := range []struct {
		password string
		name     string
		want     aaa.Outcome
	}{
		{"correct horse", "User-Password", aaa.Accept},
		{"wrong", "User-Password", aaa.Reject},
		{"correct horse", "CHAP-Password*", aaa.Accept},
		{"wrong", "CHAP-Password*", aaa.Reject},
	} {
		r, err := c.Exchange(t.Context(), &engines.Request{Op: aaa.Authn, Dict: d, AVPs: list(t, d, "User-Name", "alice", tc.name, tc.password)})
		if err != nil || r.Outcome != tc.want {
			t.Fatalf("%s %s: %+v, %v", tc.name, tc.password, r, err)
		}
		if got := texts(d, r.AVPs); tc.want == aaa.Accept && (!strings.Contains(got, "Tunnel-Password:1=the tunnel's secret") || !strings.Contains(got, "MS-MPPE-Send-Key=0x000102030405060708090a0b0c0d0e0f")) {
			t.Errorf("hidden values: %s", got)
		}
	}
	r, err := c.Exchange(t.Context(), &engines.Request{Op: aaa.Accounting, Dict: d, AVPs: list(t, d, "User-Name", "alice", "Acct-Session-Time", "61")})
	if err != nil || r.Outcome != aaa.Accept {
		t.Errorf("accounting: %+v, %v", r, err)
	}
	if err := c.ask(t.Context()); err != nil {
		t.Errorf("Status-Server: %v", err)
	}
	var wg sync.WaitGroup
	for range atOnce {
		wg.Go(func() {
			r, err := c.Exchange(t.Context(), &engines.Request{Op: aaa.Authn, Dict: d, AVPs: list(t, d, "User-Name", "alice", "User-Password", "correct horse")})
			if err != nil || r.Outcome != aaa.Accept {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
	wg.Wait()
	if c.streams.Version() != streams.V10 || c.health.State() != engines.Alive {
		t.Errorf("version %d, %v", c.streams.Version(), c.health.State())
	}
}

func TestFreeRADIUSOverTLS(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{radius.TLSSecret, "one of its own"} {
		f, at := enginetest.MutualFiles(t), enginetest.TCPPort(t)
		enginetest.FreeRADIUSOverTLS(t, f, at, secret)
		talks(t, peerOverTLS(t, f, at, secret), 300)
	}
}

// TestRadsecproxyAsServer: this service, over TLS to radsecproxy, over TLS to FreeRADIUS.
func TestRadsecproxyAsServer(t *testing.T) {
	t.Parallel()
	behind, behindAt := enginetest.MutualFiles(t), enginetest.TCPPort(t)
	enginetest.FreeRADIUSOverTLS(t, behind, behindAt, "behind the proxy")
	f, at := enginetest.MutualFiles(t), enginetest.TCPPort(t)
	enginetest.Radsecproxy(t, func() bool { return enginetest.Connects(at) }, fmt.Sprintf(`
ListenTLS 127.0.0.1:%[1]d
LogDestination x-stderr
LoopPrevention Off
tls in {
	CACertificateFile %[2]s
	CertificateFile %[3]s
	CertificateKeyFile %[4]s
	TlsVersion TLS1_3
}
tls out {
	CACertificateFile %[5]s
	CertificateFile %[6]s
	CertificateKeyFile %[7]s
	TlsVersion TLS1_3
}
client 127.0.0.1 {
	type tls
	tls in
	secret radsec
	CertificateNameCheck off
}
server freeradius {
	host 127.0.0.1
	port %[8]d
	type tls
	tls out
	secret "behind the proxy"
	CertificateNameCheck off
	StatusServer off
}
realm * {
	server freeradius
	accountingServer freeradius
}
`, at.Port(), f.Client, f.Server, f.ServerKey, behind.Server, behind.Client, behind.ClientKey, behindAt.Port()))
	talks(t, peerOverTLS(t, f, at, radius.TLSSecret), 20) // how many two foreign servers can do in a row is not ours to test
}
