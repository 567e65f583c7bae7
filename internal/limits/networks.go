package limits

import (
	"net/netip"
	"slices"
)

// Everywhere is where servers of the root account may be.
var Everywhere = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

// Within returns the part of granted that lies within above, the networks that the account above may reach.
func Within(granted, above []netip.Prefix) []netip.Prefix {
	var list []netip.Prefix
	for _, g := range granted {
		for _, a := range above {
			if !g.Overlaps(a) {
				continue
			}
			both := g // of two prefixes that overlap, one lies within the other
			if a.Bits() > g.Bits() {
				both = a
			}
			if !slices.Contains(list, both) {
				list = append(list, both)
			}
		}
	}
	return list
}
