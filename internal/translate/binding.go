package translate

import (
	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
)

// Binding is a Program with its attributes looked up in one server's
// dictionaries. It is immutable and safe for use by many goroutines.
type Binding struct {
	prog  *Program
	set   *dict.Set
	slots []slot // one a rule
}

// slot is where a rule's value goes at this server.
type slot struct {
	attr   *aaa.Attribute // nil where the AVP is dropped
	reason string         // why it is dropped
	tag    dict.Tag
	// optional: an argument of TACACS+, written with a star behind its name
	optional bool
	single   bool  // a request has room for one value of it
	packs    bool  // an array's elements go into one attribute
	hash     uint8 // octets of the raw form of an attribute that carries a password's hash; 0 for all others
	need     need  // what of the key's value may not be lost
	mask     bool  // traces and errors don't show the value
}

// Why an AVP does not go to a server.
const (
	reasonUnknown  = "not in the server's dictionaries"
	reasonInternal = "internal attribute: it has no place in a packet"
)

// Bind looks the Program's attributes up in a server's dictionaries. In
// aaa.CustomAVP mode they may also be written by number, in aaa.AnyName mode be
// arguments of TACACS+ that no dictionary has; aaa.StrictArguments is aaa.Strict of a TACACS+ server. A star behind an argument's name makes it optional.
func (p *Program) Bind(set *dict.Set, mode aaa.AVPMode) *Binding {
	b := &Binding{prog: p, set: set, slots: make([]slot, len(p.rules))}
	for i, r := range p.rules {
		s := &b.slots[i]
		a, tag, ok := set.Lookup(r.attribute, mode == aaa.CustomAVP)
		if !ok {
			a, s.optional, ok = argument(set, r.attribute, mode)
		}
		s.mask = r.sensitive || hiddenNumber(set, r.attribute)
		switch {
		case !ok:
			s.need = needOf(p.section, r.attribute, nil, mode)
			s.reason = reasonUnknown
			s.mask = s.mask || aaa.SensitiveName(r.attribute)
			continue
		case !a.Wire:
			s.reason = reasonInternal
			s.mask = s.mask || a.Hidden
			continue
		}
		s.attr, s.tag = a, tag
		s.need = needOf(p.section, r.attribute, a, mode)
		s.mask = s.mask || a.Hidden
		s.single = a.Single()
		s.packs = a.Packs()
		s.hash = hashOctets(a)
	}
	// A key that is a password in one rule is the same password in every other.
	return b.Hiding(b.HiddenKeys())
}

// Dropped is the number of rules whose attribute can't be sent to this server.
func (b *Binding) Dropped() int {
	n := 0
	for i := range b.slots {
		if b.slots[i].attr == nil {
			n++
		}
	}
	return n
}

// vendorMicrosoft is Microsoft's number (RFC 2548).
const vendorMicrosoft = 311

// hashOctets is the size of an attribute that carries a hash of a password and
// that the engine can make from the password itself; 0 for any other attribute.
func hashOctets(a *aaa.Attribute) uint8 {
	switch {
	case a.Parent != nil:
	case a.Vendor == nil && a.Number == 3:
		return 17 // CHAP-Password, RFC 2865 §5.3: identifier, MD5
	case a.Vendor != nil && a.Vendor.Number == vendorMicrosoft && (a.Number == 1 || a.Number == 25):
		return 50 // MS-CHAP-Response, RFC 2548 §2.1.3; MS-CHAP2-Response, §2.3.2
	}
	return 0
}

// maxPassword is the longest clear password of a hash attribute: MS-CHAP's 256
// characters (RFC 2759 §8.1), each of up to 3 octets in UTF-8.
const maxPassword = 3 * 256
