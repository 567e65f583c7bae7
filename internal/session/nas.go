package session

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"

	"aaa-api/internal/aaa"
)

// NASAttributes name a NAS; of several the first one counts (RFC 2865 §5.32, §5.4; RFC 3162 §2.1).
var NASAttributes = [...]string{"NAS-Identifier", "NAS-IP-Address", "NAS-IPv6-Address"}

// NASOf is a hash of the NAS that values name, by the request keys that stand for NASAttributes; empty where they name none.
func NASOf(keys []string, values aaa.Values) string {
	for i, key := range keys {
		name := aaa.ValueText(values[key])
		if name == "" {
			continue
		}
		if addr, err := netip.ParseAddr(name); err == nil && i > 0 {
			name = addr.Unmap().String() // which may be written in several ways
		}
		sum := sha256.Sum256([]byte(NASAttributes[i] + "\x00" + name))
		return hex.EncodeToString(sum[:16])
	}
	return ""
}
