package dict

import (
	"fmt"
	"strings"

	"aaa-api/internal/aaa"
)

// Compiled is one dictionary ready for use: immutable, safe for concurrent use,
// and holding nothing of the entries it was made of.
type Compiled struct {
	name    string
	attrs   []aaa.Attribute
	vendors []vendor // of entries and, behind them, those of others that attributes use
	vals    []value

	attrByName, attrByID     table // of attrs
	valByName, valByNumber   table // of vals
	vendorByName, vendorByNo table // of vendors
}

// value is a named value. attr gives the identity it belongs to, of whichever dictionary.
type value struct {
	attr   *aaa.Attribute
	name   string
	number int64
}

// Name is the dictionary's name.
func (c *Compiled) Name() string { return c.name }

// Attributes calls f for each attribute in the order of definition until it returns false.
func (c *Compiled) Attributes(f func(*aaa.Attribute) bool) {
	for i := range c.attrs {
		if !f(&c.attrs[i]) {
			return
		}
	}
}

// Counts tells how many attributes, named values and vendors the dictionary has.
func (c *Compiled) Counts() (attrs, vals, vendors int) {
	return len(c.attrs), len(c.vals), len(c.vendors)
}

// Compile checks entries against each other and makes a dictionary of them. Parents
// and vendors that the entries lack are taken from visible (nil: none are). Errors
// are *aaa.Error of KindBadInput; paths are value.3.attr.id, or "line 12" for entries that
// came from text.
func Compile(name string, entries []Entry, visible *Set) (*Compiled, error) {
	b := &compiler{entries: entries, visible: visible, formats: visible}
	return b.compile(name)
}

func (b *compiler) compile(name string) (*Compiled, error) {
	if len(b.entries) > MaxEntries {
		return nil, aaa.Invalid(aaa.Field{Path: "value", Rule: "maxItems", Message: "a dictionary has at most 65536 entries", Target: MaxEntries})
	}
	b.c = &Compiled{name: strings.Clone(name)}
	b.prepare()
	for _, step := range []func(){b.addVendors, b.addAttrs, b.resolveParents, b.indexAttrs, b.addVals, b.checkFormats} {
		step()
		if err := b.faults.err(); err != nil {
			return nil, err
		}
	}
	return b.c, nil
}

type compiler struct {
	c       *Compiled
	entries []Entry
	visible *Set
	formats *Set // what tells the formats of vendors, behind the entries
	stored  bool // the entries were taken once: see CompileStored
	faults  faults
	names   string // every name of the dictionary in one piece of memory
	from    []int  // entry index of each of c.attrs
	state   []uint8
	// nameless are the vendors that neither an entry nor visible defines.
	nameless map[uint32]*aaa.Vendor
}

// prepare sizes everything, so that pointers into c.attrs stay good, and gathers the names.
func (b *compiler) prepare() {
	var attrs, vals, vendors int
	var names strings.Builder
	size := 0
	for _, e := range b.entries {
		size += len(entryName(e))
	}
	names.Grow(size)
	for i, e := range b.entries {
		switch {
		case e.Vendor != nil && e.Attr == nil && e.Val == nil:
			vendors++
		case e.Attr != nil && e.Vendor == nil && e.Val == nil:
			attrs++
		case e.Val != nil && e.Vendor == nil && e.Attr == nil:
			vals++
		default:
			b.fault(i, "", "required", "an entry holds exactly one of vendor, attr, val", nil)
		}
		names.WriteString(entryName(e))
	}
	b.names = names.String()
	b.c.attrs = make([]aaa.Attribute, 0, attrs)
	b.c.vals = make([]value, 0, vals)
	b.c.vendors = make([]vendor, 0, vendors)
	b.c.attrByName, b.c.attrByID = newTable(attrs), newTable(attrs)
	b.c.valByName, b.c.valByNumber = newTable(vals), newTable(vals)
	b.from = make([]int, 0, attrs)
}

func entryName(e Entry) string {
	switch {
	case e.Vendor != nil:
		return e.Vendor.Name
	case e.Attr != nil:
		return e.Attr.Name
	case e.Val != nil:
		return e.Val.Name
	}
	return ""
}

func (b *compiler) fault(i int, member, rule, message string, value any) {
	b.faults.add(b.entries[i].path(i, member), rule, message, value)
}

// each visits the entries with their names, as they lie in the common memory.
func (b *compiler) each(f func(i int, e Entry, name string)) {
	offset := 0
	for i, e := range b.entries {
		n := len(entryName(e))
		f(i, e, b.names[offset:offset+n])
		offset += n
		if b.faults.full() {
			return
		}
	}
}

func (b *compiler) addAttrs() {
	c := b.c
	b.each(func(i int, e Entry, name string) {
		if e.Attr == nil {
			return
		}
		in := e.Attr
		if message := nameFault(name, in.VID, in.ID); message != "" {
			b.fault(i, "name", "pattern", message, clip(name))
			return
		}
		typ, length, ok := TypeOf(in.Type)
		if !ok {
			b.fault(i, "type", "enum", "the type is unknown", clip(in.Type))
			return
		}
		enc, ok := EncOf(in.Enc)
		if !ok {
			b.fault(i, "enc", "enum", "enc is one of no, yes, scramble, salt_crypt, ascend", clip(in.Enc))
			return
		}
		if in.VID >= 1<<24 {
			b.fault(i, "vid", "range", "a vendor's number is in 1..16777215", in.VID)
			return
		}
		// RFC 8044 §3.6 makes a type of what FreeRADIUS has as a flag.
		concat := in.Concat || strings.EqualFold(in.Type, "concat")
		if concat && in.VID != 0 && !b.stored {
			member := "concat"
			if !in.Concat {
				member = "type"
			}
			b.fault(i, member, "enum", "a vendor's attribute can't be split over several (RFC 8044 §3.6)", nil)
			return
		}
		if member, message := checkFlags(in, typ, enc, concat); message != "" {
			b.fault(i, member, "type", message, nil)
			return
		}
		a := aaa.Attribute{
			Name: name, Number: in.ID, Type: typ, Enc: enc, Length: length,
			HasTag: in.HasTag, Concat: concat && in.VID == 0, Array: in.Array,
		}
		if in.VID != 0 {
			a.Vendor = b.borrow(in.VID)
		}
		if at := c.attrNamed(name); at >= 0 && !b.repeats(b.entries[b.from[at]].Attr, in) {
			b.fault(i, "name", "unique", "the dictionary has another attribute of this name", name)
			return
		} else if at >= 0 {
			return
		}
		c.attrs = append(c.attrs, a)
		b.from = append(b.from, i)
		c.attrByName.insert(hashName(name), len(c.attrs)-1)
	})
}

// repeats says whether an entry only says again, knowingly, what another said.
func (b *compiler) repeats(old, in *AttrEntry) bool {
	if !in.Alias {
		return false
	}
	x, y := *old, *in
	x.Alias, y.Alias, x.Name, y.Name = false, false, "", ""
	return Entry{Attr: &x}.Equal(Entry{Attr: &y})
}

func checkFlags(in *AttrEntry, typ aaa.Type, enc aaa.Encryption, concat bool) (member, message string) {
	switch {
	case in.HasTag && typ != aaa.TypeString && typ != aaa.TypeInteger && typ != aaa.TypeOctets:
		return "has_tag", "only a string, octets or integer can have a tag"
	case concat && typ != aaa.TypeString && typ != aaa.TypeOctets:
		return "concat", "only a string or octets can be split over several attributes"
	case concat && (in.HasTag || enc != aaa.EncNone):
		return "concat", "a tagged or encrypted attribute can't be split"
	case container(typ) && (enc != aaa.EncNone || in.HasTag || in.Array):
		return "type", "an attribute that holds others has no enc, has_tag or array"
	}
	return "", ""
}

// indexAttrs makes attributes findable by number: of several names for one number, the one that is no alias, else the first.
//
// Only that one is in the table: thousands of names for one number would else make a chain through it.
func (b *compiler) indexAttrs() {
	c := b.c
	for _, aliases := range []bool{false, true} {
		for at := range c.attrs {
			a := &c.attrs[at]
			i := b.from[at]
			if b.entries[i].Attr.Alias != aliases {
				continue
			}
			old := c.at(a.Parent, vendorNumber(a), a.Number)
			if old == nil {
				c.attrByID.insert(hashAttr(a), at)
			} else if !aliases {
				b.fault(i, "id", "unique", fmt.Sprintf("%s already has this number; a second name for it has to say \"alias\": true", old.Name), a.Number)
				if b.faults.full() {
					return
				}
			}
		}
	}
}

func (b *compiler) addVals() {
	c := b.c
	var last *aaa.Attribute // values of one attribute mostly stand together
	var lastKey ValEntry
	b.each(func(i int, e Entry, name string) {
		if e.Val == nil {
			return
		}
		in := e.Val
		if message := checkValueName(name); message != "" {
			b.fault(i, "name", "pattern", message, clip(name))
			return
		}
		key := ValEntry{VID: in.VID, ID: in.ID, Parent: in.Parent, Attr: in.Attr}
		if last == nil || key != lastKey {
			if last = b.valueAttr(i, in); last == nil {
				return // a fault, or of an attribute without definition
			}
			lastKey = key
		}
		if a := misfit(in.Val, last, b.numbered(in, last)); a != nil {
			b.fault(i, "val", "range", fmt.Sprintf("%s is of type %s: the value does not fit", a.Name, TypeName(a.Type)), in.Val)
			return
		}
		if old, ok := c.valueNamed(last, hashAttr(last), name); ok {
			if old != in.Val {
				b.fault(i, "name", "unique", fmt.Sprintf("value name %s of %s is already defined as %d", name, last.Name, old), in.Val)
			}
			return
		}
		c.vals = append(c.vals, value{last, name, in.Val})
		h := hashAttr(last)
		c.valByName.insert(mix(h, hashName(name)), len(c.vals)-1)
		if byNumber := mix(h, uint64(in.Val)); c.valueAt(byNumber, last, in.Val) == nil {
			c.valByNumber.insert(byNumber, len(c.vals)-1)
		}
	})
}

// numbered is the definition that the number of a value's attribute leads to, which may be of another type than the one
// that its name leads to: the value is of both.
func (b *compiler) numbered(in *ValEntry, a *aaa.Attribute) *aaa.Attribute {
	if in.Attr == "" || b.stored {
		return a
	}
	if own := b.c.at(a.Parent, vendorNumber(a), a.Number); own != nil {
		return own
	}
	if other := b.visible.at(a.Parent, vendorNumber(a), a.Number); other != nil {
		return other
	}
	return a
}

// misfit is the first of some attributes whose type a value does not fit.
func misfit(val int64, attrs ...*aaa.Attribute) *aaa.Attribute {
	for _, a := range attrs {
		if lowest, highest := typeRange(a); val < lowest || val > highest {
			return a
		}
	}
	return nil
}

// valueAttr finds the attribute whose value an entry names; one that nobody defines
// (yet) gets a stand-in of that identity.
func (b *compiler) valueAttr(i int, in *ValEntry) *aaa.Attribute {
	if in.Attr != "" {
		if at := b.c.attrNamed(in.Attr); at >= 0 {
			return &b.c.attrs[at]
		}
		a := b.visible.ByName(in.Attr)
		if a == nil && in.VID == 0 {
			b.fault(i, "attr", "unknown", "no dictionary visible here defines the attribute", in.Attr)
		}
		return a
	}
	var parent *aaa.Attribute
	if in.Parent != "" {
		if at := b.c.attrNamed(in.Parent); at >= 0 {
			parent = &b.c.attrs[at]
		} else if parent = b.visible.ByName(in.Parent); parent == nil {
			b.fault(i, "parent", "unknown", "no dictionary visible here defines the parent", in.Parent)
			return nil
		}
	}
	if parent != nil && !b.stored {
		if member, rule, message := checkPlace(standIn(parent, in.VID, in.ID)); message != "" {
			b.fault(i, member, rule, message, nil)
			return nil
		}
	}
	if a := b.c.at(parent, in.VID, in.ID); a != nil {
		return a
	}
	if a := b.visible.at(parent, in.VID, in.ID); a != nil {
		return a
	}
	var vendor *aaa.Vendor
	if in.VID != 0 {
		vendor = b.borrow(in.VID)
	}
	return b.visible.Unknown(vendor, parent, in.ID)
}
