package dict

import (
	"strconv"
	"strings"

	"aaa-api/internal/aaa"
)

// pendingAlias is an ALIAS or VALUE-ALIAS, whose names may yet be defined below.
type pendingAlias struct {
	line     int
	name, of string
	block    block // that it stands in
}

// maxValueAliases bounds the lines for each of which all values are gone through.
const maxValueAliases = 1024

// alias reads ALIAS name attribute, of version 4, or VALUE-ALIAS attribute attribute, of version 3.
func (p *textParser) alias(keyword string, args []string) {
	if len(args) != 2 {
		p.faultf("arguments", "wanted: %s name attribute", keyword)
		return
	}
	if message := checkName(args[0]); message != "" {
		p.fault("pattern", message)
		return
	}
	a := pendingAlias{line: p.line, name: strings.Clone(args[0]), of: strings.Clone(args[1])}
	if b := p.block(); b != nil {
		a.block = *b
	}
	if keyword == "ALIAS" {
		p.aliases = append(p.aliases, a)
	} else if p.valueAliases = append(p.valueAliases, a); len(p.valueAliases) > maxValueAliases {
		p.faultf("maxItems", "a text has at most %d VALUE-ALIAS lines", maxValueAliases)
	}
}

// resolveAliases makes an attribute of each ALIAS: a further name for what its path leads to.
func (p *textParser) resolveAliases() {
	for _, w := range p.aliases {
		if p.faults.full() || p.tooMany(1) {
			return
		}
		p.line = w.line
		if p.isVendor(w) {
			continue // version 4 gives the space of a vendor a name: attributes are found in it without
		}
		a := p.aliased(w)
		if a == nil {
			p.faultf("unknown", "no dictionary visible here defines the attribute %s", clip(w.of))
			continue
		}
		a.Name, a.Alias = w.name, true
		p.define(a)
	}
}

// isVendor reports an ALIAS of Vendor-Specific.VENDOR or 26.NUMBER.
func (p *textParser) isVendor(w pendingAlias) bool {
	vendor, ok := cutVendorSpecific(w.of)
	if !ok || vendor == "" || strings.Contains(vendor, ".") {
		return false
	}
	_, known := p.vendorOf(vendor)
	return known
}

// cutVendorSpecific cuts off the first step of a path into a vendor's space, as name or number.
func cutVendorSpecific(path string) (rest string, ok bool) {
	for _, prefix := range [...]string{"vendor-specific.", "26."} {
		if rest, ok := cutPrefixFold(path, prefix); ok {
			return rest, true
		}
	}
	return path, false
}

// vendorOf finds a vendor by name or number.
func (p *textParser) vendorOf(word string) (uint32, bool) {
	if n, ok := parseNumber(word); ok {
		return uint32(n), n > 0 && n < 1<<24
	}
	return p.findVendor(word)
}

// aliased is a copy of the attribute that a path leads to: Vendor-Specific.Acme.Level, 26.32473.1, or a name.
func (p *textParser) aliased(w pendingAlias) *AttrEntry {
	path, vid, parent := w.of, w.block.vid, w.block.parent
	if rest, ok := strings.CutPrefix(path, "."); ok {
		path = rest
	} else if rest, ok := cutVendorSpecific(path); ok {
		word, below, found := strings.Cut(rest, ".")
		number, known := p.vendorOf(word)
		if !found || !known {
			return nil
		}
		path, vid, parent = below, number, ""
	} else if a := p.entryNamed(path); a != nil {
		return a
	} else {
		vid, parent = 0, ""
	}
	if strings.Trim(path, "0123456789.") == "" {
		return p.entryAt(vid, parent, path)
	}
	return p.entryBelow(vid, path)
}

// entryAt is a copy of the attribute of a number, or of the numbers of its parents and it.
func (p *textParser) entryAt(vid uint32, parent, path string) *AttrEntry {
	in, id, _, message := p.locate(vid, parent, path)
	if message != "" {
		return nil
	}
	if own := p.lead(vid, in, id); own != nil {
		a := *own
		return &a
	}
	var above *aaa.Attribute
	if in != "" {
		if above = p.system.ByName(in); above == nil {
			return nil
		}
	}
	if a := p.visible.at(above, vid, id); a != nil {
		return entryOf(a)
	}
	return nil
}

// entryBelow is a copy of the attribute of a vendor that the last name of a path leads to. Version 4 leaves the vendor's name
// out of the names of attributes, version 3 has it before them.
func (p *textParser) entryBelow(vid uint32, path string) *AttrEntry {
	name := path[strings.LastIndexByte(path, '.')+1:]
	names := []string{name}
	if v := p.vendorName(vid); v != "" {
		names = append(names, v+"-"+name)
	}
	for _, name := range names {
		if a := p.entryNamed(name); a != nil && a.VID == vid {
			return a
		}
	}
	return nil
}

// vendorName is a vendor's name here or among the others visible, "" if none has one.
func (p *textParser) vendorName(vid uint32) string {
	if name := p.vendorNames[vid]; name != "" {
		return name
	}
	if v := p.visible.Vendor(vid); v != nil {
		return v.Name
	}
	return ""
}

// entryNamed is a copy of the attribute of a name, here or among the others visible.
func (p *textParser) entryNamed(name string) *AttrEntry {
	if r, ok := p.attrs[strings.ToLower(name)]; ok {
		a := *p.entries[r.at].Attr
		return &a
	}
	if a := p.visible.ByName(name); a != nil {
		return entryOf(a)
	}
	return nil
}

// entryOf writes a compiled attribute as an entry again.
func entryOf(a *aaa.Attribute) *AttrEntry {
	e := &AttrEntry{
		VID: vendorNumber(a), ID: a.Number, Type: TypeName(a.Type), Name: a.Name,
		HasTag: a.HasTag, Concat: a.Concat, Array: a.Array, Secret: a.Hidden, Internal: !a.Wire,
	}
	if a.Length > 0 {
		e.Type += "[" + strconv.Itoa(a.Length) + "]"
	}
	switch a.Enc {
	case aaa.EncUser:
		e.Enc = "scramble"
	case aaa.EncTunnel:
		e.Enc = "salt_crypt"
	case aaa.EncAscend:
		e.Enc = "ascend"
	}
	if a.Parent != nil {
		e.Parent = a.Parent.Name
	}
	return e
}

// resolveValueAliases gives attributes the values of others, as they are at the end of the text, in the order of the lines.
func (p *textParser) resolveValueAliases() {
	for _, w := range p.valueAliases {
		if p.faults.full() {
			return
		}
		p.line = w.line
		var to, from ValEntry
		for _, end := range []struct {
			v    *ValEntry
			name string
		}{{&to, w.name}, {&from, w.of}} {
			if rule, message := p.resolveNamed(end.v, w.block.vid, end.name); message != "" {
				p.fault(rule, message)
				return
			}
		}
		p.copyValues(to, from)
	}
}

// copyValues appends the values of an attribute, those of the text and then those of the others visible, to another.
func (p *textParser) copyValues(to, from ValEntry) {
	seen := make(map[string]bool)
	for _, e := range p.entries {
		if e.Val != nil && ofAttr(e.Val) == to {
			seen[strings.ToLower(e.Val.Name)] = true // its own value of this name holds
		}
	}
	add := func(name string, val int64) bool {
		if key := strings.ToLower(name); !seen[key] {
			seen[key] = true
			v := to
			v.Name, v.Val = name, val
			p.entries = append(p.entries, Entry{Val: &v, Line: p.line})
		}
		return !p.tooMany(0)
	}
	for _, e := range p.entries {
		if e.Val == nil || ofAttr(e.Val) != from {
			continue
		}
		if !add(e.Val.Name, e.Val.Val) {
			return
		}
	}
	if from.Attr != "" {
		return // nobody's: no other dictionary gives it values
	}
	var above *aaa.Attribute
	if from.Parent != "" {
		if above = p.system.ByName(from.Parent); above == nil {
			return
		}
	}
	of := standIn(above, from.VID, from.ID)
	for _, c := range p.visible.List() {
		for _, v := range c.vals {
			if sameAttr(v.attr, of) && !add(v.name, v.number) {
				return
			}
		}
	}
}

// ofAttr is a value without its name and number: the attribute that it is of.
func ofAttr(v *ValEntry) ValEntry {
	return ValEntry{VID: v.VID, ID: v.ID, Parent: v.Parent, Attr: v.Attr}
}

// tooMany reports, with a fault, that the text makes more entries than a dictionary may have.
func (p *textParser) tooMany(more int) bool {
	if len(p.entries)+more <= MaxEntries {
		return false
	}
	p.fault("maxItems", "a dictionary has at most 65536 entries")
	return true
}
