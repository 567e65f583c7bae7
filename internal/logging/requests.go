package logging

import (
	"io"
	"log/slog"
	"time"

	"github.com/rs/zerolog"
)

// Request is what the line of a request says. Empty members are left out.
type Request struct {
	ID           string
	Method, Path string // left out beside an Operation, which says as much
	Caller       string // address and port
	Account      string
	Token        string // its id
	Status       int    // 0: of a network device's request, which has none
	Took         time.Duration
	Error        string

	// Of an AAA request.
	Operation, Result, Server string
	Attempts                  int    // packets sent, to all servers
	Reason                    string // why the answer is no, or no answer
	User                      string
	Protocol, Client          string // of the network device that sent it: what it speaks, and its client document

	Lines, Errors int // of many requests in one: how many there were, and to how many the answer is an error
}

// Requests writes the lines of requests, in the form of slog's JSON handler. A nil one writes none.
type Requests struct {
	log   zerolog.Logger
	level slog.Level
	node  string
}

// NewRequests writes the lines of a node from level on, each with one call of out.
func NewRequests(out io.Writer, level slog.Level, node string) *Requests {
	return &Requests{zerolog.New(out), level, node}
}

// Enabled reports whether lines of a level are written.
func (l *Requests) Enabled(level slog.Level) bool { return l != nil && level >= l.level }

// Write writes the line of a request that ended at a time.
func (l *Requests) Write(level slog.Level, at time.Time, r *Request) {
	var text [len(time.RFC3339Nano)]byte
	e := l.log.Log().Bytes("time", at.AppendFormat(text[:0], time.RFC3339Nano)).
		Str("level", level.String()).Str("msg", "request").Str("node", l.node).Str("request_id", r.ID)
	if r.Operation == "" {
		e.Str("method", r.Method).Str("path", r.Path)
	} else {
		e.Str("operation", r.Operation)
	}
	if r.Status > 0 {
		e.Int("status", r.Status)
	}
	some(e, "protocol", r.Protocol)
	some(e, "client", r.Client)
	some(e, "result", r.Result)
	some(e, "server", r.Server)
	if r.Attempts > 0 {
		e.Int("attempts", r.Attempts)
	}
	if r.Lines > 0 {
		e.Int("lines", r.Lines).Int("errors", r.Errors)
	}
	some(e, "reason", r.Reason)
	e.Float64("ms", float64(r.Took.Microseconds())/1000)
	some(e, "account_id", r.Account) // "account" is an attribute whose lines tenantlog bounds
	some(e, "token_id", r.Token)
	some(e, "caller", r.Caller)
	some(e, "user", r.User)
	some(e, "error", r.Error)
	e.Send()
}

func some(e *zerolog.Event, key, value string) {
	if value != "" {
		e.Str(key, value)
	}
}
