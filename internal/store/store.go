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
	"errors"
	"fmt"
	"net/netip"
	"time"

	"aaa-api/internal/aaa"
)

// Errors of the contract. Drivers wrap them; use errors.Is.
var (
	ErrNotFound    = errors.New("not found")
	ErrExists      = errors.New("exists already")
	ErrStale       = errors.New("the revision given is not the current one")
	ErrCycle       = errors.New("an account cannot be moved below itself")
	ErrHasChildren = errors.New("the account has descendants")
	ErrTooDeep     = errors.New("the account tree is too deep")
	ErrUnavailable = errors.New("the store cannot be reached")
	ErrNoOrphan    = errors.New("what the token made cannot outlive it")
	// ErrNoTables is an ErrUnavailable, too: the database answers and tables or the change counter are not
	// there. It was never migrated, or is being put back from a backup.
	ErrNoTables = errors.New("the database is not complete")
)

// MaxAccountDepth is how many ancestors an account can have; more is ErrTooDeep.
const MaxAccountDepth = 64

// InUseError refuses to delete or rename what names in documents lead to. A name leads to what the document's account
// has of it, or else the nearest of its ancestors that has it: who creates a nearer one puts it into use.
type InUseError struct {
	Kind     RefKind         // of what they name
	Accounts []aaa.AccountID // whose documents they are; 100 at most
}

func (e *InUseError) Error() string { return "it is named by documents" }

// LeftBehindError refuses to move accounts while names in their documents lead to what belongs to an ancestor that they would leave.
type LeftBehindError struct {
	Kinds    []RefKind       // what they refer to there, each once, in order
	Accounts []aaa.AccountID // whose documents they are; 100 at most
}

func (e *LeftBehindError) Error() string {
	return "documents refer to what belongs to an ancestor that the move would leave"
}

// MissingError refuses a document that refers to what is no longer there.
type MissingError struct{ Refs []Ref }

func (e *MissingError) Error() string { return "the document refers to what is not there" }

// ExistsError says which unique member of an account clashed (realm, parent_id for a second root). It is ErrExists.
type ExistsError struct{ Member string }

func (e *ExistsError) Error() string        { return e.Member + " exists already" }
func (e *ExistsError) Is(target error) bool { return target == ErrExists }

// LimitError refuses to create what an account, or one above it, may have no more of.
type LimitError struct{ aaa.Excess }

func (e *LimitError) Error() string {
	return fmt.Sprintf("account %s is at its limit %s: %d", e.Account, e.Limit.Name(), e.Allowed)
}

// Store is one open database.
type Store interface {
	Accounts() Accounts
	Documents() Documents
	Dictionaries() Dictionaries
	Texts() Texts
	Tokens() Tokens
	Keys() Keys
	Sessions() Sessions
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
	// Update changes Name, Realm, Enabled, Limits and ServerNetworks.
	Update(ctx context.Context, id aaa.AccountID, ifRevision int64, a Account) (Account, error)
	// Move puts the account below another: ErrCycle where that is itself or a
	// descendant, or where id is the root; LeftBehindError where documents would lose a
	// dictionary or table that they name. LimitError as for Create. The paths of all descendants follow. Tokens of the subtree that were
	// made by accounts which are no longer above it are revoked, with what they made.
	Move(ctx context.Context, id, parent aaa.AccountID) (Moved, error)
	// Delete removes the account with its document, history, dictionaries, texts,
	// tokens, sessions and key; ErrHasChildren while it has descendants.
	Delete(ctx context.Context, id aaa.AccountID, ifRevision int64) error
	// Usage counts what the account has of what LimitError limits, and its sessions that are not ended.
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

// Token is an API credential; the text itself is never stored.
type Token struct {
	ID        string
	Account   aaa.AccountID
	Hash      [32]byte // SHA-256 of the token's text
	Kind      string   // token, KindAPIKey or session (short-lived, from api_auth)
	Scopes    []string
	Note      string
	CreatedAt time.Time
	ExpiresAt time.Time // zero: never
	KeyID     string    // of a session, and of what one makes: the API key that it came from and ends with; else empty
	// MadeBy is the id of the token or API key that asked for this one and that revokes it; MakerAccount is the account of
	// the one that asked. Both are empty if the command made it, or a version that did not keep its maker.
	MadeBy       string
	MakerAccount aaa.AccountID
	Checksum     bool // its text ends with a checksum
}

// Revoked counts the tokens that a write revoked.
type Revoked struct {
	Tokens   int
	Accounts []aaa.AccountID // whose tokens they were, in order
}

// KindAPIKey is the Kind of API keys, which are traded for sessions and are no tokens themselves.
const KindAPIKey = "api_key"

// KindSession is the Kind of what an API key is traded for.
const KindSession = "session"

// Tokens keeps the API credentials.
type Tokens interface {
	// Create stores a token. ErrNotFound: there is no such account, its maker is gone or not of that account or one above, or the
	// account has no API key of the KeyID. LimitError: it has as many as it may;
	// short-lived ones from api_auth are counted by themselves.
	Create(ctx context.Context, t Token) error
	// Rotate stores an API key in place of all that the account has, which are revoked.
	Rotate(ctx context.Context, key Token) error
	// ByHash finds a token of any account: verification is where the account becomes known.
	ByHash(ctx context.Context, hash [32]byte) (Token, error)
	List(ctx context.Context, account aaa.AccountID, p Page) (list []Token, next string, err error)
	// Revoke deletes the token, what it made, what that made, and so on, in whatever account. It counts the token itself.
	Revoke(ctx context.Context, account aaa.AccountID, id string) (Revoked, error)
	// Orphan deletes the token alone: what it made counts as made by its maker from then on. ErrNoOrphan where it is
	// an API key, and where by, the token that asks, is the token itself or came from it; by may be empty.
	Orphan(ctx context.Context, account aaa.AccountID, id, by string) error
	// RevokeKeys revokes all of the account's API keys and returns them, ErrNotFound where it has none.
	RevokeKeys(ctx context.Context, account aaa.AccountID) ([]Token, error)
	// Key is the key of the checksums, which all nodes of a database share.
	Key(ctx context.Context) ([]byte, error)
	// WithoutChecksum reports whether a token is stored whose text has no checksum.
	WithoutChecksum(ctx context.Context) (bool, error)
	// DeleteExpired removes tokens that ran out before now and says how many. It is no change.
	DeleteExpired(ctx context.Context, now time.Time) (int, error)
}

// Keys keeps each account's data key, wrapped by the key-encryption key.
type Keys interface {
	// Get returns the wrapped key, ErrNotFound where there is none.
	Get(ctx context.Context, account aaa.AccountID) ([]byte, error)
	// Add stores a wrapped key if there is none yet and returns the one that is stored. It is no change.
	Add(ctx context.Context, account aaa.AccountID, wrapped []byte) ([]byte, error)
	// List gives a page of up to limit wrapped keys by account, from start on, and the account that the next page
	// begins with, empty at the end.
	List(ctx context.Context, start aaa.AccountID, limit int) (list []WrappedKey, next aaa.AccountID, err error)
	// Replace stores fresh in the place of old and reports whether old was still there. It is no change.
	Replace(ctx context.Context, account aaa.AccountID, old, fresh []byte) (bool, error)
	// Delete forgets an account's key, and with it everything sealed under it. It is no change.
	Delete(ctx context.Context, account aaa.AccountID) error
}

// WrappedKey is an account's data key as stored.
type WrappedKey struct {
	Account aaa.AccountID // or aaa.SystemConfig
	Wrapped []byte
}

// SessionRecord is an AAA session as stored.
type SessionRecord struct {
	Account    aaa.AccountID
	Hash       [32]byte // SHA-256 of the SID, which is stored nowhere
	ID         string   // derived of the SID; unique in the account
	Revision   int64    // from 1; every write counts, a claim too
	State      aaa.SessionState
	Open       bool
	Body       []byte    // UTF-8 of the session package's own; what is secret in it is sealed
	DueAt      time.Time // when it next needs something done by itself; zero: never
	LeaseUntil time.Time // a node that claimed it works on it until then; zero: none does
	Node       string    // that claimed it last
	CreatedAt  time.Time
	UpdatedAt  time.Time
	EndedAt    time.Time // zero while it lives
}

// MostSessions is how many sessions an account may have.
type MostSessions struct {
	Live   int64 // that are not ended
	Stored int64 // in all
}

// Sessions keeps the AAA sessions. They are no configuration: no write of them is a change. All times
// are the caller's, which is what lets many nodes and a test's clock share the timers.
type Sessions interface {
	// Create stores a session with revision 1: ErrNotFound where there is no such account, ErrExists where
	// the hash or the id is taken, LimitError (with Limit, Account and Allowed) where the account has as many as most says.
	Create(ctx context.Context, r SessionRecord, most MostSessions) error
	Get(ctx context.Context, account aaa.AccountID, hash [32]byte) (SessionRecord, error)
	ByID(ctx context.Context, account aaa.AccountID, id string) (SessionRecord, error)
	// Update replaces all but Account, Hash, ID and CreatedAt, and gives the record with its new
	// revision: ErrStale where ifRevision is not the current one, ErrNotFound without a record.
	Update(ctx context.Context, r SessionRecord, ifRevision int64) (SessionRecord, error)
	// List is ordered by id.
	List(ctx context.Context, account aaa.AccountID, p Page) (list []SessionRecord, next string, err error)
	// Below lists the sessions of the account and of all below it, ordered by account and id. One call looks at a
	// bounded number of accounts, so a page that is not full, or empty, may have a next one. ErrNotFound: there
	// is no such account.
	Below(ctx context.Context, account aaa.AccountID, p Page) (list []SessionRecord, next string, err error)
	// Due claims sessions of all accounts whose DueAt has come and whose lease is over: each is given to one caller, until
	// now + lease or its next Update. Accounts take turns, whatever each has waiting, and within one those that wait longest come
	// first. Before it chooses one more session of an account it asks take, and claims none that take refuses. What take grants may
	// be claimed by others meanwhile, and one call may leave sessions over that take would grant.
	Due(ctx context.Context, now time.Time, lease time.Duration, node string, take func(aaa.AccountID) bool) ([]SessionRecord, error)
	// DeleteEnded removes sessions that ended before a time and have nothing left to do, and says how many.
	DeleteEnded(ctx context.Context, before time.Time) (int, error)
}

// ChangeKind says what a change was of.
type ChangeKind string

// The kinds of change.
const (
	ChangedAccount    ChangeKind = "account"
	ChangedDocument   ChangeKind = "document"
	ChangedDictionary ChangeKind = "dictionary"
	ChangedFSM                   = ChangeKind(TextFSM)
	ChangedUsers                 = ChangeKind(TextUsers)
	ChangedToken      ChangeKind = "token"
)

// Change is an entry of the change log. One of an account stands for all that the
// account holds and, as its Path, Enabled and existence bear on them, for all of
// its descendants: no further entries tell of a moved subtree or of a deleted
// account's document, dictionaries, texts and tokens.
type Change struct {
	Seq     int64
	Kind    ChangeKind
	Account aaa.AccountID
	// Name is that of a dictionary or text, or the id of a token, where an API key stands for its sessions too. Of a token
	// without a Name all tokens of the account are meant, and with aaa.SystemConfig as the Account all tokens.
	Name string
	At   time.Time
}

// Is reports whether two changes are the same entry of the same log: of two logs that part, the numbers are equal and the
// times are not.
func (c Change) Is(other Change) bool {
	return c.Seq == other.Seq && c.Kind == other.Kind && c.Account == other.Account && c.Name == other.Name && c.At.Equal(other.At)
}

// Changes reads the change log.
type Changes interface {
	// Last returns the newest change, its number read together with the rest. For an empty log it is the zero Change; where
	// the newest change was pruned, its number alone.
	Last(ctx context.Context) (Change, error)
	// Since lists the changes after one that Last or Since gave, in order. gap is true where they do not follow on it: the log no
	// longer holds all of them, or it holds another change under that number, since the database is not where it was (a
	// backup was put back, a standby that lacked the last changes was promoted). The reader must then forget everything.
	Since(ctx context.Context, after Change, limit int) (list []Change, gap bool, err error)
	// Wake returns a channel that receives after a write on any node, soon but not surely. It
	// works until ctx ends. Reading the log every second is what makes changes arrive.
	Wake(ctx context.Context) <-chan struct{}
	// Prune forgets changes from before t, but never the newest one, by which readers know where they are.
	Prune(ctx context.Context, t time.Time) error
}
