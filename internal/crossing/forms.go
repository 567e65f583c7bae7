package crossing

import (
	"encoding/binary"
	"math"
	"net/netip"
	"strconv"
)

// asText is a value of RADIUS as TACACS+ has it; ok is false where there is none.
func (l *Line) asText(value []byte) (out []byte, ok bool) {
	switch l.form {
	case text:
		return value, true
	case number, toTACACS:
		return strconv.AppendUint(nil, uint64(integer(value)), 10), len(value) == 4
	case minutes: // no limit is 0 in TACACS+, and a RADIUS server does not send it
		n := uint64(integer(value))
		return strconv.AppendUint(nil, (n+59)/60, 10), len(value) == 4 && n > 0
	case address:
		a, ok := netip.AddrFromSlice(value)
		if n := integer(value); !ok || !a.Is4() || n >= anyAddress {
			return nil, false
		}
		return a.AppendTo(nil), true
	}
	return nil, false
}

// anyAddress and the number above it stand for an address that the device or the user chooses (RFC 2865 §5.8).
const anyAddress = math.MaxUint32 - 1

// asAttribute is a value of TACACS+ as RADIUS has it.
func (l *Line) asAttribute(value []byte) (out []byte, ok bool) {
	switch l.form {
	case text:
		return value, true
	case number, minutes:
		n, err := strconv.ParseUint(string(value), 10, 32)
		if err != nil {
			return nil, false
		}
		if l.form == minutes {
			if n *= 60; n == 0 || n > math.MaxUint32 { // without a limit
				return nil, false
			}
		}
		return binary.BigEndian.AppendUint32(nil, uint32(n)), true
	case address:
		a, err := netip.ParseAddr(string(value))
		if err != nil || !a.Is4() {
			return nil, false
		}
		return a.AsSlice(), true
	}
	return nil, false
}
