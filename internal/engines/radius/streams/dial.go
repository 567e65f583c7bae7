package streams

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"time"

	"aaa-api/internal/backoff"
	"aaa-api/internal/egress"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/dialtls"
	"aaa-api/internal/limits"
	"aaa-api/internal/radius"
)

// dial makes one more connection, for all requests that wait.
func (m *Manager) dial() {
	ctx, cancel := context.WithTimeout(context.Background(), m.opts.DialTimeout)
	defer cancel()
	raw, wire, err := m.dialer.Connect(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dialling = false
	excused := m.excused
	m.excused = false
	defer m.notify()
	if err != nil {
		m.failed(err, excused)
		return
	}
	m.failures, m.retryAt, m.dialErr, m.blame = 0, time.Time{}, nil, false
	c := &conn{
		m: m, raw: raw, wire: wire, kick: make(chan struct{}, 1), calls: make(map[uint32]*call),
		used: time.Now(), expires: dialtls.Expires(wire), next: anyID(),
	}
	m.version = V10
	if secure, ok := wire.(*tls.Conn); ok && secure.ConnectionState().NegotiatedProtocol == radius.ALPN11 {
		c.v11, m.version = true, V11
	}
	m.conns = append(m.conns, c)
	c.timer = time.AfterFunc(m.opts.Watchdog, c.tick)
	go c.write()
	go c.read()
}

// failed takes note of a connection that could not be made; mu is held.
func (m *Manager) failed(err error, excused bool) {
	m.dials++
	var held *limits.HeldBack
	m.dialErr, m.blame = err, false
	switch {
	case engines.Lacking(err):
		if now := time.Now(); now.Sub(m.warned) >= time.Minute {
			m.warned = now
			m.opts.Logger.Warn("no connection could be made to ask servers by: raise the limit of open files (LimitNOFILE, ulimit -n)", "error", err)
		}
	case errors.As(err, &held), errors.Is(err, egress.ErrNotAllowed): // no packet left: the next request tries again at once
	default:
		m.failures++
		wait := backoff.Double(min(m.opts.BackoffMin, m.opts.BackoffMax), m.opts.BackoffMax, m.failures)
		m.blame, m.retryAt = !excused, time.Now().Add(backoff.Jitter(wait))
	}
}

// forget takes a connection off the list; mu is held.
func (m *Manager) forget(c *conn) {
	m.conns = slices.DeleteFunc(m.conns, func(x *conn) bool { return x == c })
	m.notify()
}
