package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"aaa-api/internal/admission"
	"aaa-api/internal/gateway"
	"aaa-api/internal/idempotency"
	"aaa-api/internal/line"
	"aaa-api/internal/logging"
	"aaa-api/internal/token"
	"aaa-api/internal/web"
)

// Tree answers questions about accounts from memory.
type Tree interface {
	web.Accounts
	// Warm is how many accounts are in memory, whose AAA requests need no store.
	Warm() int
}

// Verifier finds out whose a token is. A token unknown, revoked or run out is
// an *aaa.Error of KindUnauthorized.
type Verifier interface {
	web.Verifier
	// VerifyKey is Verify for an API key.
	VerifyKey(ctx context.Context, text string, g token.Guard) (token.Principal, error)
}

// Pinger is a store as /readyz asks about it.
type Pinger interface {
	// Ping asks the database a trivial question.
	Ping(ctx context.Context) error
	// CheckWrite writes a row that no one reads.
	CheckWrite(ctx context.Context) error
}

// Check is one condition of readiness.
type Check struct {
	Name string
	Ask  func(ctx context.Context) error
}

// Options are the parts that the API works with. All but the ones marked
// optional must be there.
type Options struct {
	// Line reaches the operations of the security module: an *operations.Parts, or the line to another process.
	Line     line.Caller
	Store    Pinger
	Tree     Tree
	Service  gateway.Service
	Verifier Verifier
	Keys     *idempotency.Keys
	// Stale reports whether what this node has in memory is too old to be used: then requests that need a credential
	// are refused. Optional.
	Stale func() bool

	Log *slog.Logger
	// Requests takes a line of each request. Optional: there are none.
	Requests *logging.Requests
	LogUser  bool         // the line of an AAA request names the user
	Metrics  http.Handler // serves /metrics; optional
	// Meter makes the observer of one route; it is called for each route once, at start. Optional.
	Meter func(method, route string) func(status int, took time.Duration)
	// Bad counts a credential that is none, limited where it was not looked at. Optional.
	Bad   func(limited bool)
	Ready []Check // asked by /readyz, beside the store; optional
	// Peers serves what other nodes of the service send. It has the paths below /internal/,
	// which are no part of the API. Optional.
	Peers web.Peers
	// AdminApart leaves /metrics, the details of /readyz and Peers to API.Operators alone.
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
