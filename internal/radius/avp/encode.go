package avp

import (
	"encoding/binary"
	"fmt"

	"aaa-api/internal/aaa"
	"aaa-api/internal/radius"
)

// Encoder makes packets, one after the other in the same memory.
type Encoder struct {
	// Packet is the packet so far; signing completes it.
	Packet []byte
	// Mask has secret values that are not encrypted overwritten: the packet is to be shown, not sent.
	Mask bool

	dict   aaa.Dictionary // may be nil
	cipher radius.Cipher
	salt   uint16 // of the next salted attribute
	value  []byte // scratch: the value of the attribute at hand, tagged and encrypted
	whole  []byte // scratch: a payload to be fragmented

	// What the latest attribute left open: its path, where it starts, and the length octets to raise when a sibling joins
	// it. inner[i] belongs to a container.
	path  [maxDepth]*aaa.Attribute
	depth int
	start int
	outer []int // length octets of the attribute and of its vendor header
	inner [maxDepth]int
}

// Fault is an AVP that can't be encoded. It holds no value.
type Fault struct {
	Attr    *aaa.Attribute
	Rule    string // what is broken: maxLength, length, maximum, characters, attribute
	Message string
	Target  any // the bound, where the rule has one
}

func (f *Fault) Error() string { return f.Attr.Name + ": " + f.Message }

// tooBig is the fault of a value that does not fit its attribute.
func tooBig(a *aaa.Attribute, format string, args ...any) error {
	return &Fault{Attr: a, Rule: "maxLength", Message: fmt.Sprintf(format, args...)}
}

// undefined is the fault of a definition that no packet can follow.
func undefined(a *aaa.Attribute, why string) error {
	return &Fault{Attr: a, Rule: "attribute", Message: why}
}

// Begin starts a packet with its header. request is the authenticator of the request, for a reply too: values are hidden
// under it. salt is a random number. dict, where not nil, has the formats of vendors.
func (e *Encoder) Begin(code radius.Code, request *radius.Authenticator, key *radius.Key, salt uint16, dict aaa.Dictionary) {
	e.Packet = radius.AppendHeader(e.Packet[:0], code, 0, request)
	e.cipher.Key, e.cipher.Request = key, request
	e.salt, e.dict, e.depth = salt, dict, 0
}

// Reset forgets the packet's key and dictionary, and the values that were not encrypted yet.
func (e *Encoder) Reset() {
	e.cipher.Key, e.cipher.Request, e.dict, e.Mask = nil, nil, nil, false
	clear(e.value[:cap(e.value)])
	clear(e.whole[:cap(e.whole)])
}

// Add appends an AVP as its definition says: tag, encryption, framing. An empty value that is not encrypted is left out
// (RFC 2865 §5), and so is what never travels. An error is a *Fault, and leaves the packet as it was.
func (e *Encoder) Add(v aaa.AVP) error {
	a := v.Attr
	if !a.Wire {
		return nil
	}
	if len(v.Value) == 0 && a.Enc == aaa.EncNone {
		return nil
	}
	if err := e.prepare(v); err != nil {
		return err
	}
	var list [maxDepth]*aaa.Attribute
	i := maxDepth
	for at := a; at != nil && at.Type != aaa.TypeVSA || at == a; at = at.Parent {
		if i == 0 {
			return undefined(a, fmt.Sprintf("nested in more than %d containers", maxDepth-1))
		}
		i--
		list[i] = at
	}
	path := list[i:]
	if e.join(path) {
		return nil
	}
	return e.frame(path)
}

// prepare puts the tagged and encrypted value into e.value.
func (e *Encoder) prepare(v aaa.AVP) error {
	a, value := v.Attr, v.Value
	if len(value) > 0 && !rightSize(a, len(value)) && a.Enc == aaa.EncNone {
		return &Fault{Attr: a, Rule: "length", Message: fmt.Sprintf("%d octets are no value of its type", len(value))}
	}
	e.value = e.value[:0]
	switch {
	case a.HasTag && v.Tag > 0x1f:
		return &Fault{Attr: a, Rule: "maximum", Message: "a tag is at most 31", Target: 31}
	case a.HasTag && wide(a.Type) && a.Enc == aaa.EncNone && len(value) != 4:
		return undefined(a, "is an array and tagged: only one integer can have a tag")
	case a.HasTag && wide(a.Type) && a.Enc == aaa.EncNone:
		if value[0] != 0 {
			return &Fault{Attr: a, Rule: "maximum", Message: "a tagged integer has 24 bits", Target: 1<<24 - 1}
		}
		e.value = append(e.value, v.Tag)
		value = value[1:]
	case a.HasTag && (v.Tag != 0 || a.Enc == aaa.EncTunnel || len(value) > 0 && value[0] <= 0x1f):
		// Untagged, a first octet up to 0x1f would be read as a tag (RFC 2868 §3.3).
		e.value = append(e.value, v.Tag)
	}
	if (a.Enc == aaa.EncUser || a.Enc == aaa.EncAscend) && len(radius.Unpadded(value, paddedSize(a))) < len(value) {
		return &Fault{Attr: a, Rule: "characters", Message: "ends in a zero octet, which the server takes for padding"}
	}
	switch a.Enc {
	case aaa.EncUser:
		if len(value) > radius.MaxUserPassword {
			return tooBig(a, "%d octets, the most that can be hidden are %d", len(value), radius.MaxUserPassword)
		}
		e.value = e.cipher.AppendUser(e.value, value)
	case aaa.EncTunnel:
		if len(value) > radius.MaxTunnelPassword {
			return tooBig(a, "%d octets, the most that can be hidden are %d", len(value), radius.MaxTunnelPassword)
		}
		e.value = e.cipher.AppendTunnel(e.value, value, e.salt)
		e.salt++
	case aaa.EncAscend:
		if len(value) > radius.MaxAscendSecret {
			return tooBig(a, "%d octets, the most that can be hidden are %d", len(value), radius.MaxAscendSecret)
		}
		e.value = e.cipher.AppendAscend(e.value, value)
	default:
		e.value = append(e.value, value...)
		if e.Mask && a.Hidden {
			filler(e.value[len(e.value)-len(value):])
		}
	}
	return nil
}

// filler overwrites a value that is not to be seen.
func filler(b []byte) {
	for i := range b {
		b[i] = '*'
	}
}

// same tells whether two attributes at the same place of two equal paths are one.
func same(a, b *aaa.Attribute) bool {
	return a == b || a.Number == b.Number && a.Type == b.Type && vendorNumber(a) == vendorNumber(b)
}

// join puts the value into the TLV that the attribute before it left open, where
// both have one and it fits: consecutive leaves of one parent share the parent.
func (e *Encoder) join(path []*aaa.Attribute) bool {
	m := 0
	for m < min(e.depth, len(path))-1 && same(e.path[m], path[m]) {
		m++
	}
	if m == 0 || path[m-1].Type != aaa.TypeTLV {
		return false
	}
	for _, a := range path[m:] {
		if a.Number > 255 {
			return false
		}
	}
	need := len(e.value) + 2*(len(path)-m)
	if len(e.Packet)-e.start+need > radius.MaxAttribute {
		return false
	}
	for _, at := range e.outer {
		e.Packet[at] += byte(need)
	}
	for _, at := range e.inner[:m] {
		if at > 0 {
			e.Packet[at] += byte(need)
		}
	}
	e.nest(path, m)
	e.remember(path)
	return true
}

// nest appends the TLV headers of path[from:] and the value.
func (e *Encoder) nest(path []*aaa.Attribute, from int) {
	for i := from; i < len(path); i++ {
		e.inner[i] = len(e.Packet) + 1
		e.Packet = append(e.Packet, byte(path[i].Number), byte(len(e.value)+2*(len(path)-i)))
	}
	e.Packet = append(e.Packet, e.value...)
}

func (e *Encoder) remember(path []*aaa.Attribute) { e.depth = copy(e.path[:], path) }

// frame appends a new attribute for the path. Its first element is framed as the
// space it is in says; what is below an extended type, an Extended-Vendor-Specific
// or a TLV follows inside.
func (e *Encoder) frame(path []*aaa.Attribute) error {
	top, leaf := path[0], path[len(path)-1]
	e.depth, e.start, e.outer = 0, len(e.Packet), e.outer[:0]
	e.inner = [maxDepth]int{}

	var head [16]byte // of the attribute; its length octets are filled in below
	h := append(head[:0], byte(top.Number), 0)
	vlen, vlenSize, flags := 0, 0, -1 // offsets of the vendor's length and of the fragment flags
	split := leaf.Concat && len(path) == 1
	from := 1 // first element that gets a TLV header
	switch {
	case top.Vendor != nil:
		v := top.Vendor
		if e.dict != nil { // its word counts when a packet is decoded: the attribute's may be a stand-in
			v = vendorOf(e.dict, v.Number)
		}
		h[0] = radius.AttrVendorSpecific
		h = binary.BigEndian.AppendUint32(h, v.Number)
		if v.TypeOctets < 4 && top.Number >= 1<<(8*v.TypeOctets) {
			return undefined(leaf, "its number is too large for its vendor's format")
		}
		switch v.TypeOctets {
		case 4:
			h = binary.BigEndian.AppendUint32(h, top.Number)
		case 2:
			h = binary.BigEndian.AppendUint16(h, uint16(top.Number))
		default:
			h = append(h, byte(top.Number))
		}
		vlen, vlenSize = len(h), int(v.LengthOctets)
		h = append(h, 0, 0)[:len(h)+vlenSize]
		if v.Continuation {
			flags = len(h)
			h = append(h, 0)
			split = true
		}
	case top.Number > 255:
		return undefined(leaf, "has no number that a packet can hold")
	case len(path) > 1 && (top.Type == aaa.TypeExtended || top.Type == aaa.TypeLongExtended):
		h = append(h, byte(path[1].Number))
		if top.Type == aaa.TypeLongExtended {
			flags = len(h)
			h = append(h, 0)
			split = true
		}
		from = 2
	}

	// The start of the payload, which repeats in no fragment.
	var pre [5]byte
	p := pre[:0]
	if from == 2 && len(path) > 2 && path[1].Type == aaa.TypeEVS {
		p = append(binary.BigEndian.AppendUint32(p, vendorNumber(path[2])), byte(path[2].Number))
		from = 3
	}
	for i := 1; i < len(path); i++ {
		if path[i].Number > 255 {
			return undefined(leaf, "has no number that a packet can hold")
		}
	}
	body := len(e.value) + 2*(len(path)-from)
	room := radius.MaxAttribute - len(h)
	switch {
	case len(path) > from && body > radius.MaxAttribute:
		return tooBig(leaf, "a value of %d octets does not fit into its container", len(e.value))
	case len(p)+body > room && !split:
		return tooBig(leaf, "a value of %d octets does not fit into one attribute", len(e.value))
	case len(p)+body > room:
		e.fragment(path, h, p, from, room, vlen, vlenSize, flags)
		return nil
	}
	e.outer = append(e.outer, e.start+1)
	if vlenSize > 0 {
		e.outer = append(e.outer, e.start+vlen+vlenSize-1)
	}
	seal(h, len(h)+len(p)+body, vlen, vlenSize)
	e.Packet = append(append(e.Packet, h...), p...)
	e.nest(path, from)
	e.remember(path)
	return nil
}

// seal fills in the length octets of an attribute's head. A vendor's length counts
// from the vendor's type on, so it never needs more than its low octet.
func seal(h []byte, total, vlen, vlenSize int) {
	h[1] = byte(total)
	if vlenSize > 0 {
		h[vlen+vlenSize-1] = byte(total - 6)
	}
}

// fragment appends the value in several attributes: WiMAX continuation, the More
// flag of RFC 6929 §2.2, or plain repetition for concat attributes (flags < 0).
func (e *Encoder) fragment(path []*aaa.Attribute, h, p []byte, from, room, vlen, vlenSize, flags int) {
	packet := e.Packet
	e.Packet = append(e.whole[:0], p...)
	e.nest(path, from)
	e.whole, e.Packet = e.Packet, packet
	for rest := e.whole; len(rest) > 0; {
		n := min(room, len(rest))
		if flags >= 0 {
			h[flags] = 0
			if n < len(rest) {
				h[flags] = 0x80
			}
		}
		seal(h, len(h)+n, vlen, vlenSize)
		e.Packet = append(append(e.Packet, h...), rest[:n]...)
		rest = rest[n:]
	}
	e.depth = 0 // nothing joins a fragmented attribute
}

// Raw appends an attribute of the standard space. The value has at most radius.MaxValue octets.
func (e *Encoder) Raw(number byte, value ...byte) {
	e.depth = 0
	e.Packet = radius.AppendAttribute(e.Packet, number, value...)
}

// RawVendor appends an attribute of a vendor with the usual format.
func (e *Encoder) RawVendor(vendor uint32, number byte, value ...byte) {
	e.depth = 0
	e.Packet = radius.AppendVendor(e.Packet, vendor, number, value...)
}

// Raw32 appends a number as an attribute of the standard space.
func (e *Encoder) Raw32(number byte, n uint32) {
	e.depth = 0
	e.Packet = binary.BigEndian.AppendUint32(append(e.Packet, number, 6), n)
}
