// Package secmod keeps the secrets: sealing at rest with a key per tenant, each
// wrapped by one key-encryption key.
package secmod

import (
	"context"

	"aaa-api/internal/aaa"
)

// Sealer encrypts secrets for the store.
type Sealer interface {
	// Seal returns a text that begins with SealedPrefix. account and purpose are bound to it.
	Seal(ctx context.Context, account aaa.AccountID, purpose, clear string) (string, error)
}

// Opener decrypts what a Sealer made.
type Opener interface {
	Open(ctx context.Context, account aaa.AccountID, purpose, sealed string) (aaa.Secret, error)
}

// SealOpener does both.
type SealOpener interface {
	Sealer
	Opener
}

// HeldSealer seals thousands of texts a second of one account.
type HeldSealer interface {
	// SealHeld is Seal with the key in memory, if the store had that key within the last 10 seconds or is away. A database that was put back with
	// another key is noticed within that time. store.ErrUnavailable: the store is away, and no key is in memory.
	SealHeld(ctx context.Context, account aaa.AccountID, purpose, clear string) (string, error)
}

// SealedPrefix begins every text of Seal.
const SealedPrefix = "sealed:v1:"

// manyPrefix begins every text of SealHeld.
const manyPrefix = "sealed:v2:"
