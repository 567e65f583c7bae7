package radius

import (
	"encoding/binary"
	"fmt"

	"aaa-api/internal/aaa"
)

// framer appends attributes to a packet.
type framer struct {
	buf   []byte
	value []byte         // scratch: the value of the attribute at hand, tagged and encrypted
	whole []byte         // scratch: a payload to be fragmented
	dict  aaa.Dictionary // the request's; may be nil
	hide  hider
	salt  uint16 // of the next salted attribute
	mask  bool   // what is hidden from traces and not encrypted is not shown in the packet either

	// What the attribute appended last left open: its path, where it starts, and
	// the length octets to raise when a sibling joins it. open[i] belongs to a container.
	path  [maxDepth]*aaa.Attribute
	depth int
	start int
	outer []int // length octets of the attribute and of its vendor header
	inner [maxDepth]int

	delayAt int // offset of Acct-Delay-Time's value, 0 without one
}

// errTooBig is what a value gets that its attribute or the packet can't hold.
func errTooBig(a *aaa.Attribute, format string, args ...any) error {
	return aaa.Invalid(aaa.Field{Path: a.Name, Rule: "maxLength", Message: fmt.Sprintf(format, args...)})
}

func errDefinition(a *aaa.Attribute, why string) error {
	return aaa.Invalid(aaa.Field{Path: a.Name, Rule: "attribute", Message: why})
}

// add appends one AVP: tag, encryption, then framing as its definition says.
// An empty text or octet string is left out (RFC 2865 §5).
func (f *framer) add(v aaa.AVP) error {
	a := v.Attr
	if !a.Wire {
		return nil
	}
	if len(v.Value) == 0 && a.Enc == aaa.EncNone {
		return nil
	}
	if err := f.prepare(v); err != nil {
		return err
	}
	var list [maxDepth]*aaa.Attribute
	i := maxDepth
	for at := a; at != nil && at.Type != aaa.TypeVSA || at == a; at = at.Parent {
		if i == 0 {
			return errDefinition(a, fmt.Sprintf("nested in more than %d containers", maxDepth-1))
		}
		i--
		list[i] = at
	}
	path := list[i:]
	if f.join(path) {
		return nil
	}
	if err := f.frame(path); err != nil {
		return err
	}
	if standard(a) == attrDelayTime && len(f.value) == 4 {
		f.delayAt = len(f.buf) - 4
	}
	return nil
}

// prepare puts the tagged and encrypted value into f.value.
func (f *framer) prepare(v aaa.AVP) error {
	a, value := v.Attr, v.Value
	if len(value) > 0 && !rightSize(a, len(value)) && a.Enc == aaa.EncNone {
		return aaa.Invalid(aaa.Field{Path: a.Name, Rule: "length", Message: fmt.Sprintf("%d octets are no value of its type", len(value))})
	}
	f.value = f.value[:0]
	switch {
	case a.HasTag && v.Tag > 0x1f:
		return aaa.Invalid(aaa.Field{Path: a.Name, Rule: "maximum", Message: "a tag is at most 31", Target: 31})
	case a.HasTag && wide(a.Type) && a.Enc == aaa.EncNone && len(value) != 4:
		return errDefinition(a, "is an array and tagged: only one integer can have a tag")
	case a.HasTag && wide(a.Type) && a.Enc == aaa.EncNone:
		if value[0] != 0 {
			return aaa.Invalid(aaa.Field{Path: a.Name, Rule: "maximum", Message: "a tagged integer has 24 bits", Target: 1<<24 - 1})
		}
		f.value = append(f.value, v.Tag)
		value = value[1:]
	case a.HasTag && (v.Tag != 0 || a.Enc == aaa.EncTunnel || len(value) > 0 && value[0] <= 0x1f):
		// Untagged, a first octet up to 0x1f would be read as a tag (RFC 2868 §3.3).
		f.value = append(f.value, v.Tag)
	}
	if (a.Enc == aaa.EncUser || a.Enc == aaa.EncAscend) && len(unpadded(value, a)) < len(value) {
		return aaa.Invalid(aaa.Field{Path: a.Name, Rule: "characters", Message: "ends in a zero octet, which the server takes for padding"})
	}
	switch a.Enc {
	case aaa.EncUser:
		if len(value) > maxUserPassword {
			return errTooBig(a, "%d octets, the most that can be hidden are %d", len(value), maxUserPassword)
		}
		f.value = f.hide.appendUser(f.value, value)
	case aaa.EncTunnel:
		if len(value) > maxTunnelPassword {
			return errTooBig(a, "%d octets, the most that can be hidden are %d", len(value), maxTunnelPassword)
		}
		f.value = f.hide.appendTunnel(f.value, value, f.salt)
		f.salt++
	case aaa.EncAscend:
		if len(value) > 16 {
			return errTooBig(a, "%d octets, the most that can be hidden are 16", len(value))
		}
		f.value = f.hide.appendAscend(f.value, value)
	default:
		f.value = append(f.value, value...)
		if f.mask && a.Hidden {
			filler(f.value[len(f.value)-len(value):])
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

func vendorNumber(a *aaa.Attribute) uint32 {
	if a.Vendor == nil {
		return 0
	}
	return a.Vendor.Number
}

// join puts the value into the TLV that the attribute before it left open, where
// both have one and it fits: consecutive leaves of one parent share the parent.
func (f *framer) join(path []*aaa.Attribute) bool {
	m := 0
	for m < min(f.depth, len(path))-1 && same(f.path[m], path[m]) {
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
	need := len(f.value) + 2*(len(path)-m)
	if len(f.buf)-f.start+need > maxAttr {
		return false
	}
	for _, at := range f.outer {
		f.buf[at] += byte(need)
	}
	for _, at := range f.inner[:m] {
		if at > 0 {
			f.buf[at] += byte(need)
		}
	}
	f.nest(path, m)
	f.remember(path)
	return true
}

// nest appends the TLV headers of path[from:] and the value.
func (f *framer) nest(path []*aaa.Attribute, from int) {
	for i := from; i < len(path); i++ {
		f.inner[i] = len(f.buf) + 1
		f.buf = append(f.buf, byte(path[i].Number), byte(len(f.value)+2*(len(path)-i)))
	}
	f.buf = append(f.buf, f.value...)
}

func (f *framer) remember(path []*aaa.Attribute) { f.depth = copy(f.path[:], path) }

// frame appends a new attribute for the path. Its first element is framed as the
// space it is in says; what is below an extended type, an Extended-Vendor-Specific
// or a TLV follows inside.
func (f *framer) frame(path []*aaa.Attribute) error {
	top, leaf := path[0], path[len(path)-1]
	f.depth, f.start, f.outer = 0, len(f.buf), f.outer[:0]
	f.inner = [maxDepth]int{}

	var head [16]byte // of the attribute; its length octets are filled in below
	h := append(head[:0], byte(top.Number), 0)
	vlen, vlenSize, flags := 0, 0, -1 // offsets of the vendor's length and of the fragment flags
	split := leaf.Concat && len(path) == 1
	from := 1 // first element that gets a TLV header
	switch {
	case top.Vendor != nil:
		v := top.Vendor
		if f.dict != nil { // its word counts when a packet is decoded: the attribute's may be a stand-in
			v = vendorOf(f.dict, v.Number)
		}
		h[0] = attrVendor
		h = binary.BigEndian.AppendUint32(h, v.Number)
		if v.TypeOctets < 4 && top.Number >= 1<<(8*v.TypeOctets) {
			return errDefinition(leaf, "its number is too large for its vendor's format")
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
		return errDefinition(leaf, "has no number that a packet can hold")
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
			return errDefinition(leaf, "has no number that a packet can hold")
		}
	}
	body := len(f.value) + 2*(len(path)-from)
	room := maxAttr - len(h)
	switch {
	case len(path) > from && body > maxAttr:
		return errTooBig(leaf, "a value of %d octets does not fit into its container", len(f.value))
	case len(p)+body > room && !split:
		return errTooBig(leaf, "a value of %d octets does not fit into one attribute", len(f.value))
	case len(p)+body > room:
		f.fragment(path, h, p, from, room, vlen, vlenSize, flags)
		return nil
	}
	f.outer = append(f.outer, f.start+1)
	if vlenSize > 0 {
		f.outer = append(f.outer, f.start+vlen+vlenSize-1)
	}
	seal(h, len(h)+len(p)+body, vlen, vlenSize)
	f.buf = append(append(f.buf, h...), p...)
	f.nest(path, from)
	f.remember(path)
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
func (f *framer) fragment(path []*aaa.Attribute, h, p []byte, from, room, vlen, vlenSize, flags int) {
	packet := f.buf
	f.buf = append(f.whole[:0], p...)
	f.nest(path, from)
	f.whole, f.buf = f.buf, packet
	for rest := f.whole; len(rest) > 0; {
		n := min(room, len(rest))
		if flags >= 0 {
			h[flags] = 0
			if n < len(rest) {
				h[flags] = 0x80
			}
		}
		seal(h, len(h)+n, vlen, vlenSize)
		f.buf = append(append(f.buf, h...), rest[:n]...)
		rest = rest[n:]
	}
	f.depth = 0 // nothing joins a fragmented attribute
}

// raw appends a plain attribute of the standard space; value has at most 253 octets.
func (f *framer) raw(number byte, value ...byte) {
	f.depth = 0
	f.buf = append(append(f.buf, number, byte(2+len(value))), value...)
}

func (f *framer) raw32(number byte, n uint32) {
	f.depth = 0
	f.buf = binary.BigEndian.AppendUint32(append(f.buf, number, 6), n)
}
