package conns

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/tacacs"
)

func logTo(b *strings.Builder) *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

// tlsPeer is a server that wants a client certificate, and what its clients need.
func tlsPeer(t testing.TB, script func(*link)) (p *peer, client *tls.Config) {
	t.Helper()
	server, client := enginetest.MutualTLS(t)
	return startPeer(t, &peer{TLS: server}, script), client
}

// TestTLS: bodies in the clear inside TLS 1.3, the flag on every packet (the peer checks),
// single connection mode as elsewhere.
func TestTLS(t *testing.T) {
	t.Parallel()
	version := make(chan uint16, 1)
	p, client := tlsPeer(t, func(l *link) {
		h, body, ok := l.Next()
		if !ok {
			return
		}
		version <- l.Conn.(*tls.Conn).ConnectionState().Version
		l.Send(h.Answer(h.Flags), pass(body))
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
	p.Wire(9) // to the last, whose flag is then checked too
	if v := <-version; v != tls.VersionTLS13 || p.Accepted() != 1 {
		t.Errorf("TLS %x on %d connections", v, p.Accepted())
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
			t.Errorf("octets %x", b)
		}
		_, _ = l.Write([]byte("what?"))
	})
	old, oldClient := tlsPeer(t, good)
	old.TLS.MaxVersion = tls.VersionTLS12
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
		m, err := NewManager(tc.p.Listener.Addr().String(), Secrets{Current: aaa.NewSecret(testSecret)}, Options{TLS: tc.tls})
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
		if log := p.Log(); len(log) != 0 {
			t.Errorf("packets went out: %s", log)
		}
	}
}

// TestTLSFlag: a reply without the flag closes the connection.
func TestTLSFlag(t *testing.T) {
	t.Parallel()
	p, client := tlsPeer(t, func(l *link) {
		h, body, ok := l.Next()
		if !ok {
			return
		}
		b, _ := tacacs.AppendPacket(nil, h.Answer(0), pass(body), "")
		_, _ = l.Write(b)
		l.Next()
	})
	m := managerWith(t, p, Secrets{}, Options{TLS: client})
	err := m.Exchange(context.Background(), acct(), new(tacacs.AcctReply))
	fails(t, "without the flag", err, engines.BadReply, tacacs.FaultFlag)
	eventually(t, "the connection's end", func() bool { return m.Stats().Connections == 0 })
}
