package listeners

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"sync/atomic"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/backoff"
	"aaa-api/internal/line"
	"aaa-api/internal/operations"
	"aaa-api/internal/web"
)

// lookEvery is how often the security module is asked for another certificate.
const lookEvery = 2 * time.Second

// TLS is what devices see and how they are verified. The certificate's key stays in the security module.
type TLS struct {
	line       line.Caller
	log        *slog.Logger
	now        atomic.Pointer[trust]
	handshakes *web.Handshakes
}

// trust is the state of one moment.
type trust struct {
	pair        *tls.Certificate
	authorities *x509.CertPool
	sum         string // the security module's name for it
}

// NewTLS returns a TLS that asks the security module. Call Look and Follow before the first handshake.
func NewTLS(to line.Caller, log *slog.Logger) *TLS {
	return &TLS{line: to, log: log, handshakes: web.NewHandshakes()}
}

// FixedTLS returns a TLS that never changes.
func FixedTLS(pair *tls.Certificate, authorities *x509.CertPool) *TLS {
	t := NewTLS(nil, slog.New(slog.DiscardHandler))
	t.now.Store(&trust{pair: pair, authorities: authorities})
	return t
}

// Look takes the certificate and the authorities that are in use now.
func (t *TLS) Look(ctx context.Context) error {
	var known operations.KnownDeviceTLS
	if now := t.now.Load(); now != nil {
		known.Sum = now.sum
	}
	got, err := operations.DeviceCertificate.Call(ctx, t.line, line.From{At: time.Now()}, known)
	if err != nil || got.Sum == known.Sum {
		return err
	}
	pair, err := operations.RemotePair(t.line, &got.Pair)
	if err != nil {
		return err
	}
	authorities := x509.NewCertPool()
	for _, der := range got.Authorities {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		authorities.AddCert(certificate)
	}
	t.now.Store(&trust{pair: pair, authorities: authorities, sum: got.Sum})
	return nil
}

// Follow looks again and again until ctx ends.
func (t *TLS) Follow(ctx context.Context) {
	for backoff.Sleep(ctx, lookEvery) == nil {
		if err := t.Look(ctx); err != nil && ctx.Err() == nil && aaa.KindOf(err) != aaa.KindUnavailable {
			t.log.WarnContext(ctx, "the TLS certificate for devices can't be read, the one before stays in use", "error", err)
		}
	}
}

// Config is the configuration of a listener that speaks the protocols of alpn; none: without ALPN. Each handshake uses the
// certificate and the authorities of its moment. Sessions are not resumed, so that each connection shows its certificate.
func (t *TLS) Config(alpn ...string) *tls.Config {
	base := &tls.Config{
		MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAndVerifyClientCert, NextProtos: alpn, SessionTicketsDisabled: true,
	}
	of := base.Clone()
	of.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		now, err := t.wait(hello.Context())
		if err != nil {
			return nil, err
		}
		one := base.Clone()
		one.ClientCAs = now.authorities
		one.Certificates = []tls.Certificate{*t.handshakes.Pair(now.pair, hello.Conn.RemoteAddr())}
		return one, nil
	}
	return of
}

// wait returns what is in use. The first handshakes may have to wait for the security module.
func (t *TLS) wait(ctx context.Context) (*trust, error) {
	for {
		if now := t.now.Load(); now != nil {
			return now, nil
		}
		err := t.Look(ctx)
		if err != nil && (aaa.KindOf(err) != aaa.KindUnavailable || backoff.Sleep(ctx, 50*time.Millisecond) != nil) {
			return nil, err
		}
	}
}
