package dict

import (
	"slices"
	"strings"

	"aaa-api/internal/aaa"
)

// Set is an ordered list of dictionaries, searched left to right: the first entry
// wins. It is immutable and cheap; lookups take no lock and allocate nothing. A nil
// Set is empty.
type Set struct {
	list    []*Compiled
	formats map[uint32]*aaa.Vendor // see formatsOf
}

var _ aaa.Dictionary = (*Set)(nil)

// NewSet makes a Set of the dictionaries given, which it shares; nils are left out.
func NewSet(list ...*Compiled) *Set {
	s := &Set{list: make([]*Compiled, 0, len(list))}
	for _, c := range list {
		if c != nil {
			s.list = append(s.list, c)
		}
	}
	s.formats = formatsOf(s.list)
	return s
}

// Join makes a Set that searches s first and then the others.
func (s *Set) Join(others ...*Set) *Set {
	var list []*Compiled
	for _, set := range append([]*Set{s}, others...) {
		if set != nil {
			list = append(list, set.list...)
		}
	}
	return NewSet(list...)
}

// Without is the Set without the dictionaries of some names.
func (s *Set) Without(names ...string) *Set {
	return NewSet(slices.DeleteFunc(s.List(), func(c *Compiled) bool { return slices.Contains(names, c.name) })...)
}

// List gives the dictionaries of the Set in order. The slice is the caller's own.
func (s *Set) List() []*Compiled {
	if s == nil {
		return nil
	}
	return append([]*Compiled(nil), s.list...)
}

// ByName finds an attribute by its dictionary name, case-insensitively; nil if there is none.
func (s *Set) ByName(name string) *aaa.Attribute {
	if s == nil || len(name) > MaxName {
		return nil
	}
	h := hashName(name)
	for _, c := range s.list {
		if i := c.attrHashed(h, name); i >= 0 {
			return &c.attrs[i]
		}
	}
	return nil
}

// Standard finds an attribute of the standard space by number; nil if there is none.
func (s *Set) Standard(number uint32) *aaa.Attribute { return s.at(nil, 0, number) }

// OfVendor finds a top attribute of a vendor's space; nil if there is none.
func (s *Set) OfVendor(vendor, number uint32) *aaa.Attribute { return s.at(nil, vendor, number) }

// Child finds an attribute inside a tlv, extended or long-extended container, and
// inside an evs one where the parent given is the container's copy with its Vendor set
// (ChildOfVendor says it plainer); nil if there is none.
func (s *Set) Child(parent *aaa.Attribute, number uint32) *aaa.Attribute {
	if parent == nil {
		return nil
	}
	if parent.Type == aaa.TypeEVS && parent.Vendor != nil {
		return s.ChildOfVendor(parent, parent.Vendor.Number, number)
	}
	return s.at(parent, vendorNumber(parent), number)
}

// ChildOfVendor finds an attribute of a vendor inside an Extended-Vendor-Specific attribute
// (RFC 6929 §2.4, the container 241.26 to 246.26); nil if there is none.
func (s *Set) ChildOfVendor(container *aaa.Attribute, vendor, number uint32) *aaa.Attribute {
	if container == nil {
		return nil
	}
	if container.Vendor != nil {
		plain := *container
		plain.Vendor = nil
		return s.at(&plain, vendor, number)
	}
	return s.at(container, vendor, number)
}

func (s *Set) at(parent *aaa.Attribute, vendor, number uint32) *aaa.Attribute {
	if s == nil {
		return nil
	}
	h := hashPlace(parent, vendor, number)
	for _, c := range s.list {
		if a := c.atHashed(h, parent, vendor, number); a != nil {
			return a
		}
	}
	return nil
}

// ValueName finds the name of a number of an attribute.
func (s *Set) ValueName(a *aaa.Attribute, number int64) (string, bool) {
	if s == nil {
		return "", false
	}
	h := mix(hashAttr(a), uint64(number))
	for _, c := range s.list {
		if v := c.valueAt(h, a, number); v != nil {
			return v.name, true
		}
	}
	return "", false
}

// ValueNumber finds the number of a value name of an attribute, case-insensitively.
func (s *Set) ValueNumber(a *aaa.Attribute, name string) (int64, bool) {
	if s == nil || len(name) > MaxName {
		return 0, false
	}
	h, n := hashAttr(a), hashName(name)
	for _, c := range s.list {
		if v := c.valueHashed(mix(h, n), a, name); v != nil {
			return v.number, true
		}
	}
	return 0, false
}

// Parse finds an attribute by the name that a rule gives: a dictionary name, with :TAG
// behind it (0..31) where the attribute has tags. The error is of KindBadInput.
func (s *Set) Parse(name string) (attr *aaa.Attribute, tag uint8, err error) {
	attr, named, ok := s.Lookup(name, false)
	if !ok {
		return nil, 0, aaa.Errorf(aaa.KindBadInput, "no attribute %q in the dictionaries", clip(name))
	}
	return attr, named.Number, nil
}

// Tag is what a name says of a tag (RFC 2868 §3.1).
type Tag struct {
	Number uint8 // 0..31
	Given  bool  // the name ends in :TAG, which may be :0
}

// Lookup is Parse; with byNumber it also takes Attr-26.2636.5, Attr-241.1 and the
// like, of attributes that no dictionary needs to hold. An attribute
// that is found so takes its value as text or 0x… where its dictionary type is string.
func (s *Set) Lookup(name string, byNumber bool) (attr *aaa.Attribute, tag Tag, ok bool) {
	if a := s.ByName(name); a != nil {
		return a, Tag{}, true
	}
	base, tag := cutTag(name)
	if tag.Given {
		attr = s.ByName(base)
	}
	if attr == nil && byNumber {
		attr = s.byNumber(base)
	}
	if attr == nil || tag.Given && !attr.HasTag {
		return nil, Tag{}, false
	}
	return attr, tag, true
}

// cutTag cuts :N (0..31, RFC 2868 §3.1) off a name.
func cutTag(name string) (base string, tag Tag) {
	i := strings.LastIndexByte(name, ':')
	if i < 0 || i == len(name)-1 || len(name)-i > 3 {
		return name, Tag{}
	}
	n := 0
	for _, c := range []byte(name[i+1:]) {
		if c < '0' || c > '9' {
			return name, Tag{}
		}
		n = 10*n + int(c-'0')
	}
	if n > 31 {
		return name, Tag{}
	}
	return name[:i], Tag{Number: uint8(n), Given: true}
}

// ByName, Standard and so on of one dictionary.

func (c *Compiled) attrNamed(name string) int {
	if len(name) > MaxName {
		return -1
	}
	return c.attrHashed(hashName(name), name)
}

func (c *Compiled) attrHashed(h uint64, name string) int {
	t := c.attrByName
	if len(t) == 0 {
		return -1
	}
	for slot := t.start(h); ; slot = t.next(slot) {
		i, ok := t.at(slot)
		if !ok {
			return -1
		}
		if equalFold(c.attrs[i].Name, name) {
			return i
		}
	}
}

func (c *Compiled) at(parent *aaa.Attribute, vendor, number uint32) *aaa.Attribute {
	return c.atHashed(hashPlace(parent, vendor, number), parent, vendor, number)
}

func (c *Compiled) atHashed(h uint64, parent *aaa.Attribute, vendor, number uint32) *aaa.Attribute {
	t := c.attrByID
	if len(t) == 0 {
		return nil
	}
	for slot := t.start(h); ; slot = t.next(slot) {
		i, ok := t.at(slot)
		if !ok {
			return nil
		}
		if a := &c.attrs[i]; samePlace(a, parent, vendor, number) {
			return a
		}
	}
}

func (c *Compiled) valueNamed(a *aaa.Attribute, h uint64, name string) (int64, bool) {
	if v := c.valueHashed(mix(h, hashName(name)), a, name); v != nil {
		return v.number, true
	}
	return 0, false
}

func (c *Compiled) valueHashed(h uint64, a *aaa.Attribute, name string) *value {
	t := c.valByName
	if len(t) == 0 {
		return nil
	}
	for slot := t.start(h); ; slot = t.next(slot) {
		i, ok := t.at(slot)
		if !ok {
			return nil
		}
		if v := &c.vals[i]; equalFold(v.name, name) && sameAttr(v.attr, a) {
			return v
		}
	}
}

func (c *Compiled) valueAt(h uint64, a *aaa.Attribute, number int64) *value {
	t := c.valByNumber
	if len(t) == 0 {
		return nil
	}
	for slot := t.start(h); ; slot = t.next(slot) {
		i, ok := t.at(slot)
		if !ok {
			return nil
		}
		if v := &c.vals[i]; v.number == number && sameAttr(v.attr, a) {
			return v
		}
	}
}
