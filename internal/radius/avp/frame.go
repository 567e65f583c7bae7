package avp

import (
	"encoding/binary"

	"aaa-api/internal/aaa"
	"aaa-api/internal/radius"
)

// same reports whether two attributes at the same place of two equal paths are the same attribute.
func same(a, b *aaa.Attribute) bool {
	return a == b || a.Number == b.Number && a.Type == b.Type && vendorNumber(a) == vendorNumber(b)
}

// join puts the value into the TLV that the attribute before it left open, so that consecutive leaves of one parent share the
// parent. ok is false if there is no such TLV or no room in it.
func (e *Encoder) join(path []*aaa.Attribute) (ok bool) {
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

// frame appends a new attribute for the path. The space of the first element decides the header: standard, vendor, extended.
// The elements below an extended type, an Extended-Vendor-Specific or a TLV follow inside.
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
		if e.dict != nil { // the decoder goes by it, and the attribute's own vendor may be a stand-in
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

	// The start of the payload. Fragments do not repeat it.
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

// seal fills in the length octets of an attribute's header. A vendor's length starts at the vendor's type, so its low octet
// is enough.
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
