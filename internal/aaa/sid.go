package aaa

import (
	"crypto/sha256"
	"encoding/hex"
)

// HashSID is what the store keeps of a SID.
func HashSID(sid string) [sha256.Size]byte { return sha256.Sum256([]byte(sid)) }

// SessionID derives of a SID's hash what logs and lists show: 12 hexadecimal characters,
// which lead back to neither.
func SessionID(hash [sha256.Size]byte) string {
	sum := sha256.Sum256(hash[:])
	return hex.EncodeToString(sum[:sessionIDOctets])
}

const sessionIDOctets = 6

// IsSessionID reports whether a text has the form of a SessionID. No SID has.
func IsSessionID(text string) bool {
	b, err := hex.DecodeString(text)
	return err == nil && len(b) == sessionIDOctets && hex.EncodeToString(b) == text
}
