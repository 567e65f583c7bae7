package spool

import (
	"context"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// Record is an accounting record on its way.
type Record struct {
	ID            string // of 32 hexadecimal characters; empty: the Spool makes one. Two records with one ID are one record
	Account       aaa.AccountID
	Kind          store.SpoolKind
	Session       string // hash of what names its session; empty: it waits for no other
	Digest        string // equal for repetitions; empty: it repeats none
	AcctSessionID string
	User          string
	EventAt       time.Time // when it happened
	Keep          time.Duration
	Body
}

// Body is the part of a record that is sealed.
type Body struct {
	RequestID string     `json:"request_id"` // of the request that brought it
	Values    aaa.Values `json:"values"`     // the caller's keys
	// The request keys of Event-Timestamp and Acct-Delay-Time (RFC 2869 §5.3, RFC 2866 §5.2); empty: the record has none.
	TimeKey  string `json:"time_key,omitempty"`
	DelayKey string `json:"delay_key,omitempty"`
	// Device is the network device that sent the record, with its attributes; nil: a caller of the API did.
	Device *aaa.Device `json:"device,omitempty"`

	Reboot string `json:"reboot,omitempty"` // hash of the NAS that began or ended its accounting; empty: none did
}

// Deliver runs an accounting request at the account's servers. If the account has no server, the result is aaa.Off. Its errors are *aaa.Error.
type Deliver func(ctx context.Context, r *Record, values aaa.Values) (*aaa.Result, error)

// Width is how many records of an account may be at its servers at once.
type Width func(account aaa.AccountID) int
