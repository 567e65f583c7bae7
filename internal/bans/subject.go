package bans

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"aaa-api/internal/aaa"
)

const (
	// maxValues is how many values of one key are scored. A request with more is refused: one of them may be banned.
	maxValues = 16
	// maxShown is how many octets of a value are shown.
	maxShown = 256
)

// id names a subject. It is equal on all nodes.
type id [16]byte

func (i id) String() string { return hex.EncodeToString(i[:]) }

// parseID reads the text of an id.
func parseID(text string) (i id, ok bool) {
	n, err := hex.Decode(i[:], []byte(text[:min(len(text), 2*len(i))]))
	return i, err == nil && n == len(i) && len(text) == 2*len(i)
}

// idOf makes the id of a value. Its key keeps values from being guessed by whoever has the database.
func (b *Board) idOf(account, document aaa.AccountID, key, value string) (i id) {
	buf := make([]byte, 0, 512)
	buf = append(buf, b.key[:]...)
	buf = append(append(buf, account...), 0)
	buf = append(append(buf, document...), 0)
	buf = append(strconv.AppendInt(buf, int64(len(key)), 10), ':')
	buf = append(buf, key...)
	buf = appendNormal(buf, value)
	sum := sha256.Sum256(buf)
	copy(i[:], sum[:])
	return i
}

// appendNormal appends what all spellings of one value have in common: addresses are compared by their network, and other texts
// without regard to case and to white space around them.
func appendNormal(buf []byte, value string) []byte {
	if network, ok := networkOf(value); ok {
		octets := network.Addr().As16()
		return append(append(buf, 'a'), octets[:]...)
	}
	buf = append(buf, 't')
	value = strings.TrimSpace(value)
	for i := range len(value) {
		if value[i] >= utf8.RuneSelf {
			return append(buf, strings.ToLower(value)...)
		}
	}
	for i := range len(value) {
		c := value[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf = append(buf, c)
	}
	return buf
}

// networkOf reads an address, which may come with a port or in brackets: IPv4 whole, also if it is mapped into IPv6, and
// IPv6 by its /64, which may be written as such.
func networkOf(value string) (network netip.Prefix, ok bool) {
	value = strings.TrimSpace(value)
	if len(value) < len("::") || len(value) > 100 || !strings.ContainsAny(value, ".:") {
		return network, false
	}
	for i := range len(value) { // most texts are no address, which netip says in an error
		c := value[i]
		if c == '%' {
			break // a zone may hold anything
		}
		if c != '.' && c != ':' && c != '[' && c != ']' && c != '/' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
			return network, false
		}
	}
	if bare, ok := strings.CutSuffix(value, "/64"); ok { // as it is shown
		addr, err := netip.ParseAddr(bare)
		return netip.PrefixFrom(addr, 64).Masked(), err == nil && addr.Is6() && !addr.Is4In6()
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(value, "["), "]"))
	if err != nil {
		port, err := netip.ParseAddrPort(value)
		if err != nil {
			return network, false
		}
		addr = port.Addr()
	}
	addr = addr.WithZone("").Unmap()
	if addr.Is4() {
		return netip.PrefixFrom(addr, 32), true
	}
	return netip.PrefixFrom(addr, 64).Masked(), true
}

// shown is a value as lists and logs have it.
func shown(value string) string {
	if network, ok := networkOf(value); ok {
		if network.Addr().Is4() {
			return network.Addr().String()
		}
		return network.String()
	}
	value = strings.TrimSpace(value)
	if len(value) > maxShown {
		value = value[:maxShown]
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(value, string(utf8.RuneError)))
}

// valuesOf are the texts of a key in a request; none if it is absent or empty.
func valuesOf(values aaa.Values, key string, into []string) ([]string, error) {
	switch v := values[key].(type) {
	case nil:
	case []any:
		if len(v) > maxValues {
			return into, tooMany(key)
		}
		for _, e := range v {
			into = appendText(into, e)
		}
	case []string:
		if len(v) > maxValues {
			return into, tooMany(key)
		}
		for _, e := range v {
			into = appendText(into, e)
		}
	default:
		into = appendText(into, v)
	}
	return into, nil
}

func tooMany(key string) error {
	return aaa.Invalid(aaa.Field{Path: key, Rule: "maxItems", Message: fmt.Sprintf("must have at most %d values, since bans are by this key", maxValues), Target: maxValues})
}

func appendText(into []string, value any) []string {
	text := ""
	switch v := value.(type) {
	case string:
		text = strings.TrimSpace(v)
	case json.Number:
		text = v.String()
	case bool:
		text = strconv.FormatBool(v)
	case int:
		text = strconv.Itoa(v)
	case int64:
		text = strconv.FormatInt(v, 10)
	case uint64:
		text = strconv.FormatUint(v, 10)
	}
	if text == "" {
		return into
	}
	return append(into, text)
}
