package dict

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"aaa-api/internal/aaa"
)

// maxLong bounds a value that may span several attributes: a packet has 4096
// octets, 20 of them header (RFC 2865 §3).
const maxLong = 4096 - 20 - 2

// MaxLen is the most octets that a value of the attribute can have, before
// encryption and without its tag.
func (s *Set) MaxLen(a *aaa.Attribute) int {
	n := s.room(a)
	if a.HasTag {
		n--
	}
	switch a.Enc {
	case aaa.EncUser:
		n = min(n, 128) // RFC 2865 §5.2
	case aaa.EncTunnel:
		n = (min(n, 253)-2)/16*16 - 1 // RFC 2868 §3.5: salt, then a length octet and the text in blocks of 16
	case aaa.EncAscend:
		n = min(n, 16)
	}
	return n
}

// room is what one attribute can carry in its place.
func (s *Set) room(a *aaa.Attribute) int {
	p := a.Parent
	switch {
	case a.OfTACACS():
		return 65535 // the longest field of TACACS+ (RFC 8907 §5.3); its engine knows the others' bounds
	case p == nil && a.Concat:
		return maxLong
	case p == nil && a.Vendor == nil:
		return 253
	case p == nil:
		v := s.inForce(a.Vendor)
		if v.Continuation {
			return maxLong
		}
		return 255 - 6 - int(v.TypeOctets) - int(v.LengthOctets)
	case p.Type == aaa.TypeExtended:
		return 252
	case p.Type == aaa.TypeLongExtended:
		return maxLong
	case p.Type == aaa.TypeEVS:
		return s.room(p) - 5
	}
	return min(s.room(p), 255) - 2
}

// typeRange is the range of an integer type's values that fit an int64.
func typeRange(a *aaa.Attribute) (lowest, highest int64) {
	switch a.Type {
	case aaa.TypeInteger, aaa.TypeDate:
		return 0, math.MaxUint32
	case aaa.TypeShort:
		return 0, math.MaxUint16
	case aaa.TypeByte:
		return 0, math.MaxUint8
	case aaa.TypeBool:
		return 0, 1
	case aaa.TypeSigned:
		return math.MinInt32, math.MaxInt32
	case aaa.TypeInteger64:
		return 0, math.MaxInt64
	}
	return math.MinInt32, math.MaxInt64
}

// Encode turns a text into the value's octets, as Append does.
func (s *Set) Encode(a *aaa.Attribute, text string) ([]byte, error) { return s.Append(nil, a, text) }

// Append appends the octets of a value given as text. What it takes: value names and decimal
// or 0x numbers for integers; true, false, yes, no for bool; RFC 3339 times, FreeRADIUS's "Jan
// 2 2006 15:04:05 UTC" and seconds for date; addresses; prefixes with or
// without their length; ifid as a:b:c:d; octets as 0x… or as the text itself. Any other type that
// is not text also takes 0x and its exact octets. Several values of an array attribute are
// separated by commas, unless the whole is a value name. Errors are of KindBadInput and never hold the value.
func (s *Set) Append(dst []byte, a *aaa.Attribute, text string) ([]byte, error) {
	if !a.Packs() || strings.IndexByte(text, ',') < 0 {
		return s.AppendOne(dst, a, text)
	}
	if _, named := s.ValueNumber(a, text); named {
		return s.AppendOne(dst, a, text)
	}
	out := dst
	for part := range strings.SplitSeq(text, ",") {
		var err error
		if out, err = s.AppendOne(out, a, strings.TrimSpace(part)); err != nil {
			return dst, err
		}
	}
	if err := s.checkLen(a, len(out)-len(dst)); err != nil {
		return dst, err
	}
	return out, nil
}

// AppendOne is Append of a single value: a comma separates nothing.
func (s *Set) AppendOne(dst []byte, a *aaa.Attribute, text string) ([]byte, error) {
	return s.appendOne(dst, a, text, true)
}

// AppendNumber is Append of what was a number, or for a bool true or false, before it became text: it
// names no value, though a few dictionaries name values by digits ("56" is 1).
func (s *Set) AppendNumber(dst []byte, a *aaa.Attribute, text string) ([]byte, error) {
	return s.appendOne(dst, a, text, false)
}

func (s *Set) appendOne(dst []byte, a *aaa.Attribute, text string, named bool) ([]byte, error) {
	switch a.Type {
	case aaa.TypeString:
		if err := s.checkLen(a, len(text)); err != nil {
			return dst, err
		}
		return append(dst, text...), nil
	case aaa.TypeOctets, aaa.TypeABinary, aaa.TypeTLV, aaa.TypeExtended, aaa.TypeLongExtended, aaa.TypeVSA, aaa.TypeEVS:
		return s.appendOctets(dst, a, text)
	case aaa.TypeInteger, aaa.TypeShort, aaa.TypeByte, aaa.TypeInteger64, aaa.TypeSigned:
		return s.appendInteger(dst, a, text, named)
	}
	if n, ok := s.valueNumber(a, text, named); ok {
		if lowest, highest := typeRange(a); (a.Type == aaa.TypeBool || a.Type == aaa.TypeDate) && n >= lowest && n <= highest {
			return appendSized(dst, a, uint64(n)), nil
		}
	}
	if rest, ok := cutHex(text); ok && hexFits(a.Type, len(rest)/2) {
		if out, ok := appendHex(dst, rest); ok && a.Type.Holds(out[len(dst):]) {
			return out, nil
		}
	}
	switch a.Type {
	case aaa.TypeBool:
		switch {
		case text == "1" || strings.EqualFold(text, "true") || strings.EqualFold(text, "yes"):
			return append(dst, 1), nil
		case text == "0" || strings.EqualFold(text, "false") || strings.EqualFold(text, "no"):
			return append(dst, 0), nil
		}
		return dst, bad(a, "not true or false")
	case aaa.TypeDate:
		return appendDate(dst, a, text)
	case aaa.TypeIPAddr, aaa.TypeIPv6Addr, aaa.TypeComboIP:
		return appendAddr(dst, a, text)
	case aaa.TypeIPv4Prefix, aaa.TypeIPv6Prefix:
		return appendPrefix(dst, a, text)
	case aaa.TypeIfID:
		return appendIfID(dst, a, text)
	case aaa.TypeEther:
		return appendEther(dst, a, text)
	}
	return dst, bad(a, "its type can't be written")
}

// EncodeInt turns an integer into the value's octets; for a string attribute into
// its decimal. Errors are of KindBadInput: overflow, or a type that is no integer.
func (s *Set) EncodeInt(a *aaa.Attribute, n int64) ([]byte, error) { return s.AppendInt(nil, a, n) }

// AppendInt appends the octets of an integer value, as EncodeInt makes them.
func (s *Set) AppendInt(dst []byte, a *aaa.Attribute, n int64) ([]byte, error) {
	if a.Type == aaa.TypeString {
		return strconv.AppendInt(dst, n, 10), nil
	}
	if !a.Type.IsInteger() && a.Type != aaa.TypeDate && a.Type != aaa.TypeBool {
		return dst, bad(a, "takes no integer: its type is "+TypeName(a.Type))
	}
	lowest, highest := typeRange(a)
	if a.HasTag {
		highest = min(highest, 1<<24-1) // RFC 2868 §3.1: the tag takes the first octet
	}
	if n < lowest || n > highest {
		most := uint64(highest)
		if a.Type == aaa.TypeInteger64 {
			most = math.MaxUint64 // a text may give what an int64 can't
		}
		return dst, bad(a, "the number is not in "+strconv.FormatInt(lowest, 10)+".."+strconv.FormatUint(most, 10))
	}
	return appendSized(dst, a, uint64(n)), nil
}

func appendSized(dst []byte, a *aaa.Attribute, n uint64) []byte {
	switch a.Type.Size() {
	case 1:
		return append(dst, byte(n))
	case 2:
		return binary.BigEndian.AppendUint16(dst, uint16(n))
	case 4:
		return binary.BigEndian.AppendUint32(dst, uint32(n))
	}
	return binary.BigEndian.AppendUint64(dst, n)
}

// valueNumber is ValueNumber of a text that may be a name.
func (s *Set) valueNumber(a *aaa.Attribute, text string, named bool) (int64, bool) {
	if !named {
		return 0, false
	}
	return s.ValueNumber(a, text)
}

func (s *Set) appendInteger(dst []byte, a *aaa.Attribute, text string, named bool) ([]byte, error) {
	// Names first, of digits too: what JSON prints, a name in quotes and a number bare, must be
	// read back as it was.
	if n, ok := s.valueNumber(a, text, named); ok {
		return s.AppendInt(dst, a, n)
	}
	digits, base, negative := text, 10, false
	if rest, ok := cutHex(text); ok {
		digits, base = rest, 16
	} else if rest, ok := strings.CutPrefix(text, "-"); ok {
		digits, negative = rest, true
	}
	n, ok, overflow := parseDigits(digits, uint64(base))
	switch {
	case overflow:
		return dst, bad(a, "the number is too big")
	case !ok:
		return dst, bad(a, "neither a number nor a value name")
	case a.Type == aaa.TypeInteger64 && !negative:
		return binary.BigEndian.AppendUint64(dst, n), nil
	case negative && n <= math.MaxInt64:
		return s.AppendInt(dst, a, -int64(n))
	case base == 16 && a.Type == aaa.TypeSigned && n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(dst, uint32(n)), nil
	case n > math.MaxInt64:
		return dst, bad(a, "the number is too big")
	}
	return s.AppendInt(dst, a, int64(n))
}

// parseDigits is strconv.ParseUint without an error to allocate.
func parseDigits(s string, base uint64) (n uint64, ok, overflow bool) {
	if s == "" {
		return 0, false, false
	}
	for i := range len(s) {
		d := uint64(hexDigit(s[i]))
		if d >= base {
			return 0, false, false
		}
		if n > (math.MaxUint64-d)/base {
			overflow = true
		}
		n = n*base + d
	}
	return n, !overflow, overflow
}

// hexDigit is the value of a hexadecimal digit, 255 for anything else.
func hexDigit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

func cutHex(text string) (string, bool) {
	if len(text) >= 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X') {
		return text[2:], true
	}
	return text, false
}

func appendHex(dst []byte, digits string) ([]byte, bool) {
	if len(digits)%2 != 0 {
		return dst, false
	}
	out := dst
	for i := 0; i < len(digits); i += 2 {
		hi, lo := hexDigit(digits[i]), hexDigit(digits[i+1])
		if hi > 15 || lo > 15 {
			return dst, false
		}
		out = append(out, hi<<4|lo)
	}
	return out, true
}

// hexFits says whether n octets can be a value of a type that is neither text nor integer.
func hexFits(t aaa.Type, n int) bool {
	switch t {
	case aaa.TypeComboIP:
		return n == 4 || n == 16
	case aaa.TypeIPv6Prefix:
		return n >= 2 && n <= 18
	case aaa.TypeIPv4Prefix:
		return n >= 2 && n <= 6
	}
	return n > 0 && n == t.Size() && t != aaa.TypeBool
}

func (s *Set) appendOctets(dst []byte, a *aaa.Attribute, text string) ([]byte, error) {
	rest, isHex := cutHex(text)
	n := len(text)
	if isHex {
		n = len(rest) / 2
		if !isDigits(rest) {
			return dst, bad(a, "after 0x comes an even number of hexadecimal digits")
		}
	}
	if err := s.checkLen(a, n); err != nil {
		return dst, err
	}
	if !isHex && a.Type != aaa.TypeOctets {
		return dst, bad(a, "a value of type "+TypeName(a.Type)+" is written as 0x and hexadecimal digits")
	}
	if !isHex {
		return append(dst, text...), nil
	}
	out, _ := appendHex(dst, rest)
	return out, nil
}

// isDigits reports an even number of hexadecimal digits.
func isDigits(s string) bool {
	for i := range len(s) {
		if hexDigit(s[i]) > 15 {
			return false
		}
	}
	return len(s)%2 == 0
}

func (s *Set) checkLen(a *aaa.Attribute, n int) error {
	if a.Length > 0 && n != a.Length {
		return bad(a, "the value has "+strconv.Itoa(n)+" octets; exactly "+strconv.Itoa(a.Length)+" are wanted")
	}
	if most := s.MaxLen(a); n > most {
		return bad(a, "the value is too long: "+strconv.Itoa(n)+" octets, at most "+strconv.Itoa(most)+" fit")
	}
	return nil
}

func bad(a *aaa.Attribute, message string) error {
	return &aaa.Error{Kind: aaa.KindBadInput, Message: a.Name + ": " + message}
}
