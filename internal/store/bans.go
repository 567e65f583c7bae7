package store

import (
	"context"
	"time"

	"aaa-api/internal/aaa"
)

// BanKey names what is stored of one subject: an account's requests that have the same value of a key.
type BanKey struct {
	Account aaa.AccountID
	ID      string // 32 hexadecimal characters, a MAC of the document, the key and its value
}

// Ban is the points of a subject, and its ban if it has one.
type Ban struct {
	BanKey
	Document aaa.AccountID // whose member bans counts the points
	Key      string        // the request key; empty while there was no ban
	Value    string        // of the key, as it is shown; empty while there was no ban

	Score    int64
	LastAt   time.Time // of the last points
	BannedAt time.Time // zero: there is no ban
	Until    time.Time // zero: there is no ban
	LiftedAt time.Time // points and bans before are void

	Author    string // id of the token that banned by hand; empty if the points did
	Reason    string // of a ban by hand
	ExpiresAt time.Time
	Seq       int64 // number of the write; 0: nothing is stored
}

// Bans keeps the points and bans of all accounts, so that nodes share them. They are no configuration: no write of them is a change.
// All times are the caller's.
type Bans interface {
	// Merge replaces what is stored of the keys by what merge makes of it, in one transaction, and returns that. merge gets the place in
	// the list and what is stored, a Ban of the key alone if nothing is, and may be called again. Each list of a node has a greater
	// number than the one before: a list that was written already, by a try whose answer was lost, is not merged again.
	// That the accounts exist is not checked.
	Merge(ctx context.Context, node string, number int64, now time.Time, keys []BanKey, merge func(i int, stored Ban) Ban) ([]Ban, error)
	// Change is Merge of one key by hand. An error of change is returned, and nothing is written.
	Change(ctx context.Context, key BanKey, change func(stored Ban) (Ban, error)) (Ban, error)
	// Forget deletes the points of keys that are not banned.
	Forget(ctx context.Context, keys []BanKey) error
	// Since lists what was written after a number, in order. end is the number of the last write: one below after means that the
	// database was put back.
	Since(ctx context.Context, after int64, limit int) (list []Ban, end int64, err error)
	// List lists the bans of an account that last at a time, ordered by id.
	List(ctx context.Context, account aaa.AccountID, now time.Time, p Page) (list []Ban, next string, err error)
	// Below lists those of the account and of all below it, ordered by account and id. A page that is not full, or empty, may have
	// a next one. ErrNotFound: there is no such account.
	Below(ctx context.Context, account aaa.AccountID, now time.Time, p Page) (list []Ban, next string, err error)
	// Count counts the bans of an account that last at a time.
	Count(ctx context.Context, account aaa.AccountID, now time.Time) (int64, error)
	// DeleteExpired deletes what has expired, and says how much it was.
	DeleteExpired(ctx context.Context, now time.Time) (int, error)
}
