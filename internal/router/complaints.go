package router

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"aaa-api/internal/engines"
	"aaa-api/internal/plans"
)

// complain logs why a server gave no answer.
func (m *Machine) complain(ctx context.Context, s *plans.Server, f *engines.Failure, elapsed time.Duration) {
	level := loudness(f)
	if !m.router.log.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 11)
	attrs = append(attrs,
		slog.String("engine", s.Engine), slog.String("server", s.Name), slog.String("address", s.Address),
		slog.String("document", string(m.level.Account)), slog.String("account", string(m.req.Account)),
		slog.String("request_id", m.req.ID), slog.String("operation", m.req.Op.String()),
		slog.String("reason", f.Reason.String()), slog.Int("attempts", f.Attempts), slog.Int64("took_us", elapsed.Microseconds()),
	)
	if f.Err != nil {
		attrs = append(attrs, slog.String("error", f.Err.Error()))
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
