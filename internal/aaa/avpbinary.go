package aaa

import "encoding/binary"

// maxParents bounds the containers that an attribute is in.
const maxParents = 8

// Flags of an AVP and its attribute in their binary form.
const (
	avpClear uint16 = 1 << iota
	avpOptional
	avpInvalid
	avpNoAttribute
	avpNoValue // nil, not empty
	avpNamedAlike
	attrTag
	attrConcat
	attrArray
	attrHidden
	attrWire
	attrVendor
	attrParent
	vendorContinuation
)

func flagIf(set bool, flag uint16) uint16 {
	if set {
		return flag
	}
	return 0
}

// AppendBinary implements encoding.BinaryAppender. Each AVP brings the definition of its attribute along.
func (l AVPs) AppendBinary(b []byte) ([]byte, error) {
	b = appendCount(b, len(l), l == nil)
	for i := range l {
		v := &l[i]
		f := flagIf(v.Clear, avpClear) | flagIf(v.Optional, avpOptional) | flagIf(v.Invalid, avpInvalid) |
			flagIf(v.Attr == nil, avpNoAttribute) | flagIf(v.Value == nil, avpNoValue)
		if v.Attr != nil && v.Attr.Name == v.As {
			f |= avpNamedAlike
		}
		if v.Attr != nil {
			var err error
			if b, err = appendAttribute(b, v.Attr, f, maxParents); err != nil {
				return nil, err
			}
		} else {
			b = binary.BigEndian.AppendUint16(b, f)
		}
		b = append(b, v.Tag)
		b = appendText(b, string(v.Value))
		if f&avpNamedAlike == 0 {
			b = appendText(b, v.As)
		}
		b = appendText(b, v.Word)
	}
	return b, nil
}

// appendAttribute adds a definition, its flags beside those of whatever has it.
func appendAttribute(b []byte, a *Attribute, f uint16, depth int) ([]byte, error) {
	if depth == 0 {
		return nil, errTooDeep
	}
	f |= flagIf(a.HasTag, attrTag) | flagIf(a.Concat, attrConcat) | flagIf(a.Array, attrArray) | flagIf(a.Hidden, attrHidden) |
		flagIf(a.Wire, attrWire) | flagIf(a.Vendor != nil, attrVendor) | flagIf(a.Parent != nil, attrParent)
	if a.Vendor != nil {
		f |= flagIf(a.Vendor.Continuation, vendorContinuation)
	}
	b = binary.BigEndian.AppendUint16(b, f)
	b = appendText(b, a.Name)
	b = binary.AppendUvarint(b, uint64(a.Number))
	b = append(b, byte(a.Type), byte(a.Enc))
	b = binary.AppendVarint(b, int64(a.Length))
	if v := a.Vendor; v != nil {
		b = appendText(b, v.Name)
		b = binary.AppendUvarint(b, uint64(v.Number))
		b = append(b, v.TypeOctets, v.LengthOctets)
	}
	if a.Parent != nil {
		return appendAttribute(b, a.Parent, 0, depth-1)
	}
	return b, nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (l *AVPs) UnmarshalBinary(data []byte) error { return l.ReadBinary(string(data)) }

// leastAVP is the fewest octets of an AVP.
const leastAVP = 5

// ReadBinary is UnmarshalBinary of a string, whose memory the texts share.
func (l *AVPs) ReadBinary(data string) error {
	*l = nil
	r := valueReader{rest: data}
	n, none := r.count(leastAVP)
	if none {
		if !r.whole() {
			return errBinary
		}
		return nil
	}
	read := make(AVPs, 0, min(n, preallocated))
	attributes := make([]Attribute, 0, min(n, preallocated))
	values := make([]byte, 0, min(len(data), 64*preallocated)) // of all AVPs, if they fit
	for range n {
		v := NamedAVP{}
		f := r.flags()
		if f&avpNoAttribute == 0 {
			if len(attributes) == cap(attributes) { // those there are stay where they are
				attributes = make([]Attribute, 0, preallocated)
			}
			attributes = append(attributes, Attribute{})
			v.Attr = &attributes[len(attributes)-1]
			r.attribute(v.Attr, f, maxParents)
		}
		v.Clear, v.Optional, v.Invalid = f&avpClear != 0, f&avpOptional != 0, f&avpInvalid != 0
		v.Tag = r.octet()
		value := r.text()
		if f&avpNoValue == 0 {
			if len(value) > cap(values)-len(values) {
				values = make([]byte, 0, len(value))
			}
			at := len(values)
			values = append(values, value...)
			v.Value = values[at:len(values):len(values)]
		} else if value != "" {
			r.fail()
		}
		switch {
		case f&avpNamedAlike == 0:
			v.As = r.text()
		case v.Attr == nil:
			r.fail()
		default:
			v.As = v.Attr.Name
		}
		v.Word = r.text()
		if r.failed {
			return errBinary
		}
		read = append(read, v)
	}
	if !r.whole() {
		return errBinary
	}
	*l = read
	return nil
}

func (r *valueReader) flags() uint16 { return uint16(r.octet())<<8 | uint16(r.octet()) }

// attribute reads a definition after its flags.
func (r *valueReader) attribute(a *Attribute, f uint16, depth int) {
	if depth == 0 {
		r.fail()
		return
	}
	a.HasTag, a.Concat, a.Array, a.Hidden, a.Wire = f&attrTag != 0, f&attrConcat != 0, f&attrArray != 0, f&attrHidden != 0, f&attrWire != 0
	a.Name = r.text()
	a.Number = r.number()
	a.Type, a.Enc = Type(r.octet()), Encryption(r.octet())
	length := r.varint()
	if a.Length = int(length); int64(a.Length) != length {
		r.fail()
	}
	if f&attrVendor != 0 {
		a.Vendor = &Vendor{Name: r.text(), Number: r.number(), TypeOctets: r.octet(), LengthOctets: r.octet(), Continuation: f&vendorContinuation != 0}
	}
	if f&attrParent != 0 && !r.failed {
		a.Parent = &Attribute{}
		r.attribute(a.Parent, r.flags(), depth-1)
	}
}

func (r *valueReader) number() uint32 {
	n := r.uvarint()
	if n > 1<<32-1 {
		r.fail()
	}
	return uint32(n) //nolint:gosec // not larger
}
