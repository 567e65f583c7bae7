package router

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"aaa-api/internal/engines"
	"aaa-api/internal/tenant"
)

const (
	// complaintEvery is how long the log says nothing more of one server and reason after a line.
	complaintEvery = time.Second
	// maxComplaints bounds the servers and reasons that are remembered, and so the lines of a second.
	maxComplaints = 1024
)

// complaints keeps servers that fail at every request from filling the log. The zero value is ready.
type complaints struct {
	mu    sync.Mutex
	told  map[complaint]*told
	swept time.Time
}

type complaint struct {
	engine, address string
	reason          engines.Reason
}

// told is what was logged of a complaint.
type told struct {
	at   time.Time
	left int // lines left out since
}

// due reports whether a complaint gets a line now, and how many were left out since its last one.
func (c *complaints) due(k complaint, now time.Time) (left int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.told[k]
	switch {
	case t == nil && len(c.told) >= maxComplaints && !c.sweep(now):
		return 0, false
	case t == nil:
		if c.told == nil {
			c.told = make(map[complaint]*told)
		}
		c.told[k] = &told{at: now}
		return 0, true
	case now.Sub(t.at) < complaintEvery:
		t.left++
		return 0, false
	}
	left = t.left
	t.at, t.left = now, 0
	return left, true
}

// sweep forgets complaints that are due again, which costs no more than their counts, and reports whether
// there is room then. It looks once in a while only, as there may be many; c.mu is held.
func (c *complaints) sweep(now time.Time) bool {
	if now.Sub(c.swept) >= complaintEvery {
		c.swept = now
		for k, t := range c.told {
			if now.Sub(t.at) >= complaintEvery {
				delete(c.told, k)
			}
		}
	}
	return len(c.told) < maxComplaints
}

// complain logs why a server gave no answer.
func (m *Machine) complain(ctx context.Context, s *tenant.Server, f *engines.Failure, elapsed time.Duration) {
	level := loudness(f)
	if !m.router.log.Enabled(ctx, level) {
		return
	}
	left, ok := m.router.complaints.due(complaint{s.Engine, s.Address, f.Reason}, time.Now())
	if !ok {
		return
	}
	attrs := make([]slog.Attr, 0, 12)
	attrs = append(attrs,
		slog.String("engine", s.Engine), slog.String("server", s.Name), slog.String("address", s.Address),
		slog.String("document", string(m.level.Account)), slog.String("account", string(m.req.Account)),
		slog.String("request_id", m.req.ID), slog.String("operation", m.req.Op.String()),
		slog.String("reason", f.Reason.String()), slog.Int("attempts", f.Attempts), slog.Int64("took_us", elapsed.Microseconds()),
	)
	if f.Err != nil {
		attrs = append(attrs, slog.String("error", f.Err.Error()))
	}
	if left > 0 {
		attrs = append(attrs, slog.Int("left_out", left))
	}
	m.router.log.LogAttrs(ctx, level, "a server gave no answer", attrs...)
}

// loudness: silence and refused connections are what a server's health goes by, whose changes are logged; all else somebody
// has to mend: a secret, a name, a document.
func loudness(f *engines.Failure) slog.Level {
	if f.Reason == engines.NoAnswer || f.Reason == engines.Unreachable && !isNameless(f.Err) {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

// isNameless reports whether a server's name does not resolve.
func isNameless(err error) bool {
	var e *net.DNSError
	return errors.As(err, &e)
}

// badReplies is what the caller is told of replies that could not be used.
func badReplies(f *engines.Failure) string {
	switch {
	case errors.Is(f, engines.ErrUnverified):
		return "the AAA servers' replies could not be verified: check the shared secret"
	case errors.Is(f, engines.ErrNoAuthenticator):
		return "the AAA servers' replies lack the Message-Authenticator that is required of them"
	case errors.Is(f, engines.ErrMalformed):
		return "the AAA servers' replies are malformed"
	default:
		return "the AAA servers' replies could not be used"
	}
}
