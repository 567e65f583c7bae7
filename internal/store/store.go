// Package store is the storage contract. Its drivers are in store/postgres and
// store/sqlite; both pass the suite in store/storetest.
//
// Every method that touches a tenant's data takes the account. Every write of
// configuration appends to the change log in its own transaction, and all such
// transactions are serialised by the log's counter row, taken first: numbers
// become visible in their order, and a check made inside a write (a name still
// free, a dictionary still there) cannot be overtaken by another write.
package store

import (
	"context"
	"encoding/json"
	"net/netip"
	"time"

	"aaa-api/internal/aaa"
)

// MaxAccountDepth is how many ancestors an account can have; more is ErrTooDeep.
const MaxAccountDepth = 64

// Store is one open database.
type Store interface {
	Accounts() Accounts
	Documents() Documents
	Dictionaries() Dictionaries
	Texts() Texts
	Clients() Clients
	Tokens() Tokens
	Keys() Keys
	Sessions() Sessions
	Spool() Spool
	Idempotency() Idempotency
	Bans() Bans
	Changes() Changes

	// Ping asks the database a trivial question: ErrUnavailable when it cannot answer.
	Ping(ctx context.Context) error
	// CheckWrite writes a row that no one reads: ErrUnavailable when the database takes no writes, as one that is read-only or
	// whose disk is full.
	CheckWrite(ctx context.Context) error
	Close() error
}

// AnyRevision as ifRevision makes a write unconditional.
const AnyRevision int64 = 0

// Account is a tenant.
type Account struct {
	ID        aaa.AccountID
	Name      string
	Realm     string          // unique below the parent, itself included; empty means none
	ParentID  aaa.AccountID   // empty for the root account alone
	Path      []aaa.AccountID // ancestors, root first, without the account itself
	Enabled   bool
	Revision  int64
	CreatedAt time.Time
	UpdatedAt time.Time

	Limits         *aaa.Limits    // as accounts above it set them; nil sets none
	ServerNetworks []netip.Prefix // where its servers may be beside public addresses, as accounts above it grant; nil: nowhere
	ClientNetworks []netip.Prefix // in which its clients may be, as accounts above it grant; nil: nowhere
}

// Page asks for part of an ordered list.
type Page struct {
	Start string // the key to begin at (inclusive); empty for the first page
	Limit int    // 0 means all
}

// Accounts keeps the account tree. Lists are ordered by id.
type Accounts interface {
	// Create stores a new account. An empty ParentID makes the root: a second one
	// is an ExistsError of parent_id. A parent unknown is ErrNotFound. LimitError: one of those above has as many below it as
	// it may.
	Create(ctx context.Context, a Account) (Account, error)
	Get(ctx context.Context, id aaa.AccountID) (Account, error)
	// Root returns the root account, ErrNotFound before there is one.
	Root(ctx context.Context) (Account, error)
	// ByRealm returns the account below top, at any depth, that has a realm, ErrNotFound without one. If several have it, each below
	// another parent, it is the one nearest to top, and of those at one depth the one with the lowest id.
	ByRealm(ctx context.Context, top aaa.AccountID, realm string) (Account, error)
	// Update changes Name, Realm, Enabled, Limits, ServerNetworks and ClientNetworks. OutsideError: clients of the account or below
	// would be outside of the ClientNetworks.
	Update(ctx context.Context, id aaa.AccountID, ifRevision int64, a Account) (Account, error)
	// Move puts the account below another: ErrCycle where that is itself or a
	// descendant, or where id is the root; LeftBehindError where documents would lose a
	// dictionary or table that they name; OutsideError and ErrTaken where clients would be against the rules of Clients. LimitError as for Create. The paths of all descendants follow. Tokens of the subtree that were
	// made by accounts which are no longer above it are revoked, with what they made.
	Move(ctx context.Context, id, parent aaa.AccountID) (Moved, error)
	// Delete removes the account with its document, history, dictionaries, texts, clients,
	// tokens, sessions and key; ErrHasChildren while it has descendants.
	Delete(ctx context.Context, id aaa.AccountID, ifRevision int64) error
	// Usage counts what the account has of what LimitError limits, its sessions that are not ended, and its accounting records.
	Usage(ctx context.Context, id aaa.AccountID) (map[aaa.Limit]int64, error)
	// Children and Descendants give a page and the key of the next page, empty at the end.
	Children(ctx context.Context, id aaa.AccountID, p Page) (list []Account, next string, err error)
	Descendants(ctx context.Context, id aaa.AccountID, p Page) (list []Account, next string, err error)
}

// Moved is an account where it is now, and the tokens that the move revoked.
type Moved struct {
	Account
	Revoked Revoked
}

// Document is an AAA document as stored: secrets sealed.
type Document struct {
	Account   aaa.AccountID // or aaa.SystemConfig
	Revision  int64         // from 1; goes on counting over a deletion
	Body      json.RawMessage
	Author    string // id of the token that wrote it
	CreatedAt time.Time
	Deleted   bool // in a history: this revision was a deletion
}

// RefKind says what a document refers to.
type RefKind string

// The kinds of reference. A users file is named by tables, not by documents.
const (
	RefDictionary RefKind = "dictionary"
	RefFSM                = RefKind(TextFSM)
)

// Ref is a document's reference to a dictionary or table.
type Ref struct {
	Kind    RefKind
	Account aaa.AccountID // the owner when the document was checked; aaa.SystemConfig of what the service ships
	Name    string
}

// MaxDocumentRevisions is how many revisions of a document the history keeps.
const MaxDocumentRevisions = 100

// Documents keeps the AAA documents and their history.
type Documents interface {
	Get(ctx context.Context, account aaa.AccountID) (Document, error)
	// Create stores the first document (ErrExists where there is one); uses lists the
	// dictionaries and tables that it names, a MissingError where stored ones are gone.
	Create(ctx context.Context, d Document, uses []Ref) (Document, error)
	// Replace stores a new revision: ErrStale where ifRevision is given and not current, ErrNotFound without a document.
	Replace(ctx context.Context, d Document, ifRevision int64, uses []Ref) (Document, error)
	Delete(ctx context.Context, account aaa.AccountID, ifRevision int64, author string) error
	// Revisions lists the history, newest first; next is the revision to go on from, 0 at the end.
	Revisions(ctx context.Context, account aaa.AccountID, from int64, limit int) (list []Document, next int64, err error)
	Revision(ctx context.Context, account aaa.AccountID, revision int64) (Document, error)
	// Below visits up to limit of the accounts below top, all accounts for aaa.SystemConfig, in no order, each with ID,
	// ParentID and Enabled alone and with the body of its document, nil where it has none.
	Below(ctx context.Context, top aaa.AccountID, limit int, visit func(a Account, body json.RawMessage) error) error
	// OfAccounts visits the accounts of a list, in no order, by one query for each MaxOfAccounts. Those that do not exist are left out.
	OfAccounts(ctx context.Context, ids []aaa.AccountID, visit func(Stored) error) error
}

// MaxOfAccounts is how many accounts one query of Documents.OfAccounts reads.
const MaxOfAccounts = 200

// Stored is an account with its document.
type Stored struct {
	Account  Account
	Document *Document // nil: it has none
	Holds    bool      // it has dictionaries or texts
}

// Dictionary is an account's dictionary as stored.
type Dictionary struct {
	Account   aaa.AccountID
	ID        string // 32 hexadecimal characters
	Name      string // unique in the account
	Revision  int64
	Body      json.RawMessage // the entries (the member value of the API's form)
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Dictionaries keeps the accounts' dictionaries. Lists are ordered by name, without Body.
type Dictionaries interface {
	// Create stores a dictionary. LimitError: the account has as many as it may.
	Create(ctx context.Context, d Dictionary) (Dictionary, error)
	Get(ctx context.Context, account aaa.AccountID, id string) (Dictionary, error)
	ByName(ctx context.Context, account aaa.AccountID, name string) (Dictionary, error)
	// Nearest finds the dictionary of a name that documents of an account see: its own, or that of the nearest ancestor that has one.
	Nearest(ctx context.Context, account aaa.AccountID, name string) (Dictionary, error)
	// Replace changes Name and Body; the Name of one that documents use can't be changed (InUseError).
	Replace(ctx context.Context, d Dictionary, ifRevision int64) (Dictionary, error)
	// Delete refuses with an InUseError while a document uses the dictionary.
	Delete(ctx context.Context, account aaa.AccountID, id string, ifRevision int64) error
	List(ctx context.Context, account aaa.AccountID, p Page) (list []Dictionary, next string, err error)
	// All returns an account's dictionaries with their bodies in one query.
	All(ctx context.Context, account aaa.AccountID) ([]Dictionary, error)
}

// TextKind says what a text is.
type TextKind string

// The kinds of text. A name is unique in its account and kind.
const (
	TextFSM   TextKind = "fsm"   // a table of the state machine
	TextUsers TextKind = "users" // a users file, sealed
)

// Text is a named text of an account. Its callers bound its length; it is UTF-8 without U+0000.
type Text struct {
	Account   aaa.AccountID
	Kind      TextKind
	Name      string // can't be changed
	Revision  int64  // from 1; a text created anew after a deletion begins again
	Body      string
	Closed    bool // a users file that documents of accounts below don't see
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Texts keeps the accounts' tables and users files.
type Texts interface {
	// Create stores a text of a new name, else ErrExists. ErrNotFound: there is no such account. LimitError: it has as many
	// of the kind as it may.
	Create(ctx context.Context, t Text) (Text, error)
	Get(ctx context.Context, account aaa.AccountID, kind TextKind, name string) (Text, error)
	// Nearest finds the text of a name that documents of an account see: its own, or that of the nearest ancestor that has one which
	// is not Closed.
	Nearest(ctx context.Context, account aaa.AccountID, kind TextKind, name string) (Text, error)
	// Replace changes Body and Closed: ErrStale where ifRevision is given and not current, ErrNotFound without a text.
	Replace(ctx context.Context, t Text, ifRevision int64) (Text, error)
	// Delete refuses with an InUseError while a document names the text.
	Delete(ctx context.Context, account aaa.AccountID, kind TextKind, name string, ifRevision int64) error
	// List is ordered by name, without Body.
	List(ctx context.Context, account aaa.AccountID, kind TextKind, p Page) (list []Text, next string, err error)
	// All returns an account's texts of every kind with their bodies in one query, by kind and name.
	All(ctx context.Context, account aaa.AccountID) ([]Text, error)
}
