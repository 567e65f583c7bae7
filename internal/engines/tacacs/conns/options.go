package conns

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/egress"
	"aaa-api/internal/engines/dialtls"
	"aaa-api/internal/limits"
	"aaa-api/internal/tacacs"
)

// Secrets are the shared secrets of a server.
type Secrets struct {
	Current  aaa.Secret
	Previous aaa.Secret // while the secret is being changed; else zero
}

// Options tune a Manager. The zero value is TACACS+ over TCP as production uses it.
type Options struct {
	// TLS makes it TACACS+ over TLS (RFC 9887) and must then hold how the server is verified
	// and, for mutual authentication, the certificate. It is cloned; TLS 1.3 is the least.
	// Bodies are not obfuscated and every packet has FlagUnencrypted. No error leads to a
	// connection without TLS. Nothing is sent before the handshake
	// has ended: crypto/tls has no 0-RTT for clients on TCP.
	TLS *tls.Config

	// NoSingleConnect never asks for single connection mode.
	NoSingleConnect bool

	Connections    int // shared connections that are kept, so that a stalled session delays few others; 0: 4
	MaxConnections int // connections at once; 0: 256
	MaxSessions    int // sessions at once on a shared connection; 0: 1024
	MaxReply       int // octets of a reply's body; 0: MaxBody, which is the most

	DialTimeout    time.Duration // for the connection and the TLS handshake; 0: 5 s
	ReplyTimeout   time.Duration // for a place on a connection, and again for each reply; 0: 5 s
	SessionTimeout time.Duration // between the rounds of a session; 0: 10 min
	WriteTimeout   time.Duration // a connection that takes no octets is closed after; 0: 5 s
	IdleTimeout    time.Duration // an unused shared connection is closed after; 0: 30 s

	// After a connection could not be made none is tried for BackoffMin, after the next
	// failure for twice as long, and so on up to BackoffMax, each ±10 %.
	BackoffMin time.Duration // 0: 100 ms
	BackoffMax time.Duration // 0: 10 s

	Dial   func(ctx context.Context, network, address string) (net.Conn, error) // nil: the Dialer of Reach
	Reach  *egress.Account                                                      // a connection to where it does not allow is closed before the next packet; nil: anywhere
	Limits *limits.Account                                                      // bounds the connections of an account; nil: no bound
	Logger *slog.Logger                                                         // wrong secrets, broken rules; nil: none
}

// ErrNoSecret is NewManager's error without a shared secret or TLS.
var ErrNoSecret = errors.New("TACACS+ needs a shared secret or TLS")

func (o *Options) fill(host string) {
	count(&o.Connections, 4)
	count(&o.MaxConnections, 256)
	count(&o.MaxSessions, 1024)
	if o.MaxReply <= 0 || o.MaxReply > tacacs.MaxBody {
		o.MaxReply = tacacs.MaxBody
	}
	span(&o.DialTimeout, 5*time.Second)
	span(&o.ReplyTimeout, 5*time.Second)
	span(&o.SessionTimeout, 10*time.Minute)
	span(&o.WriteTimeout, 5*time.Second)
	span(&o.IdleTimeout, 30*time.Second)
	span(&o.BackoffMin, 100*time.Millisecond)
	span(&o.BackoffMax, 10*time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.TLS != nil {
		o.TLS = dialtls.Strict(o.TLS, host)
	}
}

func count(n *int, value int) {
	if *n <= 0 {
		*n = value
	}
}

func span(d *time.Duration, value time.Duration) {
	if *d <= 0 {
		*d = value
	}
}
