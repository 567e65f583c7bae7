package dict

import (
	"fmt"
	"math"

	"aaa-api/internal/aaa"
)

// vendor is a vendor as one dictionary knows it.
type vendor struct {
	*aaa.Vendor
	states   bool // an entry states the format
	borrowed bool // there are attributes of it and no entry: the definition is one of those visible
}

// Vendor finds the vendor in force by number; nil if unknown (format 1,1 is then assumed). Its name
// is that of the first entry. Its format is that of the first dictionary which states one, 1,1 if
// none does: an entry without a format says nothing about it. Where no dictionary of the set has an entry, the
// vendor is what those that have attributes of it found when they were compiled.
func (s *Set) Vendor(number uint32) *aaa.Vendor {
	if s == nil {
		return nil
	}
	if v, ok := s.formats[number]; ok {
		return v
	}
	var borrowed *aaa.Vendor
	for _, c := range s.list {
		switch v := c.vendor(number); {
		case v == nil:
		case !v.borrowed:
			return v.Vendor
		case borrowed == nil:
			borrowed = v.Vendor
		}
	}
	return borrowed
}

// VendorNumber finds the number of a vendor's name, case-insensitively.
func (s *Set) VendorNumber(name string) (uint32, bool) {
	if s == nil {
		return 0, false
	}
	for _, c := range s.list {
		if v := c.vendorNamed(name); v != nil {
			return v.Number, true
		}
	}
	return 0, false
}

// inForce is the definition by which a vendor's attributes are framed here.
func (s *Set) inForce(v *aaa.Vendor) *aaa.Vendor {
	if found := s.Vendor(v.Number); found != nil {
		return found
	}
	return v
}

// formatsOf finds the vendors whose first entry states no format while a later dictionary's does.
func formatsOf(list []*Compiled) map[uint32]*aaa.Vendor {
	if len(list) < 2 {
		return nil
	}
	stated := make(map[uint32]*aaa.Vendor)
	for _, c := range list {
		for _, v := range c.vendors {
			if v.states && stated[v.Number] == nil {
				stated[v.Number] = v.Vendor
			}
		}
	}
	var formats map[uint32]*aaa.Vendor
	for _, c := range list {
		for _, v := range c.vendors {
			format := stated[v.Number]
			if v.borrowed || format == nil {
				continue
			}
			delete(stated, v.Number) // this is the first entry
			if v.states {
				continue
			}
			if formats == nil {
				formats = make(map[uint32]*aaa.Vendor)
			}
			both := *format
			both.Name = v.Name
			formats[v.Number] = &both
		}
	}
	return formats
}

func (b *compiler) addVendors() {
	c := b.c
	count := cap(c.vendors)
	store := make([]aaa.Vendor, 0, count)
	c.vendorByName, c.vendorByNo = newTable(count), newTable(count)
	b.each(func(i int, e Entry, name string) {
		if e.Vendor == nil {
			return
		}
		if message := checkName(name); message != "" {
			b.fault(i, "", "pattern", message, clip(name))
			return
		}
		if e.Vendor.Number == 0 || e.Vendor.Number >= 1<<24 {
			b.fault(i, name, "range", "a vendor's number is in 1..16777215", e.Vendor.Number)
			return
		}
		typ, length, cont, ok := parseFormat(e.Vendor.Format)
		if !ok {
			b.fault(i, "format", "enum", `a format is "T,L" or "1,1,c": T is 1, 2 or 4, L is 0, 1 or 2`, clip(e.Vendor.Format))
			return
		}
		v := aaa.Vendor{Name: name, Number: e.Vendor.Number, TypeOctets: typ, LengthOctets: length, Continuation: cont}
		states := e.Vendor.Format != ""
		named := c.vendorNamed(name)
		if named != nil && named.Number != v.Number {
			b.fault(i, name, "unique", fmt.Sprintf("vendor %s is already defined as %d", name, named.Number), v.Number)
			return
		}
		first := c.vendor(v.Number)
		switch {
		case first == nil || !states:
		case !first.states:
			first.TypeOctets, first.LengthOctets, first.Continuation, first.states = typ, length, cont, true
		case formatOf(first.Vendor) != formatOf(&v):
			b.fault(i, "format", "unique", fmt.Sprintf("vendor %d is already defined with another format", v.Number), nil)
			return
		}
		if named != nil {
			return // said before
		}
		store = append(store, v)
		c.vendors = append(c.vendors, vendor{Vendor: &store[len(store)-1], states: states})
		c.vendorByName.insert(hashName(name), len(c.vendors)-1)
		if first == nil {
			c.vendorByNo.insert(hashPlace(nil, v.Number, 0), len(c.vendors)-1)
		}
	})
}

// borrow finds the vendor of a number: an entry's, or else that of the others visible. Without
// either it makes a nameless one, which stands in for the attributes' sake and defines nothing.
func (b *compiler) borrow(number uint32) *aaa.Vendor {
	c := b.c
	if v := c.vendor(number); v != nil {
		return v.Vendor
	}
	v := b.visible.Vendor(number)
	if v == nil {
		if v = b.nameless[number]; v == nil {
			if b.nameless == nil {
				b.nameless = make(map[uint32]*aaa.Vendor)
			}
			v = &aaa.Vendor{Name: fmt.Sprintf("Vendor-%d", number), Number: number, TypeOctets: 1, LengthOctets: 1}
			b.nameless[number] = v
		}
		return v
	}
	if 3*(len(c.vendors)+1) > 2*len(c.vendorByNo) {
		c.vendorByNo = newTable(2 * (len(c.vendors) + 1))
		for i, v := range c.vendors {
			if c.vendor(v.Number) == nil {
				c.vendorByNo.insert(hashPlace(nil, v.Number, 0), i)
			}
		}
	}
	c.vendors = append(c.vendors, vendor{Vendor: v, borrowed: true})
	c.vendorByNo.insert(hashPlace(nil, number, 0), len(c.vendors)-1)
	return v
}

// checkFormats judges what depends on the formats of vendors: the numbers of their attributes, and whether octets[n] fits.
func (b *compiler) checkFormats() {
	if b.stored {
		return
	}
	set := NewSet(b.c).Join(b.formats)
	for at := range b.c.attrs {
		a := &b.c.attrs[at]
		if a.Vendor != nil && a.Parent == nil && !a.OfTACACS() { // whose arguments go by name, in no vendor's format
			v := set.inForce(a.Vendor)
			if limit := maxNumber(v); a.Number > limit {
				b.fault(b.from[at], "id", "range", fmt.Sprintf(
					"the number is not in 0..%d: the format of vendor %d is %d,%d as far as entries visible here state one", limit, v.Number, v.TypeOctets, v.LengthOctets), a.Number)
			}
		}
		if most := set.MaxLen(a); a.Length > most {
			b.fault(b.from[at], "type", "maximum", fmt.Sprintf("at most %d octets fit into the attribute", most), b.entries[b.from[at]].Attr.Type)
		}
		if b.faults.full() {
			return
		}
	}
}

// maxNumber is the highest number that an attribute of the vendor's can have.
func maxNumber(v *aaa.Vendor) uint32 { return math.MaxUint32 >> (32 - 8*uint(v.TypeOctets)) }

func (c *Compiled) vendor(number uint32) *vendor {
	t := c.vendorByNo
	if len(t) == 0 {
		return nil
	}
	for slot := t.start(hashPlace(nil, number, 0)); ; slot = t.next(slot) {
		i, ok := t.at(slot)
		if !ok {
			return nil
		}
		if c.vendors[i].Number == number {
			return &c.vendors[i]
		}
	}
}

func (c *Compiled) vendorNamed(name string) *vendor {
	t := c.vendorByName
	if len(t) == 0 || len(name) > MaxName {
		return nil
	}
	for slot := t.start(hashName(name)); ; slot = t.next(slot) {
		i, ok := t.at(slot)
		if !ok {
			return nil
		}
		if equalFold(c.vendors[i].Name, name) {
			return &c.vendors[i]
		}
	}
}
