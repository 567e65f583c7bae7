package conns

import (
	"context"
	"errors"
	"time"

	"aaa-api/internal/backoff"
	"aaa-api/internal/egress"
	"aaa-api/internal/engines"
	"aaa-api/internal/limits"
)

// dial makes the connection c and gives s the first place on it. ctx has a deadline. Errors are
// ctx's, a *engines.Failure, or engines.ErrLacking.
func (m *Manager) dial(ctx context.Context, c *conn, s *Session) error {
	within, cancel := context.WithTimeout(ctx, m.opts.DialTimeout)
	defer cancel()
	raw, wire, err := m.dialer.Connect(within)
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
		wait := backoff.Double(min(m.opts.BackoffMin, m.opts.BackoffMax), m.opts.BackoffMax, m.failures)
		m.dialErr, m.retryAt = err, time.Now().Add(backoff.Jitter(wait))
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
