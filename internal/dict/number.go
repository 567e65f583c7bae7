package dict

import (
	"strconv"
	"strings"

	"aaa-api/internal/aaa"
)

// Unknown makes a definition for an attribute that the set does not hold, named
// Attr-N, Attr-26.V.N, Attr-241.N and so on, of type octets. vendor is nil in the
// standard space. What has to be encrypted or hidden (protect) is so here too.
func (s *Set) Unknown(vendor *aaa.Vendor, parent *aaa.Attribute, number uint32) *aaa.Attribute {
	a := &aaa.Attribute{
		Name: NumberName(vendor, parent, number), Vendor: vendor, Parent: parent,
		Number: number, Type: aaa.TypeOctets,
	}
	a.Wire = (parent == nil || parent.Wire) && (vendor != nil || number <= 255)
	protect(a)
	return a
}

// NumberName writes an identity in numbers: Attr-N, Attr-26.V.N, Attr-26.V.N.N,
// Attr-241.N, Attr-245.26.V.N.
func NumberName(vendor *aaa.Vendor, parent *aaa.Attribute, number uint32) string {
	b := appendPath([]byte("Attr-"), vendor, parent)
	return string(strconv.AppendUint(b, uint64(number), 10))
}

func appendPath(b []byte, vendor *aaa.Vendor, parent *aaa.Attribute) []byte {
	if parent != nil {
		b = appendPath(b, parent.Vendor, parent.Parent)
		b = append(strconv.AppendUint(b, uint64(parent.Number), 10), '.')
		if parent.Vendor != nil {
			return b
		}
	} else if vendor != nil {
		b = append(b, "26."...)
	}
	if vendor != nil {
		b = append(strconv.AppendUint(b, uint64(vendor.Number), 10), '.')
	}
	return b
}

// byNumber reads Attr-… and gives the set's own definition where it has one, of type
// octets where that is string, so that the value may be written 0x….
func (s *Set) byNumber(name string) *aaa.Attribute {
	rest, ok := cutPrefixFold(name, "attr-")
	if !ok || len(rest) > 64 {
		return nil
	}
	var numbers []uint32
	for part := range strings.SplitSeq(rest, ".") {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil || part[0] == '+' || len(numbers) > MaxDepth+2 { // 26, a vendor, the parents and the attribute
			return nil
		}
		numbers = append(numbers, uint32(n))
	}
	var parent *aaa.Attribute
	var vendor *aaa.Vendor
	switch {
	case numbers[0] == 0 || numbers[0] > 255:
		return nil
	case numbers[0] == 26 && len(numbers) >= 3:
		if vendor = s.vendorOrNew(numbers[1]); vendor == nil || numbers[2] > maxNumber(vendor) {
			return nil
		}
		numbers = numbers[2:]
	case numbers[0] == 26 && len(numbers) == 2:
		return nil
	}
	for i, depth := 0, 0; ; i, depth = i+1, depth+1 {
		n := numbers[i]
		if i > 0 && n > 255 || depth > MaxDepth {
			return nil
		}
		a := s.at(parent, numberOf(vendor), n)
		if i == len(numbers)-1 {
			return s.raw(a, vendor, parent, n)
		}
		if a == nil || !container(a.Type) {
			a = s.Unknown(vendor, parent, n)
			a.Type = containerType(vendor, parent, n)
		}
		if a.Type == aaa.TypeOctets {
			return nil // an ordinary attribute of the standard space holds no others
		}
		if a.Type == aaa.TypeEVS {
			if i+2 >= len(numbers) {
				return nil
			}
			i++
			if vendor = s.vendorOrNew(numbers[i]); vendor == nil {
				return nil
			}
		}
		parent = a
	}
}

// containerType is what an attribute has to be for others to lie in it.
func containerType(vendor *aaa.Vendor, parent *aaa.Attribute, n uint32) aaa.Type {
	switch {
	case vendor != nil:
		return aaa.TypeTLV
	case parent == nil && n >= 241 && n <= 244: // RFC 6929 §2.1
		return aaa.TypeExtended
	case parent == nil && (n == 245 || n == 246): // RFC 6929 §2.2
		return aaa.TypeLongExtended
	case parent != nil && parent.Type != aaa.TypeTLV && n == 26: // RFC 6929 §2.4
		return aaa.TypeEVS
	case parent != nil:
		return aaa.TypeTLV
	}
	return aaa.TypeOctets
}

func (s *Set) raw(a *aaa.Attribute, vendor *aaa.Vendor, parent *aaa.Attribute, n uint32) *aaa.Attribute {
	if a == nil {
		return s.Unknown(vendor, parent, n)
	}
	if a.Type == aaa.TypeString {
		octets := *a
		octets.Type = aaa.TypeOctets
		return &octets
	}
	return a
}

func (s *Set) vendorOrNew(number uint32) *aaa.Vendor {
	if number == 0 || number >= 1<<24 {
		return nil
	}
	if v := s.Vendor(number); v != nil {
		return v
	}
	return &aaa.Vendor{Name: "Vendor-" + strconv.FormatUint(uint64(number), 10), Number: number, TypeOctets: 1, LengthOctets: 1}
}

func numberOf(v *aaa.Vendor) uint32 {
	if v == nil {
		return 0
	}
	return v.Number
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}
