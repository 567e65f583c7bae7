package store

import (
	"context"
	"time"

	"aaa-api/internal/aaa"
)

// SpoolKind is what an accounting record tells of its session. Those of one session are delivered in the order of their kinds, and
// those of one kind in the order of their ids.
type SpoolKind string

// The kinds of record.
const (
	SpoolStart   SpoolKind = "start"
	SpoolInterim SpoolKind = "interim"
	SpoolStop    SpoolKind = "stop"
	SpoolOther   SpoolKind = "other" // of no session: Accounting-On, Accounting-Off, and what names no session
)

// RepeatedWithin is how far apart the times of a record and of its repetition can be: a client that does not tell the time is repeated at
// another one. An equal Interim that comes later is the next one, and an equal Start or Stop is of another session: its NAS was restarted and
// gives its identifiers out again.
func (k SpoolKind) RepeatedWithin() time.Duration {
	if k == SpoolInterim {
		return 2 * time.Second
	}
	return 30 * time.Second
}

// SpoolState is where a record stands.
type SpoolState string

// The states of a stored record. A delivered one is deleted.
const (
	SpoolWaiting SpoolState = "waiting" // to be delivered
	SpoolParked  SpoolState = "parked"  // until somebody sends it again or drops it
)

// MaxSpoolAttempts is how many attempts to deliver it a record remembers: the last ones.
const MaxSpoolAttempts = 20

// MaxSpoolInline is how long a payload is that comes with its claimed record.
const MaxSpoolInline = 8 << 10

// SpoolAttempt is one attempt to deliver a record that came to nothing.
type SpoolAttempt struct {
	At     time.Time `json:"at"`
	Node   string    `json:"node"`
	Server string    `json:"server,omitempty"` // that was asked last
	Reason string    `json:"reason"`
}

// SpoolRecord is an accounting record as stored.
type SpoolRecord struct {
	Account  aaa.AccountID
	ID       string // 32 hexadecimal characters, unique in the account; later records of a node have greater ids
	Revision int64  // from 1; every write counts, a claim too
	Kind     SpoolKind
	Session  string // hash of what names the session; empty: the record waits for no other
	Digest   string // equal for repetitions of one record; empty: it repeats none
	State    SpoolState
	Payload  string // sealed

	AcctSessionID string // as the caller named the session and the user, for lists
	User          string

	EventAt    time.Time // when it happened
	ReceivedAt time.Time
	KeepUntil  time.Time // a record that is not delivered until then is parked
	ParkedAt   time.Time // zero while it waits
	DueAt      time.Time // when it is tried next; zero while it is parked
	Lease      Lease
	Tries      int
	Attempts   []SpoolAttempt // the last ones, the oldest first
}

// SpoolAppended is what became of a record that was appended.
type SpoolAppended uint8

// The outcomes of an append. In each of them the record is safe.
const (
	SpoolStored   SpoolAppended = iota // with the lease that it came with
	SpoolBehind                        // stored without a lease: an earlier record of its session waits, or has its lease
	SpoolRepeated                      // not stored: it, or one with its Digest, is there already
)

// SpoolOutcome is what an attempt came to.
type SpoolOutcome uint8

// The outcomes of an attempt.
const (
	SpoolDelivered SpoolOutcome = iota // the record is deleted, whoever has its lease
	SpoolFailed                        // it is due again at DueAt
	SpoolRefused                       // it is parked
	SpoolWithdrawn                     // the caller was told that it is not taken: it is deleted and was never acknowledged. One that was repeated is parked
	SpoolReleased                      // no attempt was made: the lease ends, and it is due again at DueAt
	SpoolGone                          // its account is deleted: the record is dropped
)

// SpoolSettlement is the outcome of an attempt to deliver a claimed record.
type SpoolSettlement struct {
	Account  aaa.AccountID
	ID       string
	Revision int64 // of the claim. Another claim since leaves all outcomes but SpoolDelivered without effect
	Session  string
	Outcome  SpoolOutcome
	DueAt    time.Time // with SpoolFailed and SpoolReleased
	Attempt  SpoolAttempt
}

// SpoolFilter chooses records of an account. Empty members choose all.
type SpoolFilter struct {
	ID            string
	State         SpoolState
	Kind          SpoolKind
	AcctSessionID string
	User          string
	Server        string    // of the last attempt
	Before        time.Time // received before
}

// SpoolCounts is the ledger of an account: at every moment Acknowledged is the sum of Waiting, Parked, Delivered, Replaced and Dropped.
type SpoolCounts struct {
	Acknowledged int64 `json:"acknowledged"`
	Waiting      int64 `json:"waiting"`
	Parked       int64 `json:"parked"`
	Delivered    int64 `json:"delivered"`
	Replaced     int64 `json:"replaced"` // Interim records overtaken by a newer one of their session
	Dropped      int64 `json:"dropped"`  // by hand, or with their account

	Octets int64     `json:"octets"`          // of what is waiting or parked
	Oldest time.Time `json:"oldest,omitzero"` // when the oldest waiting record was received
}

// SpoolBacklog is what waits of one account, or of all.
type SpoolBacklog struct {
	Account aaa.AccountID
	SpoolCounts
}

// SpoolServer is what waits for a server that did not take it.
type SpoolServer struct {
	Server  string    `json:"server"`
	Records int64     `json:"records"`
	Oldest  time.Time `json:"oldest"` // when the oldest of them was received
	Reason  string    `json:"reason"` // of the last attempt of one of them
}

// Spool keeps accounting records until a server has taken them. They are no configuration: no write of them is a change, and none is
// made in one transaction with configuration, so that a distributed engine can keep them by account.
type Spool interface {
	// Append stores records in one transaction, and tells what became of each. An Interim record deletes older ones of its session
	// that wait without a lease. A record behind another one of its session is due when that one's end makes it due, and looked
	// at two seconds later in any case. Records without a session repeat none but by their id.
	// A record that was appended before, by a try whose end was not heard of, is SpoolRepeated. That its account exists is not checked.
	Append(ctx context.Context, list []SpoolRecord) ([]SpoolAppended, error)
	// Due claims records, as Sessions.Due does, of each session the first one alone. It leaves out payloads of more than MaxSpoolInline
	// octets, so that many claimed records take little memory: Get has them.
	Due(ctx context.Context, now time.Time, lease Lease, take func(aaa.AccountID) bool) ([]SpoolRecord, error)
	// Settle writes the outcomes of attempts in one transaction. What waits behind a delivered, refused, withdrawn or dropped record is
	// due at once, and what waits behind a failed or released one goes on waiting for it.
	Settle(ctx context.Context, now time.Time, list []SpoolSettlement) error
	// Recover makes the waiting records of an account due at once, but for those with a lease and those behind others, and says how many
	// were not.
	Recover(ctx context.Context, account aaa.AccountID, now time.Time) (int64, error)

	// Park parks records of an account whose KeepUntil is over, of the oldest ones a bounded number in one call, and says how many. Those with a lease are
	// left alone. node is remembered with why.
	Park(ctx context.Context, account aaa.AccountID, now time.Time, node string) (int64, error)

	// Fallen ends the leases of all nodes but alive.Node, which are known to have ended. No lease ends later than alive.Until.
	Fallen(ctx context.Context, now time.Time, alive Lease) (int64, error)

	// Get returns one record. ErrNotFound: it is not there, or delivered.
	Get(ctx context.Context, account aaa.AccountID, id string) (SpoolRecord, error)
	// List is ordered by id, and leaves all payloads out. One call looks at a bounded number of records, so a page of a filter that is not full, or empty, may have a
	// next one.
	List(ctx context.Context, account aaa.AccountID, f SpoolFilter, p Page) (list []SpoolRecord, next string, err error)
	// Resend makes the chosen records wait, due at once, to be parked at keepUntil, and says how many they are. Those with a lease are left alone.
	// One call is a row of short transactions, up to the last record that is there when it begins.
	Resend(ctx context.Context, account aaa.AccountID, f SpoolFilter, now, keepUntil time.Time) (int64, error)
	// Drop deletes the chosen records, and says how many they were. Those with a lease are left alone.
	Drop(ctx context.Context, account aaa.AccountID, f SpoolFilter) (int64, error)

	// Counts returns the ledger of an account.
	Counts(ctx context.Context, account aaa.AccountID) (SpoolCounts, error)
	// Servers tells for which servers the records of an account wait, those with the most first.
	Servers(ctx context.Context, account aaa.AccountID) ([]SpoolServer, error)
	// Backlogs returns the ledgers of the accounts with the most waiting and parked records, the most first. Its cost is the number of
	// accounts that have had records, not of records.
	Backlogs(ctx context.Context, limit int) ([]SpoolBacklog, error)
	// Tidy deletes the ledgers of accounts that are deleted, if nothing of them is left.
	Tidy(ctx context.Context, now time.Time) error
}
