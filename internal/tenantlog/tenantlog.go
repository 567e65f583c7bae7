// Package tenantlog keeps one account from filling the service's log.
package tenantlog

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

const (
	// every is how long a kind of line is left out after it was written.
	every = time.Second
	// remember is how long the number of lines left out waits for the next line of its kind, where room is needed.
	remember = 10 * time.Second
	// maxKinds bounds the kinds of an account's lines that are told apart.
	maxKinds = 16
	// maxLines bounds the kinds of all accounts together, and so the lines a second.
	maxLines = 4096
)

// Handler writes of each account one line a second of each kind, at every level, and says in left_out how many it left
// out before. An account's lines have the attribute "account", or "document" for the account whose document is at fault;
// lines without either are all written. A kind is the message with the attributes "server" and "reason".
type Handler struct {
	next  slog.Handler
	lines *lines
	with  kind // by WithAttrs
	group bool // attributes are inside a group, where they name no account
}

// New wraps a Handler.
func New(next slog.Handler) *Handler { return &Handler{next: next, lines: new(lines)} }

// Enabled implements slog.Handler.
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := *h
	next.next = h.next.WithAttrs(attrs)
	if !h.group {
		for _, a := range attrs {
			next.with.note(a)
		}
	}
	return &next
}

// WithGroup implements slog.Handler.
func (h *Handler) WithGroup(name string) slog.Handler {
	next := *h
	next.next, next.group = h.next.WithGroup(name), h.group || name != ""
	return &next
}

// Handle implements slog.Handler.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	k := h.with
	if !h.group {
		r.Attrs(func(a slog.Attr) bool { k.note(a); return true })
	}
	if k.account == "" && k.document == "" {
		return h.next.Handle(ctx, r)
	}
	if k.document != "" {
		k.account, k.document = k.document, ""
	}
	k.message = r.Message
	left, due := h.lines.take(k, r.Time)
	if !due {
		return nil
	}
	if left > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("left_out", left))
	}
	return h.next.Handle(ctx, r)
}

// kind is what lines of one account have in common.
type kind struct{ account, document, message, server, reason string }

func (k *kind) note(a slog.Attr) {
	switch a.Key {
	case "account":
		k.account = a.Value.String()
	case "document":
		k.document = a.Value.String()
	case "server":
		k.server = short(a.Value.String())
	case "reason":
		k.reason = short(a.Value.String())
	}
}

// short is the beginning of a text: what a server or a tenant wrote may be long, and kinds are remembered.
func short(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	return strings.Clone(s[:most])
}

// lines remembers what was written. The zero value is ready.
type lines struct {
	mu    sync.Mutex
	told  map[kind]*told
	kinds map[string]int // of each account, in told
	swept time.Time
}

type told struct {
	at   time.Time
	left int // left out since
}

// take reports whether a line of a kind is due, and how many were left out before it. Kinds for which there is no room
// are one kind: of their account, and where there is no room for that either, of all accounts.
func (l *lines) take(k kind, now time.Time) (left int, due bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.told == nil {
		l.told, l.kinds = make(map[kind]*told), make(map[string]int)
	}
	t := l.told[k]
	if t == nil && !l.room(k.account, maxKinds, now) {
		k = kind{account: k.account}
		if t = l.told[k]; t == nil && !l.room(k.account, maxKinds+1, now) {
			k = kind{}
			t = l.told[k]
		}
	}
	switch {
	case t == nil:
		l.told[k] = &told{at: now}
		l.kinds[k.account]++
		return 0, true
	case now.Sub(t.at) < every:
		t.left++
		return 0, false
	}
	left = t.left
	t.at, t.left = now, 0
	return left, true
}

// room reports whether another kind of an account with less than most of them can be remembered. Once a second it makes
// room first, by forgetting kinds that are due again, which costs no more than their counts.
func (l *lines) room(account string, most int, now time.Time) bool {
	full := func() bool { return l.kinds[account] >= most || len(l.told) >= maxLines }
	if full() && now.Sub(l.swept) >= every {
		l.swept = now
		for k, t := range l.told {
			if age := now.Sub(t.at); age < every || t.left > 0 && age < remember {
				continue
			}
			delete(l.told, k)
			if l.kinds[k.account]--; l.kinds[k.account] == 0 {
				delete(l.kinds, k.account)
			}
		}
	}
	return !full()
}
