package router

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/limits"
	"aaa-api/internal/plans"
)

// maxReasons bounds the servers that an error names.
const maxReasons = 8

// failure is a server that gave no answer.
type failure struct {
	level  *plans.CompiledDocument
	server *plans.Server
	*engines.Failure
}

// failures are those of a request, each server once.
type failures struct {
	list  []failure
	more  bool             // list has not all of them
	worst *engines.Failure // of all of them
}

func (l *failures) add(f failure) {
	l.worst = worse(l.worst, f.Failure)
	for i := range l.list {
		if had := &l.list[i]; had.server == f.server {
			both := *worse(had.Failure, f.Failure)
			both.Attempts = had.Attempts + f.Attempts
			had.Failure = &both
			return
		}
	}
	if len(l.list) == maxReasons {
		l.more = true
		return
	}
	l.list = append(l.list, f)
}

func (l *failures) merge(other *failures) {
	for _, f := range other.list {
		l.add(f)
	}
	l.more = l.more || other.more
	l.worst = worse(l.worst, other.worst)
}

// last returns the name of the server that failed last, of those that are named; empty where there is none.
func (l *failures) last() string {
	if len(l.list) == 0 {
		return ""
	}
	return l.list[len(l.list)-1].server.Name
}

// worse returns the failure to report: the later one, except that a bad reply outranks silence. Either may be nil.
func worse(earlier, later *engines.Failure) *engines.Failure {
	switch {
	case later == nil:
		return earlier
	case earlier == nil, earlier.Reason == engines.HeldBack:
		return later
	case later.Reason == engines.HeldBack:
		return earlier // the silence before it tells more
	case earlier.Reason != engines.BadReply, later.Reason == engines.ServerError, later.Reason == engines.BadReply:
		return later
	default:
		return earlier
	}
}

// describe names each server and why it gave no answer, for the owner of an account. It shows no more of an ancestor's
// server than its name: addresses are in the log.
func (l *failures) describe(account aaa.AccountID) string {
	var b strings.Builder
	for i, f := range l.list {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(f.server.Name)
		if f.level.Account != account {
			b.WriteString(" (inherited)")
		}
		b.WriteString(": ")
		b.WriteString(f.reason())
	}
	if l.more {
		b.WriteString("; and others")
	}
	return b.String()
}

func (f *failure) reason() string {
	attempts := ""
	switch {
	case f.Attempts == 1:
		attempts = ", 1 attempt"
	case f.Attempts > 1:
		attempts = fmt.Sprintf(", %d attempts", f.Attempts)
	}
	switch f.Failure.Reason {
	case engines.NoAnswer:
		if f.server.Traits.DropsUnverified && f.Attempts > 0 {
			attempts += " (a wrong secret looks the same)"
		}
		return "silent" + attempts
	case engines.Unreachable:
		switch {
		case isNameless(f.Err):
			return "its name does not resolve"
		case errors.Is(f.Err, syscall.ECONNREFUSED):
			return "connection refused" + attempts
		}
		return "unreachable" + attempts
	case engines.BadReply:
		switch {
		case errors.Is(f.Err, engines.ErrUnverified):
			return "replies that do not verify under the shared secret" + attempts
		case errors.Is(f.Err, engines.ErrNoAuthenticator):
			return "replies without the required Message-Authenticator" + attempts
		case errors.Is(f.Err, engines.ErrMalformed):
			return "malformed replies" + attempts
		}
		return "unusable replies" + attempts
	case engines.ServerError:
		return "answered with an error of its own" + attempts
	case engines.NotAllowed:
		return "not allowed (an account above opens its address with server_networks)"
	case engines.HeldBack:
		var h *limits.HeldBack
		if errors.As(f.Err, &h) {
			return "not asked: " + h.Error()
		}
		return "not asked"
	default:
		return f.Failure.Reason.String()
	}
}
