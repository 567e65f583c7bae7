package httpapi

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"aaa-api/internal/admission"
	"aaa-api/internal/limits"
	"aaa-api/internal/line"
	"aaa-api/internal/logging"
	"aaa-api/internal/web"
)

// Options are the parts that the API works with. All but the ones marked
// optional must be there.
type Options struct {
	// Line reaches the operations of the security module: an *operations.Parts, or the line to another process.
	Line line.Caller
	// Apart: Line leads to another process. Then passes of AAA requests are remembered for a moment.
	Apart bool

	Log *slog.Logger
	// Requests takes a line of each request. Optional: there are none.
	Requests *logging.Requests
	LogUser  bool // the line of an AAA request names the user
	// Meter makes the observer of one route; it is called for each route once, at start. Optional.
	Meter func(method, route string) func(status int, took time.Duration)
	// Bad counts a credential that is none, limited where it was not looked at. Optional.
	Bad func(limited bool)
	// Own are the metrics of this process, where Line leads to another one. Optional.
	Own prometheus.Gatherer
	// Lacks are lines that name the protections that this process does without.
	Lacks []string
	// Refusals counts what limits of accounts refused and answers tell. Optional.
	Refusals *limits.Counts
	// AdminApart leaves /metrics, the details of /readyz and the messages of other nodes to API.Operators alone.
	AdminApart bool

	// Heavy gives the turns of heavy work, which are those of operations in the same process too. Optional: the API has its own.
	Heavy *admission.Heavy
	// Budget is of the memory that bodies and answers hold. Optional: the default one.
	Budget *admission.Budget

	Node    string // name of this node, shown in answers
	Version string
	Limits  Limits // zero members mean the defaults
}

// Limits bound what one client can ask for.
type Limits struct {
	web.Limits
	DictionaryBody int64 // octets of a dictionary upload; default 8 MiB
	TextBody       int64 // octets of a table or a users file as text; default 1 MiB, as admin.Bounds
}

func (l Limits) withDefaults() Limits {
	l.Limits = l.Limits.WithDefaults()
	if l.DictionaryBody == 0 {
		l.DictionaryBody = 8 << 20
	}
	if l.TextBody == 0 {
		l.TextBody = 1 << 20
	}
	return l
}
