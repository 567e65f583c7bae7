package token

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"aaa-api/internal/store"
)

// A token's text is the prefix, 32 random octets, and the first 6 octets of an HMAC-SHA-256 over both, all in base64url
// without padding. The HMAC's key is the database's. So a node knows a text that somebody made up without asking the database.
const (
	plainLength = len(Prefix) + 43 // of the tokens of older versions, which have no checksum
	Length      = plainLength + 8
)

// Key makes and checks the checksums of one database's tokens.
type Key [32]byte

// LoadKey reads a store's key.
func LoadKey(ctx context.Context, t store.Tokens) (k Key, err error) {
	b, err := t.Key(ctx)
	if err != nil {
		return k, fmt.Errorf("the key of the tokens' checksums: %w", err)
	}
	if copy(k[:], b) < len(k) || len(b) > len(k) {
		return k, fmt.Errorf("the key of the tokens' checksums has %d octets, not %d", len(b), len(k))
	}
	return k, nil
}

// Mint makes the text of a credential, which is shown once, and notes in t what the store keeps of it.
func (k Key) Mint(t *store.Token) (text string) {
	var b [32]byte
	rand.Read(b[:]) //nolint:errcheck // never fails since Go 1.24
	text = Prefix + base64.RawURLEncoding.EncodeToString(b[:])
	text += k.checksum(text)
	t.Hash, t.Checksum = Hash(text), true
	return text
}

// made reports whether a text of Length is one that Mint made.
func (k Key) made(text string) bool {
	return hmac.Equal([]byte(text[plainLength:]), []byte(k.checksum(text[:plainLength])))
}

func (k Key) checksum(text string) string {
	mac := hmac.New(sha256.New, k[:])
	mac.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:6])
}
