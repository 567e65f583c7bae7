// Package dialtls makes the connections of engines whose servers are reached by TCP or by TLS on it: checked against what the
// account may reach after the name is resolved, and counted among the account's connections.
package dialtls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/egress"
	"aaa-api/internal/limits"
)

// ErrHandshake is joined to the error of a handshake that failed. The connection is closed by then: nothing falls back to TCP.
var ErrHandshake = errors.New("TLS handshake failed")

// Config returns the TLS configuration of a server's tls members: TLS 1.3 and, with a certificate, mutual. Its errors show none of the
// members.
func Config(t *aaa.ServerTLS, protocols ...string) (*tls.Config, error) {
	config := &tls.Config{ServerName: t.ServerName, MinVersion: tls.VersionTLS13, NextProtos: protocols}
	if t.CA != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(t.CA)) {
			return nil, errors.New("tls.ca holds no certificate")
		}
	}
	if t.Certificate == "" && t.Key.IsZero() {
		return config, nil
	}
	pair, err := tls.X509KeyPair([]byte(t.Certificate), []byte(t.Key.Reveal()))
	if err != nil {
		return nil, errors.New("tls.certificate and tls.key are no pair")
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

// Strict returns a copy of a configuration with TLS 1.3 as the least, and the host as the server's name if it has none.
func Strict(config *tls.Config, host string) *tls.Config {
	config = config.Clone()
	config.MinVersion, config.MaxVersion = tls.VersionTLS13, 0
	if config.ServerName == "" {
		config.ServerName = host
	}
	return config
}

// Dialer makes the connections to a server.
type Dialer struct {
	Address string                                                               // host:port
	TLS     *tls.Config                                                          // nil: TCP
	Dial    func(ctx context.Context, network, address string) (net.Conn, error) // nil: the Dialer of Reach
	Reach   *egress.Account                                                      // nil: anywhere
	Limits  *limits.Account                                                      // nil: no bound
}

// Connect makes the TCP connection and, with TLS, the handshake. Packets go through wire, raw is below it.
func (d *Dialer) Connect(ctx context.Context) (raw, wire net.Conn, err error) {
	if raw, err = d.counted(ctx); err != nil {
		return nil, nil, err
	}
	if d.TLS == nil {
		return raw, raw, nil
	}
	secure := tls.Client(raw, d.TLS)
	if err := secure.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, nil, errors.Join(ErrHandshake, err)
	}
	return raw, secure, nil
}

// counted makes a TCP connection that counts among the account's until it is closed.
func (d *Dialer) counted(ctx context.Context) (net.Conn, error) {
	release, err := d.Limits.Hold(aaa.LimitConnections)
	if err != nil {
		return nil, err
	}
	dial := d.Dial
	if dial == nil {
		dial = d.Reach.Dialer().DialContext
	}
	raw, err := dial(ctx, "tcp", d.Address)
	if err != nil {
		release()
		return nil, err
	}
	return &countedConn{raw, release}, nil
}

type countedConn struct {
	net.Conn
	release func()
}

// Close implements net.Conn.
func (c *countedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}

// Allowed checks again whether the account may reach the other end of a connection: networks can be taken back while it is open.
func Allowed(reach *egress.Account, raw net.Conn) error {
	to, ok := raw.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return nil // tests have networks of their own
	}
	return reach.Check(to.AddrPort())
}

// Expires is when the certificates that a connection's other end has shown are no longer good; zero without TLS.
func Expires(wire net.Conn) (at time.Time) {
	secure, ok := wire.(*tls.Conn)
	if !ok {
		return at
	}
	for _, cert := range secure.ConnectionState().PeerCertificates {
		if at.IsZero() || cert.NotAfter.Before(at) {
			at = cert.NotAfter
		}
	}
	return at
}
