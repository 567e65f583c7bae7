package dict

import (
	"encoding/binary"
	"math"
	"net/netip"
	"strings"
	"time"

	"aaa-api/internal/aaa"
)

func appendDate(dst []byte, a *aaa.Attribute, text string) ([]byte, error) {
	if n, ok, overflow := parseDigits(text, 10); ok || overflow {
		if overflow || n > math.MaxUint32 {
			return dst, bad(a, "the number is not in 0..4294967295")
		}
		return binary.BigEndian.AppendUint32(dst, uint32(n)), nil
	}
	for _, layout := range [...]string{time.RFC3339, "Jan _2 2006 15:04:05 MST"} {
		t, err := time.Parse(layout, text)
		if err != nil || t.Location() != time.UTC && layout != time.RFC3339 {
			continue
		}
		if n := t.Unix(); n >= 0 && n <= math.MaxUint32 {
			return binary.BigEndian.AppendUint32(dst, uint32(n)), nil
		}
		return dst, bad(a, "the time is not in 1970..2106")
	}
	return dst, bad(a, "neither an RFC 3339 time nor seconds since 1970")
}

func appendAddr(dst []byte, a *aaa.Attribute, text string) ([]byte, error) {
	addr, err := netip.ParseAddr(text)
	switch {
	case err == nil && addr.Is4() && a.Type != aaa.TypeIPv6Addr:
		b := addr.As4()
		return append(dst, b[:]...), nil
	case err == nil && addr.Is6() && addr.Zone() == "" && a.Type != aaa.TypeIPAddr:
		b := addr.As16()
		return append(dst, b[:]...), nil
	case a.Type == aaa.TypeIPAddr:
		return dst, bad(a, "not an IPv4 address")
	case a.Type == aaa.TypeIPv6Addr:
		return dst, bad(a, "not an IPv6 address")
	}
	return dst, bad(a, "not an IP address")
}

// appendPrefix writes the prefix types of RFC 8044 §3.11 and §3.10; bits behind the prefix are cleared.
func appendPrefix(dst []byte, a *aaa.Attribute, text string) ([]byte, error) {
	var p netip.Prefix
	var err error
	if strings.IndexByte(text, '/') >= 0 {
		p, err = netip.ParsePrefix(text)
	} else {
		var addr netip.Addr
		if addr, err = netip.ParseAddr(text); err == nil && addr.Zone() == "" {
			p = netip.PrefixFrom(addr, addr.BitLen())
		}
	}
	v4 := a.Type == aaa.TypeIPv4Prefix
	if err != nil || !p.IsValid() || p.Addr().Is4() != v4 {
		if v4 {
			return dst, bad(a, "not an IPv4 prefix")
		}
		return dst, bad(a, "not an IPv6 prefix")
	}
	p = p.Masked()
	dst = append(dst, 0, byte(p.Bits()))
	if v4 {
		b := p.Addr().As4()
		return append(dst, b[:]...), nil
	}
	// The prefix takes no more octets than it needs (RFC 3162 §2.3).
	b := p.Addr().As16()
	return append(dst, b[:(p.Bits()+7)/8]...), nil
}

// appendIfID reads four groups of hexadecimal digits (RFC 3162 §2.2).
func appendIfID(dst []byte, a *aaa.Attribute, text string) ([]byte, error) {
	out := dst
	groups := 0
	for part := range strings.SplitSeq(text, ":") {
		n, ok, _ := parseDigits(part, 16)
		if groups++; !ok || len(part) > 4 || groups > 4 {
			return dst, bad(a, "not an interface id like 1:2:3:4")
		}
		out = binary.BigEndian.AppendUint16(out, uint16(n))
	}
	if groups != 4 {
		return dst, bad(a, "not an interface id like 1:2:3:4")
	}
	return out, nil
}

func appendEther(dst []byte, a *aaa.Attribute, text string) ([]byte, error) {
	if len(text) != 17 {
		return dst, bad(a, "not an Ethernet address")
	}
	out := dst
	for i := 0; i < 17; i += 3 {
		hi, lo := hexDigit(text[i]), hexDigit(text[i+1])
		if hi > 15 || lo > 15 || i < 15 && text[i+2] != ':' && text[i+2] != '-' {
			return dst, bad(a, "not an Ethernet address")
		}
		out = append(out, hi<<4|lo)
	}
	return out, nil
}
