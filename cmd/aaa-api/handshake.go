package main

import (
	"context"
	"crypto/tls"
	"log/slog"
	"sync/atomic"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/backoff"
	"aaa-api/internal/line"
	"aaa-api/internal/operations"
	"aaa-api/internal/web"
)

// listenerCertificate is what a front shows to those who speak TLS. The key stays in the security module.
type listenerCertificate struct {
	line       line.Caller
	log        *slog.Logger
	now        atomic.Pointer[shownPair]
	handshakes *web.Handshakes
}

// shownPair is one pair and the name by which the security module knows it.
type shownPair struct {
	*tls.Certificate
	fingerprint string
}

// look takes the certificate in use.
func (c *listenerCertificate) look(ctx context.Context) error {
	var known operations.KnownCertificate
	if shown := c.now.Load(); shown != nil {
		known.Fingerprint = shown.fingerprint
	}
	now, err := operations.ListenerCertificate.Call(ctx, c.line, line.From{At: time.Now()}, known)
	if err != nil || len(now.Chain) == 0 {
		return err
	}
	pair, err := operations.RemotePair(c.line, &now)
	if err != nil {
		return err
	}
	c.now.Store(&shownPair{pair, now.Fingerprint})
	return nil
}

// follow looks until ctx ends.
func (c *listenerCertificate) follow(ctx context.Context) {
	for backoff.Sleep(ctx, certificateEvery) == nil {
		if err := c.look(ctx); err != nil && ctx.Err() == nil && aaa.KindOf(err) != aaa.KindUnavailable {
			c.log.WarnContext(ctx, "the TLS certificate is not to be had, the one before stays in use", "error", err)
		}
	}
}

// get is the certificate of a handshake. The first ones may have to wait for the security module.
func (c *listenerCertificate) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	for {
		if shown := c.now.Load(); shown != nil {
			return c.handshakes.Pair(shown.Certificate, hello.Conn.RemoteAddr()), nil
		}
		err := c.look(hello.Context())
		if err != nil && (aaa.KindOf(err) != aaa.KindUnavailable || backoff.Sleep(hello.Context(), 50*time.Millisecond) != nil) {
			return nil, err
		}
	}
}

// config is the listener's: each handshake has the pair of its moment.
func (c *listenerCertificate) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}
}

// followCertificate takes the certificate in use and follows it until ctx ends, where the API is served over TLS.
func (f *front) followCertificate(ctx context.Context) error {
	if err := f.devices.follow(ctx); err != nil {
		return err
	}
	if f.certificate == nil {
		return nil
	}
	if err := f.certificate.look(ctx); err != nil && aaa.KindOf(err) != aaa.KindUnavailable {
		return err
	}
	go f.certificate.follow(ctx)
	return nil
}
