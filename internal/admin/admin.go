package admin

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admission"
	"aaa-api/internal/dict"
	"aaa-api/internal/document"
	"aaa-api/internal/fsm"
	"aaa-api/internal/limits"
	"aaa-api/internal/store"
	"aaa-api/internal/token"
)

// Tree answers questions about accounts from memory.
type Tree interface {
	// Within reports whether id is ancestor itself or below it.
	Within(ctx context.Context, ancestor, id aaa.AccountID) (bool, error)
	// Enabled reports whether the account and all of its ancestors are enabled.
	Enabled(ctx context.Context, id aaa.AccountID) (bool, error)
	// Limits is what the account may use.
	Limits(ctx context.Context, id aaa.AccountID) (*limits.Account, error)
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

// SystemDictionaries are the dictionaries that the service ships.
type SystemDictionaries interface {
	Names() []string
	Entries(name string) ([]dict.Entry, bool)
	Default() *dict.Set
}

// UsersSealer seals users files for the store, and masks stored ones.
type UsersSealer interface {
	// MergeUsers checks and seals a users file. A masked password stands for that of the same user in sealedStored, the
	// file that is replaced; empty if there is none.
	MergeUsers(ctx context.Context, account aaa.AccountID, name, text, sealedStored string) (sealed, masked string, err error)
	// MaskUsers returns a stored users file with aaa.Mask for every password hash.
	MaskUsers(ctx context.Context, account aaa.AccountID, name, sealed string) (string, error)
}

// Options are the parts that a Service works with. All but the ones marked optional must be there.
type Options struct {
	Store    store.Store
	Tree     Tree
	Users    UsersSealer
	Opener   RecordOpener
	Banner   Banner
	TokenKey token.Key // makes credentials
	Preparer *document.Preparer
	System   SystemDictionaries
	Actions  *fsm.Actions // that tables may take
	// Sync returns once this node uses every write made before the call, so that a
	// writer sees its own write at once. Optional.
	Sync func(ctx context.Context) error
	// Resent is called when accounting records of an account were made due again, so that this node tries them at once
	// even if the account's servers have been silent. Optional.
	Resent func(aaa.AccountID)
	Log    *slog.Logger
	Bounds Bounds // zero members mean the defaults
}

// Bounds limit what one operation takes.
type Bounds struct {
	Document    int64         // octets of {"data":…} with a patched document; default 256 KiB
	TextBody    int64         // octets of a table or a users file as text; default and most 1 MiB
	SessionLife time.Duration // of a token that an API key is traded for; default 1 h
	Bulk        time.Duration // that one change of many accounting records takes; default 100 s
	Heirs       int           // accounts below that one write looks at to warn of other outcomes; default 100,000
}

// withDefaults is b with a default for each member that is zero.
func (b Bounds) withDefaults() Bounds {
	if b.Document == 0 {
		b.Document = 256 << 10
	}
	if b.TextBody == 0 || b.TextBody > fsm.MaxText {
		b.TextBody = fsm.MaxText
	}
	if b.SessionLife == 0 {
		b.SessionLife = time.Hour
	}
	if b.Bulk == 0 {
		b.Bulk = 100 * time.Second // less than the client may wait for the answer
	}
	if b.Heirs == 0 {
		b.Heirs = 100_000
	}
	return b
}

// Service is the configuration of one node's store. It is safe for use by many goroutines.
type Service struct {
	Accounts     *Accounts
	Documents    *Documents
	Dictionaries *Dictionaries
	Tables       *Tables
	Users        *Users
	Clients      *Clients
	Tokens       *Tokens
	Spool        *Spool
	Bans         *Bans

	base *base
}

// New makes a Service.
func New(o Options) *Service {
	o.Bounds = o.Bounds.withDefaults()
	b := &base{Options: o, writers: admission.NewTurns(1)}
	return &Service{
		Accounts: &Accounts{b}, Documents: &Documents{b}, Dictionaries: &Dictionaries{b}, Tables: &Tables{b}, Users: &Users{b}, Clients: &Clients{b}, Tokens: &Tokens{b},
		Spool: &Spool{b}, Bans: &Bans{b},
		base: b,
	}
}

// Writers are the turns of writers to an account, for tests and metrics.
func (s *Service) Writers() *admission.Turns { return s.base.writers }

// Bounds are what one operation takes, without zero members.
func (s *Service) Bounds() Bounds { return s.base.Bounds }

// base is what all use cases share.
type base struct {
	Options
	writers *admission.Turns
	away    away
}

// Caller is who asks for an operation.
type Caller struct {
	token.Principal
	RequestID string    // for the log
	At        time.Time // when the request came
	// Heavy waits for a turn to work on a stored text of so many octets, which lasts until the operation ends. It is the
	// process's own and does not travel with a Caller; nil: nothing waits. Texts that were sent have waited already.
	Heavy func(octets int) error
	// HeavyCheck is Heavy for what stores nothing, of which an account has one at a time.
	HeavyCheck func(octets int) error
}

func (c *Caller) heavy(octets int) error {
	if c.Heavy == nil {
		return nil
	}
	return c.Heavy(octets)
}

func (c *Caller) heavyCheck(octets int) error {
	if c.HeavyCheck == nil {
		return nil
	}
	return c.HeavyCheck(octets)
}
