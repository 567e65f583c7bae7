package aaa

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Size is the length of a fixed-size type's value; 0 for the others.
func (t Type) Size() int {
	switch t {
	case TypeInteger, TypeSigned, TypeDate, TypeIPAddr:
		return 4
	case TypeInteger64, TypeIfID:
		return 8
	case TypeShort:
		return 2
	case TypeByte, TypeBool:
		return 1
	case TypeIPv6Addr:
		return 16
	case TypeIPv4Prefix, TypeEther:
		return 6
	}
	return 0
}

// IsInteger reports whether values of a type are numbers to their reader.
func (t Type) IsInteger() bool {
	switch t {
	case TypeInteger, TypeInteger64, TypeShort, TypeByte, TypeSigned:
		return true
	}
	return false
}

// Packs reports whether several values of an attribute follow one another in one: it is an array of
// values of a fixed size. With a tag each goes alone, as one octet of it is the tag (RFC 2868 §3.1).
func (a *Attribute) Packs() bool { return a.Array && !a.HasTag && a.Type.Size() > 0 }

// Integer reads a value of an integer type, a date or a bool that fits an int64.
func (a *Attribute) Integer(value []byte) (int64, bool) {
	if len(value) != a.Type.Size() {
		return 0, false
	}
	switch a.Type {
	case TypeInteger, TypeDate:
		return int64(binary.BigEndian.Uint32(value)), true
	case TypeSigned:
		return int64(int32(binary.BigEndian.Uint32(value))), true
	case TypeShort:
		return int64(binary.BigEndian.Uint16(value)), true
	case TypeByte:
		return int64(value[0]), true
	case TypeBool:
		return int64(value[0]), value[0] <= 1
	case TypeInteger64:
		n := binary.BigEndian.Uint64(value)
		return int64(n), n <= math.MaxInt64
	}
	return 0, false
}

// Large reads an integer of 64 bits that Integer is too small for.
func (a *Attribute) Large(value []byte) (uint64, bool) {
	if a.Type != TypeInteger64 || len(value) != a.Type.Size() {
		return 0, false
	}
	n := binary.BigEndian.Uint64(value)
	return n, n > math.MaxInt64
}

// Text prints a value, for which no dictionary has a name, in the form that a request may give it in. Octets that
// are no value of the attribute's type are printed as 0x…, text that is not UTF-8 as Text has it, but a
// secret, which is no text to be read, as 0x….
func (a *Attribute) Text(value []byte) string {
	n := a.Type.Size()
	if !a.Packs() || len(value) <= n || len(value)%n != 0 {
		return a.text(value)
	}
	parts := make([]string, 0, len(value)/n)
	for i := 0; i < len(value); i += n {
		parts = append(parts, a.text(value[i:i+n]))
	}
	return strings.Join(parts, ",")
}

func (a *Attribute) text(value []byte) string {
	switch a.Type {
	case TypeString:
		if !a.Hidden || utf8.Valid(value) {
			return Text(value)
		}
	case TypeInteger, TypeInteger64, TypeShort, TypeByte, TypeSigned:
		if n, ok := a.Integer(value); ok {
			return strconv.FormatInt(n, 10)
		}
		if n, ok := a.Large(value); ok {
			return strconv.FormatUint(n, 10)
		}
	case TypeBool:
		if n, ok := a.Integer(value); ok {
			return strconv.FormatBool(n == 1)
		}
	case TypeDate:
		if n, ok := a.Integer(value); ok {
			return time.Unix(n, 0).UTC().Format(time.RFC3339)
		}
	case TypeIPAddr, TypeIPv6Addr, TypeComboIP:
		if addr, ok := netip.AddrFromSlice(value); ok && (a.Type == TypeComboIP || len(value) == a.Type.Size()) {
			return addr.String()
		}
	case TypeIPv4Prefix, TypeIPv6Prefix:
		if p, ok := prefix(a.Type, value); ok {
			return p.String()
		}
	case TypeIfID:
		if len(value) == 8 {
			b := make([]byte, 0, 19)
			for i := 0; i < 8; i += 2 {
				if i > 0 {
					b = append(b, ':')
				}
				b = strconv.AppendUint(b, uint64(binary.BigEndian.Uint16(value[i:])), 16)
			}
			return string(b)
		}
	case TypeEther:
		if len(value) == 6 {
			b := make([]byte, 0, 17)
			for i := range value {
				if i > 0 {
					b = append(b, ':')
				}
				b = hex.AppendEncode(b, value[i:i+1])
			}
			return string(b)
		}
	}
	b := make([]byte, 0, 2+2*len(value))
	return string(hex.AppendEncode(append(b, "0x"...), value))
}

// JSON is a value, for which no dictionary has a name, as answers show it: an integer as a number, a bool as such, a
// stream of several texts as a list, everything else as Text.
func (a *Attribute) JSON(value []byte) Value {
	if a.Stream() && bytes.IndexByte(value, 0) >= 0 {
		var parts []any
		for part := range bytes.SplitSeq(value, []byte{0}) {
			parts = append(parts, a.Text(part))
		}
		return parts
	}
	if !a.Type.IsInteger() && a.Type != TypeBool {
		return a.Text(value)
	}
	if n, ok := a.Integer(value); ok {
		if a.Type == TypeBool {
			return n == 1
		}
		return n
	}
	if n, ok := a.Large(value); ok {
		return n
	}
	return a.Text(value)
}

// prefix reads an ipv4prefix or ipv6prefix (RFC 8044 §3.11, §3.10). Zero octets at its end may be left out.
func prefix(t Type, value []byte) (netip.Prefix, bool) {
	if !t.Holds(value) {
		return netip.Prefix{}, false
	}
	var b [16]byte
	copy(b[:], value[2:])
	addr := netip.AddrFrom16(b)
	if t == TypeIPv4Prefix {
		addr = netip.AddrFrom4([4]byte(b[:4]))
	}
	return netip.PrefixFrom(addr, int(value[1])).Masked(), true
}
