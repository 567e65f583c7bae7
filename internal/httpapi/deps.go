package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admission"
	"aaa-api/internal/dict"
	"aaa-api/internal/document"
	"aaa-api/internal/fsm"
	"aaa-api/internal/gateway"
	"aaa-api/internal/logging"
	"aaa-api/internal/store"
	"aaa-api/internal/token"
	"aaa-api/internal/web"
)

// Tree answers questions about accounts from memory. Errors are store.ErrNotFound and
// store.ErrUnavailable or an *aaa.Error of the same meaning.
type Tree interface {
	web.Accounts
	// Warm is how many accounts are in memory, whose AAA requests need no store.
	Warm() int
	// Account returns the account; its Path is as long as the tree is deep.
	Account(ctx context.Context, id aaa.AccountID) (store.Account, error)
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
	web.Verifier
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
	// AdminApart leaves /metrics, the details of /readyz and Peers to API.Admin alone.
	AdminApart bool

	// Budget is of the memory that bodies and answers hold. Optional: the default one.
	Budget *admission.Budget

	Node    string // name of this node, shown in answers
	Version string
	Limits  Limits // zero members mean the defaults
}

// Limits bound what one client can ask for.
type Limits struct {
	web.Limits
	DictionaryBody int64         // octets of a dictionary upload; default 8 MiB
	TextBody       int64         // octets of a table or a users file as text, in JSON eight times as many; default and most 1 MiB
	SessionLife    time.Duration // of a token from api_auth; default 1 h
	Replays        int64         // octets of answers to accounting requests kept for Idempotency-Key; default 32 MiB
	ReplayLife     time.Duration // how long they are kept; default 10 min
	Heirs          int           // accounts below that one write looks at to warn of other outcomes; default 100,000
}

func (l Limits) withDefaults() Limits {
	l.Limits = l.Limits.WithDefaults()
	if l.DictionaryBody == 0 {
		l.DictionaryBody = 8 << 20
	}
	if l.TextBody == 0 || l.TextBody > fsm.MaxText {
		l.TextBody = fsm.MaxText
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
	return l
}
