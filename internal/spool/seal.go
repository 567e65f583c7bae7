package spool

import (
	"context"
	"encoding/json"
	"fmt"

	"aaa-api/internal/aaa"
	"aaa-api/internal/secmod"
	"aaa-api/internal/store"
)

// purpose binds a sealed body to its record.
func purpose(id string) string { return "spool/" + id }

// seal makes the payload of a record that has its ID.
func seal(ctx context.Context, vault secmod.Sealer, r *Record) (string, error) {
	clear, err := json.Marshal(r.Body)
	if err != nil {
		return "", err
	}
	return vault.Seal(ctx, r.Account, purpose(r.ID), string(clear))
}

// Open reads a stored record for those who look at it, not for delivery. Its Keep is not set.
func Open(ctx context.Context, vault secmod.Opener, stored store.SpoolRecord) (*Record, error) {
	return unseal(ctx, vault, stored)
}

// unseal reads a stored record. Its Keep is not set.
func unseal(ctx context.Context, vault secmod.Opener, stored store.SpoolRecord) (*Record, error) {
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
