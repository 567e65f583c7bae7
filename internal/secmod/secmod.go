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

// SealedPrefix begins every sealed text.
const SealedPrefix = "sealed:v1:"
