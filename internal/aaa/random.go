package aaa

import (
	"crypto/rand"
	"encoding/hex"
)

// Random fills b with octets that can't be guessed. All ids, credentials and keys are made of them, but for the ids of requests,
// which are no secret and made by a faster generator (internal/web).
func Random(b []byte) {
	rand.Read(b) //nolint:errcheck // never fails since Go 1.24
}

// NewID returns 32 random lower-case hexadecimal characters, the form of every id of the API.
func NewID() string {
	var b [16]byte
	Random(b[:])
	return hex.EncodeToString(b[:])
}
