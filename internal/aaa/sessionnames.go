package aaa

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// sessionNames are the numbers of the attributes by which a device knows its session (RFC 5176 §3): User-Name, NAS-IP-Address,
// Calling-Station-Id, NAS-Identifier, Acct-Session-Id, NAS-IPv6-Address.
var sessionNames = map[uint32]bool{1: true, 4: true, 31: true, 32: true, 44: true, 95: true}

// hexadecimal marks octets that are written as such.
const hexadecimal = "0x"

// SessionNames are the values by which the device knows the session that a record tells of, by attribute name. NameOctets gives their octets
// back: a device compares them, so that a text in another encoding would be one of another session.
func (d *Device) SessionNames() Values {
	names := make(Values, len(sessionNames))
	for i := range d.AVPs {
		v := &d.AVPs[i]
		if v.Invalid || v.Attr == nil || v.Attr.Vendor != nil || v.Attr.Parent != nil || !sessionNames[v.Attr.Number] || names[v.Attr.Name] != nil {
			continue
		}
		if v.Attr.Type != TypeString {
			names[v.Attr.Name] = v.Attr.Text(v.Value)
			continue
		}
		text := string(v.Value)
		if !utf8.ValidString(text) || strings.HasPrefix(text, hexadecimal) {
			text = hexadecimal + hex.EncodeToString(v.Value)
		}
		names[v.Attr.Name] = text
	}
	return names
}

// NameOctets are the octets of a text of SessionNames.
func NameOctets(text string) string {
	digits, marked := strings.CutPrefix(text, hexadecimal)
	if octets, err := hex.DecodeString(digits); marked && err == nil {
		return string(octets)
	}
	return text
}
