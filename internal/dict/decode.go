package dict

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"aaa-api/internal/aaa"
)

// Text prints a value: by its name if it has one, else as Append reads it. Octets that
// are no value of the attribute's type are printed as 0x…, text that is not UTF-8 as aaa.Text has it, but a
// secret, which is no text to be read, as 0x….
func (s *Set) Text(a *aaa.Attribute, value []byte) string {
	if n := size(a.Type); Packs(a) && len(value) > n && len(value)%n == 0 {
		parts := make([]string, 0, len(value)/n)
		for i := 0; i < len(value); i += n {
			parts = append(parts, s.text(a, value[i:i+n]))
		}
		return strings.Join(parts, ",")
	}
	return s.text(a, value)
}

func (s *Set) text(a *aaa.Attribute, value []byte) string {
	if n, ok := integer(a, value); ok {
		if name, ok := s.ValueName(a, n); ok {
			return name
		}
	}
	switch a.Type {
	case aaa.TypeString:
		if !a.Hidden || utf8.Valid(value) {
			return aaa.Text(value)
		}
	case aaa.TypeInteger, aaa.TypeInteger64, aaa.TypeShort, aaa.TypeByte, aaa.TypeSigned:
		if text, ok := s.IntText(a, value); ok {
			return text
		}
	case aaa.TypeBool:
		if len(value) == 1 && value[0] <= 1 {
			return strconv.FormatBool(value[0] == 1)
		}
	case aaa.TypeDate:
		if len(value) == 4 {
			return time.Unix(int64(binary.BigEndian.Uint32(value)), 0).UTC().Format(time.RFC3339)
		}
	case aaa.TypeIPAddr, aaa.TypeIPv6Addr, aaa.TypeComboIP:
		if addr, ok := netip.AddrFromSlice(value); ok && (a.Type == aaa.TypeComboIP || len(value) == size(a.Type)) {
			return addr.String()
		}
	case aaa.TypeIPv4Prefix, aaa.TypeIPv6Prefix:
		if p, ok := prefix(a.Type, value); ok {
			return p.String()
		}
	case aaa.TypeIfID:
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
	case aaa.TypeEther:
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

// JSON is a value as answers show it: an integer as a number unless it has a value
// name, a bool as such, a stream of several texts as an array, everything else as Text.
func (s *Set) JSON(a *aaa.Attribute, value []byte) any {
	if a.Stream() && bytes.IndexByte(value, 0) >= 0 {
		var parts []any
		for part := range bytes.SplitSeq(value, []byte{0}) {
			parts = append(parts, s.Text(a, part))
		}
		return parts
	}
	if !isInteger(a.Type) && a.Type != aaa.TypeBool || len(value) != size(a.Type) {
		return s.Text(a, value)
	}
	n, ok := integer(a, value)
	if ok {
		if name, ok := s.ValueName(a, n); ok {
			return name
		}
	}
	switch {
	case !ok && a.Type == aaa.TypeInteger64:
		return binary.BigEndian.Uint64(value)
	case !ok:
		return s.Text(a, value)
	case a.Type == aaa.TypeBool:
		return n == 1
	}
	return n
}

// IntText is the decimal of a value of an integer type, or the seconds of a date;
// ok=false for other types and for octets that are no such value.
func (s *Set) IntText(a *aaa.Attribute, value []byte) (text string, ok bool) {
	n, ok := integer(a, value)
	switch {
	case ok && a.Type != aaa.TypeBool:
		return strconv.FormatInt(n, 10), true
	case !ok && a.Type == aaa.TypeInteger64 && len(value) == 8:
		return strconv.FormatUint(binary.BigEndian.Uint64(value), 10), true
	}
	return "", false
}

// integer reads a value of an integer type, a date or a bool that fits an int64.
func integer(a *aaa.Attribute, value []byte) (int64, bool) {
	if len(value) != size(a.Type) {
		return 0, false
	}
	switch a.Type {
	case aaa.TypeInteger, aaa.TypeDate:
		return int64(binary.BigEndian.Uint32(value)), true
	case aaa.TypeSigned:
		return int64(int32(binary.BigEndian.Uint32(value))), true
	case aaa.TypeShort:
		return int64(binary.BigEndian.Uint16(value)), true
	case aaa.TypeByte:
		return int64(value[0]), true
	case aaa.TypeBool:
		return int64(value[0]), value[0] <= 1
	case aaa.TypeInteger64:
		n := binary.BigEndian.Uint64(value)
		return int64(n), n <= 1<<63-1
	}
	return 0, false
}

// prefix reads an ipv4prefix or ipv6prefix (RFC 8044 §3.11, §3.10). Zero octets at its end may be left out.
func prefix(t aaa.Type, value []byte) (netip.Prefix, bool) {
	if !t.Holds(value) {
		return netip.Prefix{}, false
	}
	var b [16]byte
	copy(b[:], value[2:])
	addr := netip.AddrFrom16(b)
	if t == aaa.TypeIPv4Prefix {
		addr = netip.AddrFrom4([4]byte(b[:4]))
	}
	return netip.PrefixFrom(addr, int(value[1])).Masked(), true
}
