package session

import (
	"crypto/sha256"
	"encoding/base64"

	"aaa-api/internal/aaa"
)

// sidOctets is the size of a SID: 256 random bits.
const sidOctets = 32

// newSID makes a SID.
func newSID() string {
	var b [sidOctets]byte
	aaa.Random(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// hashOf is what the store knows of a SID; false where the text can't be one.
func hashOf(sid string) ([sha256.Size]byte, bool) {
	if len(sid) != base64.RawURLEncoding.EncodedLen(sidOctets) {
		return [sha256.Size]byte{}, false
	}
	if _, err := base64.RawURLEncoding.Strict().DecodeString(sid); err != nil {
		return [sha256.Size]byte{}, false
	}
	return aaa.HashSID(sid), true
}
