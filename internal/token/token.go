// Package token mints, hashes and verifies API credentials. A credential is a text
// that only its owner has; the store keeps its SHA-256, which needs no salt, for the
// text has 208 random bits.
package token

import (
	"crypto/sha256"
	"slices"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// Prefix begins every token, so that secret scanners know one.
const Prefix = "aaa_"

// Length is a token's number of characters: the prefix and 32 octets in base64url without padding.
const Length = len(Prefix) + 43

// The kinds of credential (store.Token's Kind).
const (
	KindToken   = "token"
	KindSession = store.KindSession // short-lived, from api_auth
	KindAPIKey  = store.KindAPIKey
)

// The scopes.
const (
	ScopeRead    = "read"    // reads configuration
	ScopeWrite   = "write"   // changes configuration
	ScopeRequest = "request" // sends AAA requests
)

// Scopes lists all scopes.
func Scopes() []string { return []string{ScopeRead, ScopeWrite, ScopeRequest} }

// Hash returns what the store knows a credential by.
func Hash(text string) [32]byte {
	var buf [2 * Length]byte // a copy on the stack, for Sum256 wants octets
	if len(text) <= len(buf) {
		return sha256.Sum256(buf[:copy(buf[:], text)])
	}
	return sha256.Sum256([]byte(text))
}

// wellFormed reports whether text can be a token at all: no other is looked up.
func wellFormed(text string) bool {
	if len(text) != Length || text[:len(Prefix)] != Prefix {
		return false
	}
	for _, c := range []byte(text[len(Prefix):]) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// Principal is who a credential stands for, and what bounds the credentials that it makes. Scopes is shared:
// don't change it.
type Principal struct {
	TokenID   string
	Account   aaa.AccountID
	Scopes    []string
	ExpiresAt time.Time // zero: never
	KeyID     string    // the API key that the credential came from and ends with; empty for one that came from none
}

// Can reports whether the principal has a scope.
func (p Principal) Can(scope string) bool { return slices.Contains(p.Scopes, scope) }
