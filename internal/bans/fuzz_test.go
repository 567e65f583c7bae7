package bans

import (
	"bytes"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzSubject: what is shown of a value is short and harmless, and names the same subject, unless a part is left out.
func FuzzSubject(f *testing.F) {
	for _, seed := range []string{
		"eve", " JÖRG ", "2001:db8::1", "[2001:db8::1]:1812", "::ffff:192.0.2.1", "192.0.2.1:5060", "fe80::1%eth0", "2001:db8::/64", "::ffff:192.0.2.1/64",
		"00-11-22-33-44-55", "00:11:22:33:44:55", "a\x00b", "\xff", "[", "/64", "İ", "::", "[::1", "1.2.3.4]",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		text := shown(value)
		if !utf8.ValidString(text) || len(text) > maxShown+3*maxShown || bytes.ContainsFunc([]byte(text), unicode.IsControl) {
			t.Errorf("%q is shown as %q", value, text)
		}
		whole := utf8.ValidString(value) && len(value) <= maxShown && !bytes.ContainsFunc([]byte(value), unicode.IsControl)
		if normal := appendNormal(nil, value); whole && !bytes.Equal(normal, appendNormal(nil, text)) {
			t.Errorf("%q and %q, as it is shown, are two subjects", value, text)
		}
		if network, ok := networkOf(value); ok && network != network.Masked() {
			t.Errorf("%q is %v", value, network)
		}
	})
}

// FuzzID: an id has one text.
func FuzzID(f *testing.F) {
	f.Add("00112233445566778899aabbccddeeff")
	f.Add("0")
	f.Fuzz(func(t *testing.T, text string) {
		if i, ok := parseID(text); ok && len(i.String()) != len(text) {
			t.Errorf("%q is %s", text, i)
		}
	})
}
