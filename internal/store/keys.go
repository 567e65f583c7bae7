package store

import (
	"context"

	"aaa-api/internal/aaa"
)

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
