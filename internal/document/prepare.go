package document

import (
	"context"
	"encoding/json"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
	"aaa-api/internal/egress"
	"aaa-api/internal/fsm"
	"aaa-api/internal/schema"
	"aaa-api/internal/secmod"
	"aaa-api/internal/store"
)

// Catalog finds dictionaries, state machine tables and users files as an account sees them.
type Catalog interface {
	// Lookup searches the account, its ancestors and the system dictionaries. ref says whose it is,
	// so that the store knows of the use; nil: nobody can have one of that name. store.ErrNotFound where there is none of that name.
	Lookup(ctx context.Context, account aaa.AccountID, name string) (c *dict.Compiled, ref *store.Ref, err error)
	// Table searches the account, its ancestors and the built-in tables. ref is as Lookup's. store.ErrNotFound where there is none of that name.
	Table(ctx context.Context, account aaa.AccountID, name string) (t *fsm.Table, ref *store.Ref, err error)
	// UsersFile reports whether the account or an ancestor has a users file of that name.
	UsersFile(ctx context.Context, account aaa.AccountID, name string) (bool, error)
}

// Engines tells which protocol engines this service has.
type Engines interface {
	Has(name string) bool
	// Taking lists the engines whose servers have a member that not every protocol has.
	Taking(member string) []string
	// Transports lists the values of transport that the servers of an engine have, its default first.
	Transports(engine string) []string
}

// Preparer makes what clients write fit to be stored. It is safe for use by many goroutines.
type Preparer struct {
	catalog     Catalog
	vault       secmod.SealOpener
	engines     Engines
	authorizers func(ctx context.Context, name string) bool
	deadline    time.Duration
	reach       func(ctx context.Context, account aaa.AccountID) (*egress.Account, error)
}

// Option changes a Preparer.
type Option func(*Preparer)

// WithAuthorizers tells which names of authz_apps the system configuration
// registers as external authorisers. Without it none counts as registered.
func WithAuthorizers(registered func(ctx context.Context, name string) bool) Option {
	return func(p *Preparer) { p.authorizers = registered }
}

// WithDeadline tells how long a whole AAA request may take, all servers and attempts together. Without
// it no server is warned of that takes all of that alone.
func WithDeadline(d time.Duration) Option {
	return func(p *Preparer) { p.deadline = d }
}

// WithReach tells where an account's servers may be. Without it they may be anywhere.
func WithReach(of func(ctx context.Context, account aaa.AccountID) (*egress.Account, error)) Option {
	return func(p *Preparer) { p.reach = of }
}

// NewPreparer makes a Preparer.
func NewPreparer(catalog Catalog, vault secmod.SealOpener, engines Engines, opts ...Option) *Preparer {
	p := &Preparer{
		catalog: catalog, vault: vault, engines: engines,
		authorizers: func(context.Context, string) bool { return false },
		reach:       func(context.Context, aaa.AccountID) (*egress.Account, error) { return nil, nil },
	}
	for _, o := range opts {
		o(p)
	}
	return p
}

// Prepared is a document fit to be stored.
type Prepared struct {
	Body     json.RawMessage // the members as written, with secrets sealed
	Uses     []store.Ref     // what it names
	Warnings []Warning
}

// Warning is something that was stored all the same.
type Warning struct {
	Path    string `json:"path"`
	Rule    string `json:"rule"` // unknown_attribute, unused, shadowed, unregistered, engine, deadline, reserved, unhandled, unknown_server, unknown_rule, unknown_file, not_allowed, outcome, revoked, capped, weak, wide
	Message string `json:"message"`

	Accounts []aaa.AccountID `json:"accounts,omitempty"` // of outcome: who meets another one; of revoked: whose tokens; MaxNamed at most
	Total    int             `json:"total,omitempty"`    // how many accounts there are
}

// Prepare is Draft.Prepare of texts: doc is written for account in the place of stored, which is nil if there is none.
func (p *Preparer) Prepare(ctx context.Context, account aaa.AccountID, doc, stored json.RawMessage) (*Prepared, error) {
	value, err := schema.Parse(doc, schema.MaxDepth)
	if err != nil {
		return nil, err
	}
	d, err := Load(account, stored)
	if err != nil {
		return nil, err
	}
	d.Replace(value)
	return d.Prepare(ctx, p)
}
