package listeners

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aaa-api/internal/operations"
)

// authority signs certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t}
	a.cert, a.key = a.make(&x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true})
	return a
}

func (a *authority) make(c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	if c.SerialNumber == nil {
		c.SerialNumber = big.NewInt(0x1f)
	}
	c.NotBefore = time.Now().Add(-time.Hour)
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().Add(time.Hour)
	}
	parent, by := a.cert, a.key
	if parent == nil {
		parent, by = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by)
	if err != nil {
		a.t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return made, key
}

// pair makes a certificate for a peer.
func (a *authority) pair(c *x509.Certificate) *tls.Certificate {
	a.t.Helper()
	made, key := a.make(c)
	return &tls.Certificate{Certificate: [][]byte{made.Raw}, PrivateKey: key, Leaf: made}
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

func device(name string) *x509.Certificate {
	uri, _ := url.Parse("urn:device:" + name)
	return &x509.Certificate{
		DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 7)}, URIs: []*url.URL{uri},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
}

func server() *x509.Certificate {
	return &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
}

// handshake connects a client to a server, and returns what both have of it.
func handshake(t *testing.T, server, client *tls.Config) (at tls.ConnectionState, serverErr, clientErr error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // it only listens
	var both sync.WaitGroup
	both.Go(func() {
		c, err := tls.Dial("tcp", l.Addr().String(), client)
		if err == nil {
			_, err = c.Read(make([]byte, 1)) // TLS 1.3 tells here that the certificate is refused
			c.Close()                        //nolint:errcheck,gosec // nothing was written
		}
		if !errors.Is(err, io.EOF) {
			clientErr = err
		}
	})
	nc, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c := tls.Server(nc, server)
	serverErr = c.HandshakeContext(t.Context())
	at = c.ConnectionState()
	c.Close() //nolint:errcheck,gosec // nothing was written
	both.Wait()
	return at, serverErr, clientErr
}

func TestHandshakes(t *testing.T) {
	t.Parallel()
	ours, theirs, strange := newAuthority(t, "ours"), newAuthority(t, "devices"), newAuthority(t, "strange")
	with := FixedTLS(ours.pair(server()), theirs.pool()).Config("radius/1.1", "radius/1.0")
	client := func(pairs ...*tls.Certificate) *tls.Config {
		c := &tls.Config{RootCAs: ours.pool(), NextProtos: []string{"radius/1.0"}, MinVersion: tls.VersionTLS12}
		for _, p := range pairs {
			c.Certificates = append(c.Certificates, *p)
		}
		return c
	}
	at, err, cerr := handshake(t, with, client(theirs.pair(device("switch7.example"))))
	if err != nil || cerr != nil || at.NegotiatedProtocol != "radius/1.0" || at.Version != tls.VersionTLS13 {
		t.Fatal(at.NegotiatedProtocol, err, cerr)
	}
	p := PeerOf(at)
	if p == nil || p.Issuer != "CN=devices" || p.Serial != "1f" || !slices.Equal(p.SANs, []string{"switch7.example", "192.0.2.7", "urn:device:switch7.example"}) {
		t.Errorf("%+v", p)
	}
	old := device("old")
	old.NotAfter = time.Now().Add(-time.Minute)
	for what, c := range map[string]*tls.Config{
		"no certificate":         client(),
		"another authority's":    client(strange.pair(device("switch7.example"))),
		"the server's authority": client(ours.pair(device("switch7.example"))),
		"one that has ended":     client(theirs.pair(old)),
	} {
		if at, err, _ := handshake(t, with, c); err == nil || PeerOf(at) != nil {
			t.Errorf("%s: %+v", what, PeerOf(at))
		}
	}
	one := client(theirs.pair(device("switch7.example")))
	one.MaxVersion = tls.VersionTLS12
	if _, err, _ := handshake(t, with, one); err == nil {
		t.Error("TLS 1.2 is spoken")
	}
	two := client(theirs.pair(device("switch7.example")))
	two.NextProtos = []string{"h2"}
	if _, _, cerr := handshake(t, with, two); cerr == nil || !strings.HasSuffix(cerr.Error(), "no application protocol") { // alert 120
		t.Errorf("no common protocol: %v", cerr)
	}
}

// TestNoSessionIsResumed: a device whose authority is no longer trusted gets in no more, whatever it did before.
func TestNoSessionIsResumed(t *testing.T) {
	t.Parallel()
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "devices")
	shown := FixedTLS(ours.pair(server()), theirs.pool())
	with := shown.Config()
	c := &tls.Config{
		RootCAs: ours.pool(), Certificates: []tls.Certificate{*theirs.pair(device("a"))}, ClientSessionCache: tls.NewLRUClientSessionCache(4), MinVersion: tls.VersionTLS13,
	}
	for range 2 {
		if at, err, _ := handshake(t, with, c); err != nil || at.DidResume {
			t.Fatal(at.DidResume, err)
		}
	}
	shown.now.Store(&trust{pair: shown.now.Load().pair, authorities: ours.pool()})
	if _, err, _ := handshake(t, with, c); err == nil {
		t.Error("the device got in")
	}
}

// files is the security module's pair and authorities.
type files struct {
	mu          sync.Mutex
	pair        *tls.Certificate
	authorities [][]byte
}

func (f *files) Current() *tls.Certificate {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pair
}

func (f *files) ByFingerprint(fingerprint string) *tls.Certificate {
	if p := f.Current(); operations.Fingerprint(p) == fingerprint {
		return p
	}
	return nil
}

func (f *files) Authorities() [][]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.authorities
}

// TestLookTakesChanges: a handshake has the certificate and the authorities of its moment, and the key is not here.
func TestLookTakesChanges(t *testing.T) {
	t.Parallel()
	ours, one, two := newAuthority(t, "ours"), newAuthority(t, "one"), newAuthority(t, "two")
	f := &files{pair: ours.pair(server()), authorities: [][]byte{one.cert.Raw}}
	shown := NewTLS(&operations.Parts{Devices: f, Log: slog.New(slog.DiscardHandler)}, slog.New(slog.DiscardHandler))
	with := shown.Config()
	client := func(by *authority) *tls.Config {
		return &tls.Config{RootCAs: ours.pool(), Certificates: []tls.Certificate{*by.pair(device("a"))}, MinVersion: tls.VersionTLS13}
	}
	if _, err, cerr := handshake(t, with, client(one)); err != nil || cerr != nil {
		t.Fatal(err, cerr)
	}
	if _, err, _ := handshake(t, with, client(two)); err == nil {
		t.Fatal("another authority's device got in")
	}
	before := shown.now.Load()
	if _, ok := before.pair.PrivateKey.(*ecdsa.PrivateKey); ok {
		t.Error("the key is here")
	}
	if err := shown.Look(context.Background()); err != nil || shown.now.Load() != before {
		t.Errorf("nothing has changed: %v", err)
	}
	f.mu.Lock()
	f.authorities = [][]byte{two.cert.Raw}
	f.mu.Unlock()
	if err := shown.Look(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err, cerr := handshake(t, with, client(two)); err != nil || cerr != nil {
		t.Error(err, cerr)
	}
	if _, err, _ := handshake(t, with, client(one)); err == nil {
		t.Error("the former authority's device got in")
	}
}

// closer tells when it is closed.
type closer chan struct{}

func (c closer) Close() error { close(c); return nil }

func TestExpiry(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) *x509.Certificate {
		return &x509.Certificate{NotAfter: time.Unix(1000, 0).Add(d), SerialNumber: big.NewInt(1)}
	}
	cs := tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{at(5), at(3), at(9)}, {at(5), at(4)}}}
	if end := Expiry(cs); !end.Equal(at(4).NotAfter) {
		t.Error(end)
	}
	c := make(closer)
	CloseAtExpiry(c, cs)
	<-c // it ended long ago
	CloseAtExpiry(closer(nil), tls.ConnectionState{})()
	if PeerOf(tls.ConnectionState{}) != nil {
		t.Error("a peer without a certificate")
	}
}

// TestNamesAreBounded: what a certificate says is no more than the security module takes.
func TestNamesAreBounded(t *testing.T) {
	t.Parallel()
	leaf := &x509.Certificate{
		SerialNumber: new(big.Int).Lsh(big.NewInt(1), 200), Issuer: pkix.Name{CommonName: string(make([]byte, 5000))},
		DNSNames: append(make([]string, 100), "a\nb", string(make([]byte, 600)), "good.example"),
	}
	p := PeerOf(tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{leaf}}})
	if p.Serial != "" || p.Issuer != "" || !slices.Equal(p.SANs, []string{"good.example"}) {
		t.Errorf("%q %d %q", p.Serial, len(p.Issuer), p.SANs)
	}
}
