package spool

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/secmod"
	"aaa-api/internal/store"
)

// MaxBody is the longest Body as JSON, in octets.
const MaxBody = 256 << 10

// purpose binds a sealed body to its record.
func purpose(id string) string { return "spool/" + id }

// Sealed returns a record that has its ID as it is stored: waiting, due now, without a lease.
func Sealed(ctx context.Context, vault secmod.HeldSealer, r *Record, now time.Time) (store.SpoolRecord, error) {
	stored := unsealed(r, now)
	var err error
	stored.Payload, err = seal(ctx, vault, r)
	return stored, err
}

// unsealed is a record as it is stored, without its Payload.
func unsealed(r *Record, now time.Time) store.SpoolRecord {
	return store.SpoolRecord{
		Account: r.Account, ID: r.ID, Revision: 1, Kind: r.Kind, Session: r.Session, Digest: r.Digest, State: store.SpoolWaiting,
		AcctSessionID: r.AcctSessionID, User: r.User, EventAt: r.EventAt.UTC().Truncate(time.Microsecond), ReceivedAt: now, KeepUntil: now.Add(r.Keep), DueAt: now,
	}
}

// seal makes the Payload of a record that has its ID.
func seal(ctx context.Context, vault secmod.HeldSealer, r *Record) (string, error) {
	clear, err := json.Marshal(r.Body)
	if err != nil {
		return "", aaa.Errorf(aaa.KindBadInput, "the record has a value that can't be stored: %w", err)
	}
	if len(clear) > MaxBody {
		return "", aaa.Errorf(aaa.KindBadInput, "the record has %d octets, and may have %d", len(clear), MaxBody)
	}
	return vault.SealHeld(ctx, r.Account, purpose(r.ID), string(clear))
}

// Open reads a stored record. Its Keep is not set.
func Open(ctx context.Context, vault secmod.Opener, stored store.SpoolRecord) (*Record, error) {
	clear, err := vault.Open(ctx, stored.Account, purpose(stored.ID), stored.Payload)
	if err != nil {
		return nil, fmt.Errorf("record %s of account %s: %w", stored.ID, stored.Account, err)
	}
	r := &Record{
		ID: stored.ID, Account: stored.Account, Kind: stored.Kind, Session: stored.Session, Digest: stored.Digest,
		AcctSessionID: stored.AcctSessionID, User: stored.User, EventAt: stored.EventAt,
	}
	if err := aaa.DecodeJSON([]byte(clear.Reveal()), &r.Body); err != nil {
		return nil, fmt.Errorf("record %s of account %s: what was sealed does not parse", stored.ID, stored.Account)
	}
	return r, nil
}
