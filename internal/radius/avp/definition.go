package avp

import "aaa-api/internal/aaa"

// maxDepth bounds the attributes from the top to a leaf, either way: dict.MaxDepth containers and the leaf.
const maxDepth = 9

// Standard returns the number of an attribute at the top of the standard space, else 0.
func Standard(a *aaa.Attribute) uint32 {
	if a.Vendor == nil && !nested(a) {
		return a.Number
	}
	return 0
}

// OfVendor returns the number of an attribute at the top of a vendor's space, else 0.
func OfVendor(a *aaa.Attribute, vendor uint32) uint32 {
	if a.Vendor != nil && a.Vendor.Number == vendor && !nested(a) {
		return a.Number
	}
	return 0
}

// nested reports whether an attribute sits inside a container of its own space;
// Vendor-Specific itself is not one, its framing follows from Attribute.Vendor.
func nested(a *aaa.Attribute) bool {
	return a.Parent != nil && a.Parent.Type != aaa.TypeVSA
}

// vendorOf finds a vendor by number. A vendor of no dictionary has the usual format.
func vendorOf(d aaa.Dictionary, number uint32) *aaa.Vendor {
	if v := d.Vendor(number); v != nil {
		return v
	}
	return &aaa.Vendor{Number: number, TypeOctets: 1, LengthOctets: 1}
}

// fixedSize is the length of all values of a type in octets, 0 if it varies.
func fixedSize(t aaa.Type) int {
	switch t {
	case aaa.TypeByte, aaa.TypeBool:
		return 1
	case aaa.TypeShort:
		return 2
	case aaa.TypeInteger, aaa.TypeSigned, aaa.TypeDate, aaa.TypeIPAddr:
		return 4
	case aaa.TypeEther, aaa.TypeIPv4Prefix:
		return 6
	case aaa.TypeInteger64, aaa.TypeIfID:
		return 8
	case aaa.TypeIPv6Addr:
		return 16
	default:
		return 0
	}
}

// rightSize reports whether n octets can be a value of the attribute, or several of an array.
func rightSize(a *aaa.Attribute, n int) bool {
	switch {
	case a.Length > 0:
		return n == a.Length
	case a.Type == aaa.TypeComboIP:
		return n == 4 || n == 16
	case a.Type == aaa.TypeIPv6Prefix:
		return n >= 2 && n <= 18
	case a.Type == aaa.TypeIPv4Prefix && !a.Array:
		return n >= 2 && n <= 6
	}
	size := fixedSize(a.Type)
	return size == 0 || n == size || a.Array && n > 0 && n%size == 0
}

// paddedSize is the size that a hidden value is padded from: the padding is not to be confused with its last octets.
func paddedSize(a *aaa.Attribute) int { return max(fixedSize(a.Type), a.Length) }

// wide reports the types whose tag lies in the first of four octets (RFC 2868 §3.1).
func wide(t aaa.Type) bool {
	return t == aaa.TypeInteger || t == aaa.TypeSigned || t == aaa.TypeDate
}

func vendorNumber(a *aaa.Attribute) uint32 {
	if a.Vendor == nil {
		return 0
	}
	return a.Vendor.Number
}
