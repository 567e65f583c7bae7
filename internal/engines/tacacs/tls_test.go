package tacacs

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/tacacs"
)

func logTo(b *strings.Builder) *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

// certificate makes a self-signed one for 127.0.0.1 and a pool that trusts it.
func certificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool
}

// tlsPeer is a server that wants a client certificate, and what its clients need.
func tlsPeer(t testing.TB, script func(*link)) (p *peer, client *tls.Config) {
	t.Helper()
	server, trustsServer := certificate(t)
	own, trustsClient := certificate(t)
	p = startPeer(t, &peer{tls: &tls.Config{
		Certificates: []tls.Certificate{server}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: trustsClient,
	}}, script)
	return p, &tls.Config{RootCAs: trustsServer, Certificates: []tls.Certificate{own}}
}

// TestTLS: bodies in the clear inside TLS 1.3, the flag on every packet (the peer checks),
// single connection mode as elsewhere.
func TestTLS(t *testing.T) {
	t.Parallel()
	version := make(chan uint16, 1)
	p, client := tlsPeer(t, func(l *link) {
		h, body, ok := l.next()
		if !ok {
			return
		}
		version <- l.Conn.(*tls.Conn).ConnectionState().Version
		l.send(h.Answer(h.Flags), pass(body))
		good(l)
	})
	m := interleaving(managerWith(t, p, Secrets{}, Options{TLS: client}))
	s := m.Session()
	exchange(t, s, ascii(), new(tacacs.AuthenReply))
	login(t, m)
	exchange(t, s, typed("password"), new(tacacs.AuthenReply))
	other := m.Session()
	exchange(t, other, ascii(), new(tacacs.AuthenReply))
	other.Abort("enough")
	p.wire(9) // to the last, whose flag is then checked too
	if v := <-version; v != tls.VersionTLS13 || p.accepted() != 1 {
		t.Errorf("TLS %x on %d connections", v, p.accepted())
	}
	if client.MinVersion != 0 || client.ServerName != "" {
		t.Error("the caller's configuration was changed")
	}
}

// TestTLSNeverFallsBack: whatever is wrong with TLS, no packet goes out.
func TestTLSNeverFallsBack(t *testing.T) {
	t.Parallel()
	p, client := tlsPeer(t, good)
	plain := newPeer(t, func(l *link) {
		b := make([]byte, 5)
		if n, err := l.Read(b); err == nil && (n < 1 || b[0] != 22) { // 22: a TLS handshake
			l.t.Errorf("octets %x", b)
		}
		_, _ = l.Write([]byte("what?"))
	})
	old, oldClient := tlsPeer(t, good)
	old.tls.MaxVersion = tls.VersionTLS12
	oldClient.MaxVersion = tls.VersionTLS12 // which the manager does not accept

	for name, tc := range map[string]struct {
		p   *peer
		tls *tls.Config
	}{
		"a server without TLS":      {plain, client},
		"a server nobody vouches":   {p, &tls.Config{Certificates: client.Certificates}},
		"a server of another name":  {p, &tls.Config{RootCAs: client.RootCAs, Certificates: client.Certificates, ServerName: "x"}},
		"TLS 1.2":                   {old, oldClient},
		"without a certificate, 13": {p, &tls.Config{RootCAs: client.RootCAs}},
	} {
		m, err := NewManager(tc.p.ln.Addr().String(), Secrets{Current: aaa.NewSecret(testSecret)}, Options{TLS: tc.tls})
		if err != nil {
			t.Fatal(err)
		}
		var f *engines.Failure
		if err := tryLogin(m); !errors.As(err, &f) || f.Reason != engines.Unreachable {
			t.Errorf("%s: %v", name, err)
		}
		eventually(t, "the connection's end", func() bool { return m.Stats().Connections == 0 })
	}
	for _, p := range []*peer{p, plain, old} {
		p.mu.Lock()
		if len(p.log) != 0 {
			t.Errorf("packets went out: %s", p.log)
		}
		p.mu.Unlock()
	}
}

// TestTLSFlag: a reply without the flag closes the connection.
func TestTLSFlag(t *testing.T) {
	t.Parallel()
	p, client := tlsPeer(t, func(l *link) {
		h, body, ok := l.next()
		if !ok {
			return
		}
		b, _ := tacacs.AppendPacket(nil, h.Answer(0), pass(body), "")
		_, _ = l.Write(b)
		l.next()
	})
	m := managerWith(t, p, Secrets{}, Options{TLS: client})
	err := m.Exchange(context.Background(), acct(), new(tacacs.AcctReply))
	fails(t, "without the flag", err, engines.BadReply, tacacs.FaultFlag)
	eventually(t, "the connection's end", func() bool { return m.Stats().Connections == 0 })
}

// TestEngineOverTLS: certificates in PEM, as documents hold them.
func TestEngineOverTLS(t *testing.T) {
	t.Parallel()
	p, config := tlsPeer(t, good)
	p.quiet = true
	ca, cert, key := pemOf(t, p.tls, config)
	c := open(t, p, EngineOptions{}, func(s *aaa.Server) {
		s.Secret, s.Transport = aaa.Secret{}, "tls"
		s.TLS = aaa.ServerTLS{CA: ca, Certificate: cert, Key: aaa.NewSecret(key), ServerName: "127.0.0.1"}
	})
	if r := ask(t, c, aaa.Authn, "user=bob", "password=password"); r.Outcome != aaa.Accept {
		t.Errorf("%+v", r)
	}
	stranger := open(t, p, EngineOptions{}, func(s *aaa.Server) {
		s.Secret, s.Transport = aaa.Secret{}, "tls"
		s.TLS = aaa.ServerTLS{CA: ca, ServerName: "127.0.0.1"}
	})
	if _, err := stranger.Exchange(t.Context(), request(t, aaa.Authn, "user=bob", "password=password")); err == nil {
		t.Error("let in without a certificate")
	}
}

// pemOf writes a client's configuration as documents hold it.
func pemOf(t testing.TB, server, config *tls.Config) (ca, cert, key string) {
	t.Helper()
	own := config.Certificates[0]
	der, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return block("CERTIFICATE", server.Certificates[0].Certificate[0]), block("CERTIFICATE", own.Certificate[0]), block("PRIVATE KEY", der)
}
