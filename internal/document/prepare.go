package document

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	Rule    string `json:"rule"` // unknown_attribute, unused, shadowed, unregistered, engine, deadline, reserved, unhandled, unknown_server, unknown_rule, unknown_file, not_allowed, outcome, revoked, capped
	Message string `json:"message"`

	Accounts []aaa.AccountID `json:"accounts,omitempty"` // of outcome: who meets another one; of revoked: whose tokens; MaxNamed at most
	Total    int             `json:"total,omitempty"`    // how many accounts there are
}

// Prepare checks a document that a client wrote for an account, or for
// aaa.SystemConfig. stored is the document that it replaces, as stored, or nil:
// its secrets are kept where the new one has aaa.Mask.
//
// All faults of the form are told at once, and when there are none all those of
// the content (names that clash or that nothing has, regexps, addresses …), in an
// *aaa.Error of KindBadInput. Errors of the catalog and of the sealer come as they are.
func (p *Preparer) Prepare(ctx context.Context, account aaa.AccountID, doc, stored json.RawMessage) (*Prepared, error) {
	value, err := schema.Parse(doc, schema.MaxDepth)
	if err != nil {
		return nil, err
	}
	form := schema.AAA
	if account == aaa.SystemConfig {
		form = schema.SystemAAA
	}
	if faults := schema.Validate(form, value); faults != nil {
		return nil, aaa.Invalid(faults...)
	}
	body := copied(value).(map[string]any)
	text, err := marshal(body)
	if err != nil {
		return nil, err
	}
	d, err := decode(text)
	if err != nil {
		return nil, fmt.Errorf("the schema let pass what does not decode: %w", err)
	}
	before, err := parseStored(stored)
	if err != nil {
		return nil, fmt.Errorf("account %s: %w", account, err)
	}

	c := check{ctx: ctx, account: account, doc: d, prepare: p}
	if err := c.run(); err != nil {
		return nil, err
	}
	fresh, kept, faults := keep(body, before)
	c.faults = append(c.faults, faults...)
	if err := c.lost(kept); err != nil {
		return nil, err
	}
	if len(c.faults) > 0 {
		return nil, aaa.Invalid(schema.Bounded(c.faults)...)
	}
	for _, place := range fresh {
		clear, _ := place.Text()
		sealed, err := p.vault.Seal(ctx, account, place.Purpose, clear)
		if err != nil {
			return nil, fmt.Errorf("seal %s: %w", place.Purpose, err)
		}
		place.Set(sealed)
	}
	warnings, err := c.warnings()
	if err != nil {
		return nil, err
	}
	out := &Prepared{Uses: c.uses, Warnings: warnings}
	if out.Body, err = marshal(body); err != nil {
		return nil, err
	}
	return out, nil
}

// lost adds a fault for each kept secret that no key opens any more.
func (c *check) lost(kept []Place) error {
	for _, place := range kept {
		sealed, _ := place.Text()
		switch _, err := c.prepare.vault.Open(c.ctx, c.account, place.Purpose, sealed); {
		case errors.Is(err, secmod.ErrSealed):
			c.faults = append(c.faults, aaa.Field{
				Path: place.Path, Rule: "secret",
				Message: "the stored secret can't be opened any more, since the key that sealed it is gone: write the secret itself",
			})
		case err != nil:
			return fmt.Errorf("open %s: %w", place.Purpose, err)
		}
	}
	return nil
}

// copied copies a document. Its integers are in plain digits already: schema.Parse reads 1812.0 and 2e3 so.
func copied(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for name, e := range v {
			m[name] = copied(e)
		}
		return m
	case []any:
		a := make([]any, len(v))
		for i := range v {
			a[i] = copied(v[i])
		}
		return a
	default:
		return v
	}
}
