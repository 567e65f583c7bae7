package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
	"aaa-api/internal/document"
	"aaa-api/internal/fsm"
	"aaa-api/internal/gateway"
	"aaa-api/internal/limits"
	"aaa-api/internal/store"
	"aaa-api/internal/token"
)

// Tree answers questions about accounts from memory. Errors are store.ErrNotFound and
// store.ErrUnavailable or an *aaa.Error of the same meaning.
type Tree interface {
	// Warm is how many accounts are in memory, whose AAA requests need no store.
	Warm() int
	// Within reports whether id is ancestor itself or below it.
	Within(ctx context.Context, ancestor, id aaa.AccountID) (bool, error)
	// Enabled reports whether the account and all of its ancestors are enabled.
	Enabled(ctx context.Context, id aaa.AccountID) (bool, error)
	// Account returns the account; its Path is as long as the tree is deep.
	Account(ctx context.Context, id aaa.AccountID) (store.Account, error)
	// Limits is what the account may use.
	Limits(ctx context.Context, id aaa.AccountID) (*limits.Account, error)
	// Refusals counts what limits refused.
	Refusals() *limits.Counts
	// Networks is where servers of the account may be beside public addresses.
	Networks(ctx context.Context, id aaa.AccountID) ([]netip.Prefix, error)
	// Visible is every dictionary that an upload to the account may refer to.
	Visible(ctx context.Context, account aaa.AccountID) (*dict.Set, error)
	// Uploaded shares what an upload compiles to, for as long as the result is held.
	Uploaded(d store.Dictionary, c *dict.Compiled) *dict.Compiled
	Memory
}

// Memory answers reads while the store is away. What it does not know is store.ErrUnavailable, what an
// account of which it knows everything has not is store.ErrNotFound. Lists are ordered by name, without Body.
type Memory interface {
	WarmAccount(id aaa.AccountID) (store.Account, error)
	WarmVisible(id aaa.AccountID) (*dict.Set, error)
	Document(id aaa.AccountID) (store.Document, error)
	Dictionaries(id aaa.AccountID) ([]store.Dictionary, error)
	Dictionary(id aaa.AccountID, key string) (store.Dictionary, error) // by id or by name
	StoredTable(id aaa.AccountID, name string) (store.Text, error)
	Texts(id aaa.AccountID, kind store.TextKind) ([]store.Text, error)
}

// Verifier finds out whose a token is. A token unknown, revoked or run out is
// an *aaa.Error of KindUnauthorized.
type Verifier interface {
	Verify(ctx context.Context, text string, g token.Guard) (token.Principal, error)
	// VerifyKey is Verify for an API key.
	VerifyKey(ctx context.Context, text string, g token.Guard) (token.Principal, error)
}

// SystemDictionaries are the dictionaries that the service ships.
type SystemDictionaries interface {
	Names() []string
	Entries(name string) ([]dict.Entry, bool)
	Default() *dict.Set
}

// Check is one condition of readiness.
type Check struct {
	Name string
	Ask  func(ctx context.Context) error
}

// Peers serves messages of other nodes.
type Peers interface {
	// Serve answers a message. It returns false, with nothing written, for what is none.
	Serve(w http.ResponseWriter, r *http.Request) bool
}

// Options are the parts that the API works with. All but the ones marked
// optional must be there.
type Options struct {
	Store    store.Store
	Tree     Tree
	Service  gateway.Service
	Verifier Verifier
	TokenKey token.Key // makes the credentials that Verifier knows
	Preparer *document.Preparer
	System   SystemDictionaries
	// Actions are those that the tables of the state machine may take.
	Actions *fsm.Actions
	// Sync returns once this node uses every write made before the call, so that a
	// writer sees its own write at once. Optional.
	Sync func(ctx context.Context) error
	// Stale reports whether what this node has in memory is too old to be used: then requests that need a credential
	// are refused. Optional.
	Stale func() bool

	Log     *slog.Logger
	Metrics http.Handler // serves /metrics; optional
	// Meter makes the observer of one route; it is called for each route once, at start. Optional.
	Meter func(method, route string) func(status int, took time.Duration)
	// Bad counts a credential that is none, limited where it was not looked at. Optional.
	Bad   func(limited bool)
	Ready []Check // asked by /readyz, beside the store; optional
	// Peers serves what other nodes of the service send. It has the paths below /internal/,
	// which are no part of the API. Optional.
	Peers Peers
	// AdminApart leaves /metrics, the details of /readyz and Peers to API.Admin alone.
	AdminApart bool

	// Budget is of the memory that bodies and answers hold. Optional: the default one.
	Budget *Budget

	Node    string // name of this node, shown in answers
	Version string
	Limits  Limits // zero members mean the defaults
}

// Limits bound what one client can ask for.
type Limits struct {
	Body           int64         // octets of a request body; default 256 KiB
	DictionaryBody int64         // octets of a dictionary upload; default 8 MiB
	TextBody       int64         // octets of a table or a users file as text, in JSON eight times as many; default and most 1 MiB
	Rate           float64       // requests a second of one token; default 100,000, negative for no limit
	Burst          int           // default twice the rate
	BadRate        float64       // credentials that are none, a second and source address; default 20, negative for no limit
	BadBurst       int           // default five times as many
	SessionLife    time.Duration // of a token from api_auth; default 1 h
	Replays        int64         // octets of answers to accounting requests kept for Idempotency-Key; default 32 MiB
	ReplayLife     time.Duration // how long they are kept; default 10 min
	Heirs          int           // accounts below that one write looks at to warn of other outcomes; default 100,000
	LeastRate      int64         // octets a second at which long bodies and answers go at least; default 32 KiB
	Grace          time.Duration // by how much they may be late; default 10 s
}

func (l Limits) withDefaults() Limits {
	if l.Body == 0 {
		l.Body = 256 << 10
	}
	if l.DictionaryBody == 0 {
		l.DictionaryBody = 8 << 20
	}
	if l.TextBody == 0 || l.TextBody > fsm.MaxText {
		l.TextBody = fsm.MaxText
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
	if l.SessionLife == 0 {
		l.SessionLife = time.Hour
	}
	if l.Replays == 0 {
		l.Replays = 32 << 20
	}
	if l.ReplayLife == 0 {
		l.ReplayLife = 10 * time.Minute
	}
	if l.Heirs == 0 {
		l.Heirs = 100_000
	}
	if l.LeastRate == 0 {
		l.LeastRate = 32 << 10
	}
	if l.Grace == 0 {
		l.Grace = 10 * time.Second
	}
	return l
}
