package avp

import (
	"bytes"
	"encoding/binary"

	"aaa-api/internal/aaa"
	"aaa-api/internal/radius"
)

// Decoder turns the attributes of a packet into AVPs. What a peer sends in a form that its definition does not allow becomes
// an unknown attribute of octets, whole and marked (RFC 6929 §2.8), so that nothing is lost and nothing is guessed.
type Decoder struct {
	Dict   aaa.Dictionary
	Cipher radius.Cipher
	Plain  bool   // nothing is hidden, and Cipher is not used: RADIUS/1.1
	rest   []byte // attributes not yet read
	avps   []aaa.AVP
	// secrets are the TLVs of broken values, and whether each may hold a secret: a packet may have thousands of such values.
	secrets map[*aaa.Attribute]bool
}

// Decode reads all attributes. Values are slices of the packet, whose hidden ones are revealed in place: it can be decoded
// once.
func (d *Decoder) Decode(p radius.Packet) []aaa.AVP {
	d.rest = p.Octets()[radius.HeaderLen:]
	n := 0
	for r := d.rest; len(r) > 0; r = r[r[1]:] {
		n++
	}
	d.avps = make([]aaa.AVP, 0, n)
	for len(d.rest) > 0 {
		number, value := d.next()
		d.standard(uint32(number), value)
	}
	return d.avps
}

// Reset forgets the packet, its key and the dictionary, so that the Decoder can be kept for another packet.
func (d *Decoder) Reset() {
	d.Dict, d.Plain, d.rest, d.avps, d.secrets = nil, false, nil, nil, nil
	d.Cipher.Key, d.Cipher.Request = nil, nil
}

func (d *Decoder) next() (number byte, value []byte) {
	number, n := d.rest[0], d.rest[1]
	value = d.rest[2:n:n]
	d.rest = d.rest[n:]
	return number, value
}

// peek looks at the next attribute.
func (d *Decoder) peek() (number byte, value []byte, ok bool) {
	if len(d.rest) == 0 {
		return 0, nil, false
	}
	return d.rest[0], d.rest[2:d.rest[1]], true
}

func (d *Decoder) put(a *aaa.Attribute, tag uint8, value []byte) {
	d.avps = append(d.avps, aaa.AVP{Attr: a, Tag: tag, Value: value})
}

// unknown appends an attribute of no dictionary. Some are known to be encrypted all the same, such as MS-MPPE-Send-Key.
func (d *Decoder) unknown(v *aaa.Vendor, parent *aaa.Attribute, number uint32, value []byte) {
	a := d.Dict.Unknown(v, parent, number)
	if a.Enc != aaa.EncNone {
		d.leaf(a, value)
		return
	}
	d.put(a, 0, value)
}

// invalid appends a value that its definition does not allow. That of a secret, and of a container that may hold one, is
// dropped: decrypted wrongly or not, it must not be shown.
func (d *Decoder) invalid(a *aaa.Attribute, value []byte) {
	d.broken(d.Dict.Unknown(a.Vendor, a.Parent, a.Number), value, d.secret(a))
}

// broken appends a value as octets, or as a secret without its value.
func (d *Decoder) broken(octets *aaa.Attribute, value []byte, hide bool) {
	if hide {
		secret := *octets // which an attribute known by number alone is not
		secret.Hidden = true
		octets, value = &secret, nil
	}
	d.avps = append(d.avps, aaa.AVP{Attr: octets, Value: value, Invalid: true})
}

func (d *Decoder) standard(number uint32, value []byte) {
	if d.Plain && number == radius.AttrMessageAuthenticator {
		return // it proves nothing in RADIUS/1.1 and is dropped (RFC 9765 §5.2)
	}
	if number == radius.AttrVendorSpecific {
		d.vendor(value)
		return
	}
	a := d.Dict.Standard(number)
	switch {
	case a == nil:
		d.unknown(nil, nil, number, value)
	case a.Type == aaa.TypeExtended || a.Type == aaa.TypeLongExtended:
		d.extended(a, value)
	case a.Stream():
		d.stream(a, value)
	case a.Concat:
		d.leaf(a, d.joined(byte(number), value))
	default:
		d.leaf(a, value)
	}
}

// joined appends the following attributes of the same number to value.
func (d *Decoder) joined(number byte, value []byte) []byte {
	for {
		n, more, ok := d.peek()
		if !ok || n != number {
			return value
		}
		value = append(value, more...) // value's capacity ends with it: this copies
		d.next()
	}
}

// stream reads the texts of a stream (RFC 4849 §2). A text ends at a zero octet. It also ends with an attribute that is not
// full, because many servers write one text an attribute and no zero octet between them.
func (d *Decoder) stream(a *aaa.Attribute, value []byte) {
	for full := len(value) == radius.MaxValue; ; {
		n, more, ok := d.peek()
		if !ok || uint32(n) != a.Number {
			break
		}
		if !full {
			value = append(value, 0) // value's capacity ends with it: this copies
		}
		value, full = append(value, more...), len(more) == radius.MaxValue
		d.next()
	}
	for text := range bytes.SplitSeq(value, []byte{0}) {
		if len(text) > 0 {
			d.leaf(a, text)
		}
	}
}

// vendor reads a Vendor-Specific attribute (RFC 2865 §5.26) in its vendor's format.
func (d *Decoder) vendor(value []byte) {
	if len(value) < 4 {
		d.unknown(nil, nil, radius.AttrVendorSpecific, value)
		return
	}
	id := binary.BigEndian.Uint32(value)
	v := vendorOf(d.Dict, id)
	if !vendorFits(v, value[4:]) {
		if d.vendorSecret(v, value[4:]) {
			d.broken(d.Dict.Unknown(nil, nil, radius.AttrVendorSpecific), nil, true)
			return
		}
		d.unknown(nil, nil, radius.AttrVendorSpecific, value)
		return
	}
	for body := value[4:]; len(body) > 0; {
		number, head, size := vendorHeader(v, body)
		inner, whole := body[head:size:size], true
		if v.Continuation && body[head-1]&0x80 != 0 {
			inner, whole = d.continued(v, number, inner, size == len(body))
		}
		body = body[size:]
		a := d.Dict.OfVendor(id, number)
		switch {
		case a == nil:
			d.unknown(v, nil, number, inner)
		case !whole:
			d.invalid(a, inner)
		default:
			d.leaf(a, inner)
		}
	}
}

// vendorFits reports whether body is a sequence of whole attributes of the vendor.
func vendorFits(v *aaa.Vendor, body []byte) bool {
	if len(body) == 0 || v.TypeOctets == 0 {
		return false
	}
	for len(body) > 0 {
		_, head, size := vendorHeader(v, body)
		if size < head || size > len(body) {
			return false
		}
		body = body[size:]
	}
	return true
}

// vendorHeader reads the header of the vendor's attribute at the start of body: its number, the header's length and the whole
// length. size < head if there is no header.
func vendorHeader(v *aaa.Vendor, body []byte) (number uint32, head, size int) {
	head = int(v.TypeOctets) + int(v.LengthOctets)
	if v.Continuation {
		head++
	}
	if len(body) < head {
		return 0, head, 0
	}
	for _, b := range body[:v.TypeOctets] {
		number = number<<8 | uint32(b)
	}
	if v.LengthOctets == 0 {
		return number, head, len(body)
	}
	for _, b := range body[v.TypeOctets : v.TypeOctets+v.LengthOctets] {
		size = size<<8 | int(b)
	}
	return number, head, size
}

// continued collects the fragments of a WiMAX attribute, one an attribute, of one vendor and number. Each but the last has the
// continuation flag. last says that the first one ends its attribute. whole is false if the last fragment is missing.
func (d *Decoder) continued(v *aaa.Vendor, number uint32, first []byte, last bool) (value []byte, whole bool) {
	for value = first; last; {
		outer, more, ok := d.peek()
		if !ok || outer != radius.AttrVendorSpecific || len(more) < 4 || binary.BigEndian.Uint32(more) != v.Number {
			break
		}
		body := more[4:]
		n, head, size := vendorHeader(v, body)
		if n != number || size < head || size != len(body) {
			break
		}
		value = append(value, body[head:]...)
		d.next()
		if body[head-1]&0x80 == 0 {
			return value, true
		}
	}
	return value, false
}

// extended reads an attribute of RFC 6929, fragments joined.
func (d *Decoder) extended(top *aaa.Attribute, value []byte) {
	head := 1
	if top.Type == aaa.TypeLongExtended {
		head = 2
	}
	if len(value) < head {
		d.unknown(nil, nil, top.Number, value)
		return
	}
	number, body := uint32(value[0]), value[head:]
	whole := head == 1 || value[1]&0x80 == 0
	for !whole {
		outer, more, ok := d.peek()
		if !ok || uint32(outer) != top.Number || len(more) < 2 || uint32(more[0]) != number {
			break // the last fragment is missing
		}
		body = append(body, more[2:]...)
		whole = more[1]&0x80 == 0
		d.next()
	}
	if d.Plain && top.Number == radius.AttrExtended1 && number == radius.ExtOriginalPacketCode {
		return // tokens match replies to requests in RADIUS/1.1, so it is dropped (RFC 9765 §5.5)
	}
	a := d.Dict.Child(top, number)
	switch {
	case a == nil:
		d.unknown(nil, top, number, body)
	case a.Type == aaa.TypeEVS:
		d.evs(a, body, whole)
	case !whole:
		d.invalid(a, body)
	default:
		d.leaf(a, body)
	}
}

// evs reads an Extended-Vendor-Specific value (RFC 6929 §2.4). whole is false if its last fragment is missing.
func (d *Decoder) evs(container *aaa.Attribute, body []byte, whole bool) {
	if len(body) < 5 {
		d.unknown(nil, container.Parent, container.Number, body)
		return
	}
	id, number := binary.BigEndian.Uint32(body), uint32(body[4])
	a := d.ofEVS(container, id, number)
	switch {
	case !whole:
		d.broken(d.Dict.Unknown(nil, container.Parent, container.Number), body, a != nil && d.secret(a))
	case a == nil:
		d.unknown(vendorOf(d.Dict, id), container, number, body[5:])
	default:
		d.leaf(a, body[5:])
	}
}

// ofEVS finds an attribute of a vendor inside an Extended-Vendor-Specific container.
func (d *Decoder) ofEVS(container *aaa.Attribute, vendor, number uint32) *aaa.Attribute {
	if v, ok := d.Dict.(vendorChild); ok {
		return v.ChildOfVendor(container, vendor, number)
	}
	return nil
}

// vendorChild is a dictionary that knows the attributes of several vendors inside one container.
type vendorChild interface {
	// ChildOfVendor finds a vendor's attribute inside an evs container; nil if there is none.
	ChildOfVendor(parent *aaa.Attribute, vendor, number uint32) *aaa.Attribute
}

// leaf appends the AVP of a value, or those of the leaves inside a TLV.
func (d *Decoder) leaf(a *aaa.Attribute, value []byte) {
	if a.Type == aaa.TypeTLV {
		if !d.tlv(a, value, 1) {
			d.invalid(a, value)
		}
		return
	}
	tag := uint8(0)
	raw := value
	enc := a.Enc
	if d.Plain {
		enc = aaa.EncNone
	}
	if a.HasTag && len(value) > 0 {
		switch {
		case enc == aaa.EncTunnel: // always tagged; a tag out of range is ignored (RFC 2868 §3.5)
			if value[0] <= 0x1f {
				tag = value[0]
			}
			value = value[1:]
		case value[0] > 0x1f: // no tag but the value's first octet
		case wide(a.Type) && enc == aaa.EncNone && len(value) == 4:
			tag = value[0]
			value[0] = 0
		default:
			tag, value = value[0], value[1:]
		}
	}
	var err error
	switch enc {
	case aaa.EncUser:
		value, err = d.Cipher.User(value, paddedSize(a))
	case aaa.EncTunnel:
		value, err = d.Cipher.Tunnel(value)
	case aaa.EncAscend:
		value, err = d.Cipher.Ascend(value, paddedSize(a))
	}
	size := fixedSize(a.Type)
	switch {
	case err != nil:
		d.invalid(a, nil)
	case a.Array && size > 0 && len(value) > size && len(value)%size == 0:
		for ; len(value) > 0; value = value[size:] {
			if !a.Type.Holds(value[:size]) {
				d.invalid(a, value[:size:size])
				continue
			}
			d.put(a, tag, value[:size:size])
		}
	case !rightSize(a, len(value)), !a.Type.Holds(value):
		d.invalid(a, raw)
	default:
		d.put(a, tag, value)
	}
}

// tlv appends the leaves of a TLV. ok is false, and nothing is appended, if the value is no sequence of TLVs.
func (d *Decoder) tlv(a *aaa.Attribute, value []byte, depth int) (ok bool) {
	if depth >= maxDepth || len(value) == 0 {
		return false
	}
	for r := value; len(r) > 0; r = r[r[1]:] {
		if len(r) < 2 || r[1] < 2 || int(r[1]) > len(r) {
			return false
		}
	}
	for r := value; len(r) > 0; r = r[r[1]:] {
		number, inner := uint32(r[0]), r[2:r[1]:r[1]]
		child := d.Dict.Child(a, number)
		switch {
		case child == nil:
			d.unknown(a.Vendor, a, number, inner)
		case child.Type == aaa.TypeTLV:
			if !d.tlv(child, inner, depth+1) {
				d.invalid(child, inner)
			}
		default:
			d.leaf(child, inner)
		}
	}
	return true
}
