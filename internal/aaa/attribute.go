package aaa

import "strconv"

// Type is a data type of an attribute (RFC 8044 and the FreeRADIUS 3 dictionaries).
type Type uint8

// The data types. Their dictionary spellings are in typeNames.
const (
	TypeInvalid Type = iota
	TypeString
	TypeOctets
	TypeInteger   // 4 octets, unsigned
	TypeInteger64 // 8 octets, unsigned
	TypeShort     // 2 octets, unsigned
	TypeByte      // 1 octet, unsigned
	TypeSigned    // 4 octets, two's complement
	TypeDate      // 4 octets, seconds since 1970
	TypeIPAddr
	TypeIPv6Addr
	TypeIPv4Prefix
	TypeIPv6Prefix
	TypeIfID
	TypeEther
	TypeABinary
	TypeComboIP
	TypeTLV
	TypeExtended
	TypeLongExtended
	TypeVSA
	TypeEVS
	TypeBool // 1 octet
)

// Encryption is an attribute's enc.
type Encryption uint8

// How an attribute's value is hidden on the wire.
const (
	EncNone   Encryption = iota
	EncUser              // "scramble": RFC 2865 §5.2
	EncTunnel            // "salt_crypt": RFC 2868 §3.5
	EncAscend            // "ascend": Ascend-Send-Secret
)

// Attribute is an attribute's definition as a compiled dictionary holds it. It
// is shared and never changed.
type Attribute struct {
	Name   string
	Vendor *Vendor    // nil in the standard space
	Parent *Attribute // nil at the top of its space; a tlv, an extended or an evs/vsa container otherwise
	Number uint32     // within Vendor and Parent
	Type   Type
	Enc    Encryption
	HasTag bool // RFC 2868 §3.1
	Concat bool // a value over 253 octets is split over several attributes (EAP-Message)
	Array  bool
	Length int  // fixed length of octets[n]; 0 means any
	Hidden bool // the value is a secret or password: traces and answers show Mask
	Wire   bool // false for what never leaves the machine (FreeRADIUS internal and virtual attributes)
}

// Vendor is a vendor of a dictionary.
type Vendor struct {
	Name         string
	Number       uint32 // SMI Private Enterprise Code, 24 bits
	TypeOctets   uint8  // 1, 2 or 4
	LengthOctets uint8  // 0, 1 or 2
	Continuation bool   // WiMAX: a continuation octet follows the length
}

// AVP is one attribute with its value, on its way to or from a backend.
type AVP struct {
	Attr  *Attribute
	Tag   uint8  // 0 or 1..31
	Value []byte // wire octets of the value, before any encryption and framing
	// Clear marks a password given in clear text for an attribute that carries a
	// hash of it (CHAP-Password, MS-CHAP-Response, MS-CHAP2-Response): the engine computes it.
	Clear bool
	// Optional marks a TACACS+ argument that its receiver may disregard: name*value
	// in place of name=value (RFC 8907 §6.1).
	Optional bool
	// Invalid marks what a server sent as an attribute and what is no value of it, or what
	// can't be decrypted. Attr is then nobody's but of that place, of type octets, and of a secret Value holds nothing.
	Invalid bool
}

// Name is the attribute's name as rules write it: with the tag, where there is one, and with the
// star of an optional argument.
func (v *AVP) Name() string {
	switch {
	case v.Optional:
		return v.Attr.Name + "*"
	case v.Tag > 0:
		return v.Attr.Name + ":" + strconv.Itoa(int(v.Tag))
	default:
		return v.Attr.Name
	}
}

// VendorTACACS is the vendor under whose number dictionaries define the header fields
// and arguments of TACACS+. IANA gives that number to nobody, and no RADIUS packet carries it. Below
// FirstArgument are the fields, from it on the arguments. The number 0 stands for
// every argument that no dictionary has: those differ by name alone.
const (
	VendorTACACS  uint32 = 1<<24 - 1
	FirstArgument uint32 = 64
)

// IsArgument reports whether an attribute is an argument of TACACS+, as opposed to a
// header field and to all of RADIUS.
func (a *Attribute) IsArgument() bool {
	return a.OfTACACS() && (a.Number == 0 || a.Number >= FirstArgument)
}

// OfTACACS reports whether an attribute belongs to TACACS+.
func (a *Attribute) OfTACACS() bool {
	return a.Parent == nil && a.Vendor != nil && a.Vendor.Number == VendorTACACS
}

// nasFilterRule is the number of NAS-Filter-Rule.
const nasFilterRule = 92

// Stream reports whether all values of an attribute are one text on the wire, joined by a zero octet and
// cut where an attribute is full: NAS-Filter-Rule (RFC 4849 §2).
func (a *Attribute) Stream() bool {
	return a.Number == nasFilterRule && a.Vendor == nil && a.Parent == nil && a.Type == TypeString && !a.HasTag && a.Enc == EncNone
}

// NewArgument makes the definition of an argument that no dictionary has.
func NewArgument(name string) *Attribute {
	return &Attribute{Name: name, Vendor: &vendorTACACS, Type: TypeString, Wire: true, Hidden: SensitiveName(name)}
}

var vendorTACACS = Vendor{Name: "TACACS-Plus", Number: VendorTACACS, TypeOctets: 2, LengthOctets: 1}

// Dictionary finds definitions: an ordered set of dictionaries, first entry wins.
type Dictionary interface {
	// ByName finds an attribute by its dictionary name, case-insensitively; nil if there is none.
	ByName(name string) *Attribute
	// Standard finds an attribute of the standard space by number; nil if there is none.
	Standard(number uint32) *Attribute
	// OfVendor finds a top attribute of a vendor's space; nil if there is none.
	OfVendor(vendor, number uint32) *Attribute
	// Child finds an attribute inside a tlv, extended, long-extended or evs container; nil if there is none.
	Child(parent *Attribute, number uint32) *Attribute
	// Vendor finds a vendor by number; nil if unknown (format 1,1 is then assumed).
	Vendor(number uint32) *Vendor
	// Unknown makes a definition for an attribute that the set does not hold, named
	// Attr-N, Attr-26.V.N, Attr-241.N …, of type octets. vendor is nil in the standard space.
	Unknown(vendor *Vendor, parent *Attribute, number uint32) *Attribute
}
