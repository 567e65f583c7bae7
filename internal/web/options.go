package web

import (
	"log/slog"
	"time"

	"aaa-api/internal/admission"
	"aaa-api/internal/limits"
	"aaa-api/internal/logging"
)

// Options are the parts that a Server works with. All but the ones marked optional must be there.
type Options struct {
	Gate     Gate
	Log      *slog.Logger
	Requests *logging.Requests // takes a line of each request; optional: there are none, and Log gets those of failures
	// Meter makes the observer of one route; it is called for each route once, at start. Optional.
	Meter func(method, route string) func(status int, took time.Duration)
	// Bad counts a credential that is none, limited if it was not looked at. Optional.
	Bad func(limited bool)
	// Budget is of the memory that bodies and answers hold. Optional: a default one.
	Budget *admission.Budget
	// Refusals counts what limits of accounts refused and answers tell. Optional.
	Refusals *limits.Counts
	// Heavy gives the turns of heavy work. Optional: the server's own.
	Heavy *admission.Heavy

	// LogPath hides the secrets in a path that is logged. Optional.
	LogPath func(path string) string

	Node    string // name of this node, shown in answers
	Version string
	Limits  Limits // zero members mean the defaults
}

// Limits bound what one client can ask for.
type Limits struct {
	Body      int64         // octets of a request body; default 256 KiB
	Rate      float64       // requests a second of one token; default 100,000, negative for no limit
	Burst     int           // default twice the rate
	BadRate   float64       // credentials that are none, a second and source address; default 20, negative for no limit
	BadBurst  int           // default five times as many
	LeastRate int64         // octets a second at which long bodies and answers go at least; default 32 KiB
	Grace     time.Duration // by how much they may be late; default 10 s
}

// WithDefaults is l with a default for each member that is zero.
func (l Limits) WithDefaults() Limits {
	if l.Body == 0 {
		l.Body = 256 << 10
	}
	if l.Rate == 0 {
		l.Rate = 100_000
	}
	if l.Burst == 0 {
		l.Burst = max(1, int(2*l.Rate))
	}
	if l.BadRate == 0 {
		l.BadRate = 20
	}
	if l.BadBurst == 0 {
		l.BadBurst = max(1, int(5*l.BadRate))
	}
	if l.LeastRate == 0 {
		l.LeastRate = 32 << 10
	}
	if l.Grace == 0 {
		l.Grace = 10 * time.Second
	}
	return l
}
