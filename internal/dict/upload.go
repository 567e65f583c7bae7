package dict

import (
	"fmt"
	"slices"
	"strings"

	"aaa-api/internal/aaa"
)

// An account's dictionary stands alone: its parents and vendors are its own or the system's, so that no change of
// another dictionary breaks it. What else the account sees (visible, in which system comes last) tells a text the
// numbers of names, and the formats of vendors.

// ParseUpload is ParseText of an account's dictionary. The warnings tell, by line, what is taken and may be meant otherwise.
func ParseUpload(text []byte, visible, system *Set) (entries []Entry, warnings []aaa.Field, err error) {
	p, err := parseText(text, visible, system, nil)
	if err != nil {
		return nil, nil, err
	}
	return withVendors(p.entries, visible, system), p.warnings.list, nil
}

// ResolveUpload is for an account's dictionary from JSON what ParseUpload does for one from text with the values whose
// attributes, given by name, others define: they get the numbers that the name stands for among all that the account
// sees. The values of the dictionary's own attributes stay as they are, and so do those of attributes that nobody defines.
func ResolveUpload(entries []Entry, visible, system *Set) []Entry {
	p := newTextParser(visible, system)
	p.entries = entries
	for i, e := range entries {
		if e.Attr == nil {
			continue
		}
		lower := strings.ToLower(e.Attr.Name)
		if _, taken := p.attrs[lower]; !taken {
			p.attrs[lower] = ref{vid: e.Attr.VID, id: e.Attr.ID, parent: e.Attr.Parent, at: i}
		}
	}
	out := slices.Clone(entries)
	for i, e := range entries {
		if e.Val == nil || e.Val.Attr == "" {
			continue
		}
		if _, own := p.attrs[strings.ToLower(e.Val.Attr)]; own {
			continue
		}
		v := ValEntry{Name: e.Val.Name, Val: e.Val.Val}
		if _, message := p.resolveNamed(&v, e.Val.VID, e.Val.Attr); message == "" {
			out[i].Val = &v
		}
	}
	return out
}

// CompileUpload is Compile of an account's dictionary that is to be stored, perhaps in the place of a visible one
// (old; empty: none is). What depends on a vendor's format is judged by that of its own entry or else by that
// in force in visible: what no visible entry states is taken to be 1,1, so the dictionary that states it has to come first.
func CompileUpload(name, old string, entries []Entry, visible, system *Set) (*Compiled, error) {
	// What its predecessor states, or one that it hides, is not there to be used with it.
	formats := visible.Without(name, old).Join(system)
	b := &compiler{entries: entries, visible: system, formats: formats}
	return b.compile(name)
}

// CompileStored is Compile of an account's dictionary that was taken once. What it would be refused for today does
// not count: a vendor's format may come from any dictionary that it is used with, and one that was
// stored by an earlier version goes on working.
func CompileStored(name string, entries []Entry, system *Set) (*Compiled, error) {
	b := &compiler{entries: entries, visible: system, stored: true}
	return b.compile(name)
}

// FormatUpload is FormatText of an account's dictionary, for ParseUpload to read.
func FormatUpload(entries []Entry, visible, system *Set) ([]byte, error) {
	return formatText(entries, visible, system)
}

// withVendors puts in front of entries each vendor that they use, that visible defines, and that neither they nor
// system define. An attribute would otherwise lose its vendor's format with the dictionary that tells it.
func withVendors(entries []Entry, visible, system *Set) []Entry {
	known := make(map[uint32]bool)
	named := make(map[string]bool)
	for _, e := range entries {
		if e.Vendor != nil {
			known[e.Vendor.Number] = true
			named[strings.ToLower(e.Vendor.Name)] = true
		}
	}
	var added []Entry
	for _, e := range entries {
		if e.Attr == nil || e.Attr.VID == 0 || known[e.Attr.VID] || system.Vendor(e.Attr.VID) != nil {
			continue
		}
		known[e.Attr.VID] = true
		if v := visible.Vendor(e.Attr.VID); v != nil && !named[strings.ToLower(v.Name)] {
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
