package conns

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/egress"
	"aaa-api/internal/engines"
	"aaa-api/internal/limits"
)

// dial makes the connection c and gives s the first place on it. ctx has a deadline. Errors are
// ctx's, a *engines.Failure, or engines.ErrLacking.
func (m *Manager) dial(ctx context.Context, c *conn, s *Session) error {
	within, cancel := context.WithTimeout(ctx, m.opts.DialTimeout)
	defer cancel()
	raw, wire, err := m.connect(within)
	if by, _ := ctx.Deadline(); err != nil && !time.Now().Before(by) {
		<-ctx.Done() // the network's own timer may run out a moment before the context's
	}

	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.forget(c)
		if ctx.Err() != nil {
			return why(ctx) // the caller's deadline is no failure of the server
		}
		if engines.Lacking(err) {
			m.noSocket(err)
			return engines.ErrLacking(err)
		}
		var held *limits.HeldBack
		if errors.As(err, &held) {
			return &engines.Failure{Reason: engines.HeldBack, Err: held}
		}
		if errors.Is(err, egress.ErrNotAllowed) { // no packet left: the next request tries again at once
			return &engines.Failure{Reason: engines.NotAllowed, Err: egress.ErrNotAllowed}
		}
		m.failures++
		pause := m.opts.BackoffMax
		if shift := m.failures - 1; shift < 20 {
			pause = min(pause, m.opts.BackoffMin<<shift)
		}
		m.dialErr, m.retryAt = err, time.Now().Add(engines.Jitter(pause))
		return &engines.Failure{Reason: engines.Unreachable, Err: err}
	}
	m.failures, m.retryAt, m.dialErr = 0, time.Time{}, nil
	c.connected(raw, wire, time.Now())
	if s.state == ended { // its owner closed it meanwhile
		c.settle()
		return s.failed()
	}
	c.add(s)
	return nil
}

// noSocket logs, at most once a minute, that there was no descriptor for a connection.
func (m *Manager) noSocket(err error) {
	if now := time.Now(); now.Sub(m.warned) >= time.Minute {
		m.warned = now
		m.opts.Logger.Warn("no connection could be made to ask servers by: raise the limit of open files (LimitNOFILE, ulimit -n)", "error", err)
	}
}

// connect makes the TCP connection and, with TLS, the handshake. Packets go through wire, raw is below it.
func (m *Manager) connect(ctx context.Context) (raw, wire net.Conn, err error) {
	if raw, err = m.counted(ctx); err != nil {
		return nil, nil, err
	}
	if m.opts.TLS == nil {
		return raw, raw, nil
	}
	secure := tls.Client(raw, m.opts.TLS)
	if err := secure.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, nil, errors.Join(errHandshake, err)
	}
	return raw, secure, nil
}

// counted makes a TCP connection that counts among the account's until it is closed.
func (m *Manager) counted(ctx context.Context) (net.Conn, error) {
	release, err := m.opts.Limits.Hold(aaa.LimitConnections)
	if err != nil {
		return nil, err
	}
	dial := m.opts.Dial
	if dial == nil {
		dial = m.opts.Reach.Dialer().DialContext
	}
	raw, err := dial(ctx, "tcp", m.addr)
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

var errHandshake = errors.New("TLS handshake failed")
