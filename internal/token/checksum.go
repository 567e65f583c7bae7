package token

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// A token's text is the prefix and 32 octets in base64url without padding: 26 random ones, and the first 6 of an HMAC-SHA-256
// over them. The HMAC's key is the database's. So a node knows a text that somebody made up without asking the database. In
// the tokens of older versions all 32 octets are random; nodes of those versions take the tokens made here.
const (
	randomOctets   = 26
	checksumOctets = 6
	octets         = randomOctets + checksumOctets
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
	var b [octets]byte
	aaa.Random(b[:randomOctets])
	copy(b[randomOctets:], k.checksum(b[:randomOctets]))
	text = Prefix + base64.RawURLEncoding.EncodeToString(b[:])
	t.Hash, t.Checksum = Hash(text), true
	return text
}

// made reports whether a text, which is well-formed, is one that Mint made.
func (k Key) made(text string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text[len(Prefix):])
	return err == nil && hmac.Equal(b[randomOctets:], k.checksum(b[:randomOctets]))
}

func (k Key) checksum(random []byte) []byte {
	mac := hmac.New(sha256.New, k[:])
	mac.Write(random)
	return mac.Sum(nil)[:checksumOctets]
}
