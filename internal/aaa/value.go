package aaa

// Holds reports whether octets are a value of a type (RFC 8044), not of an array of them: of its size, and in its range.
func (t Type) Holds(value []byte) bool {
	n := len(value)
	switch t {
	case TypeBool:
		return n == 1 && value[0] <= 1
	case TypeByte:
		return n == 1
	case TypeShort:
		return n == 2
	case TypeInteger, TypeSigned, TypeDate, TypeIPAddr:
		return n == 4
	case TypeEther:
		return n == 6
	case TypeInteger64, TypeIfID:
		return n == 8
	case TypeIPv6Addr:
		return n == 16
	case TypeComboIP:
		return n == 4 || n == 16
	case TypeIPv4Prefix:
		return n >= 2 && n <= 2+4 && value[1] <= 32
	case TypeIPv6Prefix:
		return n >= 2 && n <= 2+16 && value[1] <= 128
	}
	return true
}
