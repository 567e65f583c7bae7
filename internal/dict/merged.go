package dict

import (
	_ "embed" // merged.txt
	"fmt"
	"strconv"
	"strings"
)

// mergedText is what Merge makes of the shipped dictionaries of Catalog.Default: to read them all as JSON is most of the work of a start.
//
//go:embed merged.txt
var mergedText string

// An entry of a merged list is one line, its members are parted by tabs:
//
//	vendor  name  number  format
//	attr    vid  id  type  name  enc  parent  flags
//	val     vid  id  parent  attr  val  name
const (
	vendorMembers = 4
	attrMembers   = 8
	valMembers    = 7
)

// flags are those of an attribute in the order of their bits in a merged list.
func (a *AttrEntry) flags() [7]*bool {
	return [...]*bool{&a.HasTag, &a.Concat, &a.Array, &a.Virtual, &a.Internal, &a.Secret, &a.Alias}
}

// formatMerged writes a list as parseMerged reads it.
func formatMerged(list []Entry) string {
	var out strings.Builder
	for _, e := range list {
		switch {
		case e.Vendor != nil:
			fmt.Fprintf(&out, "vendor\t%s\t%d\t%s\n", e.Vendor.Name, e.Vendor.Number, e.Vendor.Format)
		case e.Attr != nil:
			a, bits := e.Attr, 0
			for i, flag := range a.flags() {
				if *flag {
					bits |= 1 << i
				}
			}
			fmt.Fprintf(&out, "attr\t%d\t%d\t%s\t%s\t%s\t%s\t%d\n", a.VID, a.ID, a.Type, a.Name, a.Enc, a.Parent, bits)
		case e.Val != nil:
			v := e.Val
			fmt.Fprintf(&out, "val\t%d\t%d\t%s\t%s\t%d\t%s\n", v.VID, v.ID, v.Parent, v.Attr, v.Val, v.Name)
		}
	}
	return out.String()
}

// parseMerged reads a list that formatMerged wrote. The entries share the text's memory.
func parseMerged(text string) ([]Entry, error) {
	list := make([]Entry, 0, strings.Count(text, "\n"))
	var members [attrMembers]string
	for line := range strings.Lines(text) {
		n := cutMembers(strings.TrimSuffix(line, "\n"), &members)
		var e Entry
		var err error
		switch kind := members[0]; {
		case kind == "vendor" && n == vendorMembers:
			e.Vendor = &VendorEntry{Name: members[1], Format: members[3]}
			e.Vendor.Number, err = number32(members[2], err)
		case kind == "attr" && n == attrMembers:
			a := &AttrEntry{Type: members[3], Name: members[4], Enc: members[5], Parent: members[6]}
			a.VID, err = number32(members[1], err)
			a.ID, err = number32(members[2], err)
			var bits uint32
			bits, err = number32(members[7], err)
			for i, flag := range a.flags() {
				*flag = bits>>i&1 == 1
			}
			e.Attr = a
		case kind == "val" && n == valMembers:
			v := &ValEntry{Parent: members[3], Attr: members[4], Name: members[6]}
			v.VID, err = number32(members[1], err)
			v.ID, err = number32(members[2], err)
			if err == nil {
				v.Val, err = strconv.ParseInt(members[5], 10, 64)
			}
			e.Val = v
		default:
			err = fmt.Errorf("%q is no entry", clip(line))
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", len(list)+1, err)
		}
		list = append(list, e)
	}
	return list, nil
}

// cutMembers counts the members of a line, which may be more than there is room for.
func cutMembers(line string, members *[attrMembers]string) int {
	for n := range members {
		var more bool
		if members[n], line, more = strings.Cut(line, "\t"); !more {
			return n + 1
		}
	}
	return len(members) + 1
}

// number32 reads a number unless an error came before.
func number32(s string, before error) (uint32, error) {
	if before != nil {
		return 0, before
	}
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err
}
