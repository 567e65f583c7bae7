package store

import (
	"context"
	"time"

	"aaa-api/internal/aaa"
)

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
	ChangedClient     ChangeKind = "client"
)

// Change is an entry of the change log. One of an account stands for all that the
// account holds and, as its Path, Enabled and existence bear on them, for all of
// its descendants: no further entries tell of a moved subtree or of a deleted
// account's document, dictionaries, texts, clients and tokens.
type Change struct {
	Seq     int64
	Kind    ChangeKind
	Account aaa.AccountID
	// Name is that of a dictionary, text or client, or the id of a token, where an API key stands for its sessions too. Of a token
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
