package aaa

import "strings"

// RealmOf returns the realm of a user's name in lower case: what follows the last @ (RFC 7542 §2.2), or precedes a backslash in the
// older form of Windows domains. It is empty if the name has none.
func RealmOf(name string) string {
	if at := strings.LastIndexByte(name, '@'); at >= 0 {
		return strings.ToLower(name[at+1:])
	}
	if domain, _, ok := strings.Cut(name, `\`); ok {
		return strings.ToLower(domain)
	}
	return ""
}
