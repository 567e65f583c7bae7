package dict

import (
	"fmt"

	"aaa-api/internal/aaa"
)

// WithVendors makes entries stand alone: it puts in front of them each vendor that they
// use, that visible defines, and that neither they nor system define. An
// attribute would otherwise lose its vendor's format with the dictionary that tells it.
func WithVendors(entries []Entry, visible, system *Set) []Entry {
	known := make(map[uint32]bool)
	for _, e := range entries {
		if e.Vendor != nil {
			known[e.Vendor.Number] = true
		}
	}
	var added []Entry
	for _, e := range entries {
		if e.Attr == nil || e.Attr.VID == 0 || known[e.Attr.VID] || system.Vendor(e.Attr.VID) != nil {
			continue
		}
		known[e.Attr.VID] = true
		if v := visible.Vendor(e.Attr.VID); v != nil {
			added = append(added, Entry{Vendor: &VendorEntry{Name: v.Name, Number: v.Number, Format: formatOf(v)}})
		}
	}
	return append(added, entries...)
}

// formatOf spells a vendor's format, empty for the usual one.
func formatOf(v *aaa.Vendor) string {
	if v.TypeOctets == 1 && v.LengthOctets == 1 && !v.Continuation {
		return ""
	}
	format := fmt.Sprintf("%d,%d", v.TypeOctets, v.LengthOctets)
	if v.Continuation {
		format += ",c"
	}
	return format
}
