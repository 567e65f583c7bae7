// Package aaa holds the types that two or more packages exchange. It does no
// I/O and imports no other package of the project.
package aaa

import "errors"

// AccountID names a tenant: 32 lower-case hexadecimal characters, or SystemConfig.
type AccountID string

// Names returns ids as the Target of a Field may hold them.
func Names(ids []AccountID) []string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = string(id)
	}
	return names
}

// SystemConfig is the entity above the root account. It owns an AAA document
// of its own and the system dictionaries.
const SystemConfig AccountID = "system_config"

// ErrAccountID is returned for a text that is not an account id.
var ErrAccountID = errors.New("an account id is 32 lower-case hexadecimal characters")

// ParseAccountID accepts 32 lower-case hexadecimal characters and nothing else;
// SystemConfig is not accepted, since no URL names it as an account.
func ParseAccountID(s string) (AccountID, error) {
	if !isHex32(s) {
		return "", ErrAccountID
	}
	return AccountID(s), nil
}

// NewAccountID returns a random account id.
func NewAccountID() AccountID { return AccountID(NewID()) }

// IsID reports whether s has the form of an id: 32 lower-case hexadecimal characters.
func IsID(s string) bool { return isHex32(s) }

func isHex32(s string) bool {
	if len(s) != 32 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
