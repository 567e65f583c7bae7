package logging

import (
	"io"
	"log/slog"
	"time"

	"github.com/rs/zerolog"
)

// Requests makes the lines of requests, in the form of slog's JSON handler.
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
func (r *Requests) Enabled(level slog.Level) bool { return r != nil && level >= r.level }

// Line begins the line of a request that ended at a time. The caller adds to it and sends it. It is nil,
// which takes what is added and sends nothing, if lines of the level are not written.
func (r *Requests) Line(at time.Time, level slog.Level) *zerolog.Event {
	if !r.Enabled(level) {
		return nil
	}
	var text [len(time.RFC3339Nano)]byte
	return r.log.Log().Bytes("time", at.AppendFormat(text[:0], time.RFC3339Nano)).
		Str("level", level.String()).Str("msg", "request").Str("node", r.node)
}
