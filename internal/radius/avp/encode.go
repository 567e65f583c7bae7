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
	plain  bool           // nothing is hidden: RADIUS/1.1
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
	e.salt, e.dict, e.depth, e.plain = salt, dict, 0, false
}

// Begin11 starts a packet of RADIUS/1.1, in which nothing is hidden (RFC 9765 §5.1). radius.Finish11 completes it.
func (e *Encoder) Begin11(code radius.Code, dict aaa.Dictionary) {
	e.Packet = radius.AppendHeader11(e.Packet[:0], code, 0)
	e.cipher.Key, e.cipher.Request = nil, nil
	e.dict, e.depth, e.plain = dict, 0, true
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
	enc := a.Enc
	if e.plain {
		enc = aaa.EncNone
	}
	if len(value) > 0 && !rightSize(a, len(value)) && enc == aaa.EncNone {
		return &Fault{Attr: a, Rule: "length", Message: fmt.Sprintf("%d octets are no value of its type", len(value))}
	}
	e.value = e.value[:0]
	switch {
	case a.HasTag && v.Tag > 0x1f:
		return &Fault{Attr: a, Rule: "maximum", Message: "a tag is at most 31", Target: 31}
	case a.HasTag && wide(a.Type) && enc == aaa.EncNone && len(value) != 4:
		return undefined(a, "is an array and tagged: only one integer can have a tag")
	case a.HasTag && wide(a.Type) && enc == aaa.EncNone:
		if value[0] != 0 {
			return &Fault{Attr: a, Rule: "maximum", Message: "a tagged integer has 24 bits", Target: 1<<24 - 1}
		}
		e.value = append(e.value, v.Tag)
		value = value[1:]
	case a.HasTag && (v.Tag != 0 || a.Enc == aaa.EncTunnel || len(value) > 0 && value[0] <= 0x1f):
		// Untagged, a first octet up to 0x1f would be read as a tag (RFC 2868 §3.3).
		e.value = append(e.value, v.Tag)
	}
	if (enc == aaa.EncUser || enc == aaa.EncAscend) && len(radius.Unpadded(value, paddedSize(a))) < len(value) {
		return &Fault{Attr: a, Rule: "characters", Message: "ends in a zero octet, which the server takes for padding"}
	}
	switch enc {
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
		if e.Mask && (a.Hidden || a.Enc != aaa.EncNone) {
			filler(e.value[len(e.value)-len(value):])
		}
	}
	return nil
}

// filler overwrites a value that must not be shown.
func filler(b []byte) {
	for i := range b {
		b[i] = '*'
	}
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
