package store

import (
	"context"
	"time"

	"aaa-api/internal/aaa"
)

// SessionRecord is an AAA session as stored.
type SessionRecord struct {
	Account   aaa.AccountID
	Hash      [32]byte // SHA-256 of the SID, which is stored nowhere
	ID        string   // derived of the SID; unique in the account
	Revision  int64    // from 1; every write counts, a claim too
	State     aaa.SessionState
	Open      bool
	Suspended bool      // of an open one: its client is away
	UserHash  string    // of the user's name; empty: written by a version that kept none
	NAS       string    // hash of the NAS that an open session was opened through; empty: it named none
	Body      []byte    // UTF-8 of the session package's own; what is secret in it is sealed
	DueAt     time.Time // when it next needs something done by itself; zero: never
	Lease     Lease
	CreatedAt time.Time
	UpdatedAt time.Time
	EndedAt   time.Time // zero while it lives
}

// SessionsBy says which sessions a list has; the zero value is all.
type SessionsBy struct {
	// UserHash is that of the sessions. Those with an empty one are listed too.
	UserHash string
	// Stages are those of the sessions. They do not count beside UserHash: one index is looked up.
	Stages []SessionStage
}

// SessionStage is a session's State, except that completed is divided into four.
type SessionStage string

// The stages of completed.
const (
	StageWaiting   SessionStage = "completed" // to be opened
	StageOpen      SessionStage = "open"
	StageSuspended SessionStage = "suspended"
	StageClosed    SessionStage = "closed"
)

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
	List(ctx context.Context, account aaa.AccountID, by SessionsBy, p Page) (list []SessionRecord, next string, err error)
	// OfNAS lists those that are open and have this NAS, which is not empty, ordered by id.
	OfNAS(ctx context.Context, account aaa.AccountID, nas string, p Page) (list []SessionRecord, next string, err error)
	// Below lists the sessions of the account and of all below it, ordered by account and id. One call looks at a
	// bounded number of accounts, so a page that is not full, or empty, may have a next one. ErrNotFound: there
	// is no such account.
	Below(ctx context.Context, account aaa.AccountID, by SessionsBy, p Page) (list []SessionRecord, next string, err error)
	// Due claims sessions of all accounts whose DueAt has come and whose Lease is over: each is given to one caller, until
	// lease or its next Update ends. Accounts take turns, whatever each has waiting, and within one those that wait longest come
	// first. Before it chooses one more session of an account it asks take, and claims none that take refuses. What take grants may
	// be claimed by others meanwhile, and one call may leave sessions over that take would grant.
	Due(ctx context.Context, now time.Time, lease Lease, take func(aaa.AccountID) bool) ([]SessionRecord, error)
	// DeleteEnded removes sessions that ended before a time and have nothing left to do, and says how many.
	DeleteEnded(ctx context.Context, before time.Time) (int, error)
}
