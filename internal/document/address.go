package document

import (
	"net/netip"
	"strconv"
	"strings"
)

// validAddress accepts the address of one host: an IP address that is neither
// unspecified nor multicast nor has a zone, or a host name (RFC 1123 §2.1) whose
// last label is not a number, so that a mistyped IPv4 address is none.
func validAddress(s string) bool {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Zone() == "" && !a.IsUnspecified() && !a.IsMulticast() && a != broadcast
	}
	s = strings.TrimSuffix(s, ".")
	if s == "" || len(s) > 253 {
		return false
	}
	last := ""
	for label := range strings.SplitSeq(s, ".") {
		if !validLabel(label) {
			return false
		}
		last = label
	}
	return strings.Trim(last, "0123456789") != ""
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// validLabel accepts 1 to 63 letters, digits and hyphens, no hyphen at either end.
func validLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// validURLPort accepts the port of a URL: none, or 1 to 65535.
func validURLPort(s string) bool {
	if s == "" {
		return true
	}
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}
