package dict

import (
	"regexp"
	"strconv"
	"strings"

	"aaa-api/internal/aaa"
)

// typeSpellings are the names of the data types: those of FreeRADIUS 3 first, which
// the service writes itself, then those of RFC 8044 and of FreeRADIUS 3.2's newest files.
var typeSpellings = map[string]aaa.Type{
	"string": aaa.TypeString, "octets": aaa.TypeOctets, "integer": aaa.TypeInteger,
	"integer64": aaa.TypeInteger64, "short": aaa.TypeShort, "byte": aaa.TypeByte,
	"signed": aaa.TypeSigned, "date": aaa.TypeDate, "ipaddr": aaa.TypeIPAddr,
	"ipv6addr": aaa.TypeIPv6Addr, "ipv4prefix": aaa.TypeIPv4Prefix, "ipv6prefix": aaa.TypeIPv6Prefix,
	"ifid": aaa.TypeIfID, "ether": aaa.TypeEther, "abinary": aaa.TypeABinary,
	"combo-ip": aaa.TypeComboIP, "tlv": aaa.TypeTLV, "extended": aaa.TypeExtended,
	"long-extended": aaa.TypeLongExtended, "vsa": aaa.TypeVSA, "evs": aaa.TypeEVS, "bool": aaa.TypeBool,

	"text": aaa.TypeString, "concat": aaa.TypeOctets, "enum": aaa.TypeInteger, "time": aaa.TypeDate,
	"uint8": aaa.TypeByte, "uint16": aaa.TypeShort, "uint32": aaa.TypeInteger, "uint64": aaa.TypeInteger64,
	"int32": aaa.TypeSigned, "ipv4addr": aaa.TypeIPAddr, "ipv4": aaa.TypeIPAddr, "ipv6": aaa.TypeIPv6Addr,
	"cidr": aaa.TypeIPv4Prefix, "boolean": aaa.TypeBool, "filter": aaa.TypeABinary, "combo-ipaddr": aaa.TypeComboIP,
	"extended-flags": aaa.TypeLongExtended, "long_extended": aaa.TypeLongExtended,
}

var typeNames = map[aaa.Type]string{
	aaa.TypeString: "string", aaa.TypeOctets: "octets", aaa.TypeInteger: "integer",
	aaa.TypeInteger64: "integer64", aaa.TypeShort: "short", aaa.TypeByte: "byte",
	aaa.TypeSigned: "signed", aaa.TypeDate: "date", aaa.TypeIPAddr: "ipaddr",
	aaa.TypeIPv6Addr: "ipv6addr", aaa.TypeIPv4Prefix: "ipv4prefix", aaa.TypeIPv6Prefix: "ipv6prefix",
	aaa.TypeIfID: "ifid", aaa.TypeEther: "ether", aaa.TypeABinary: "abinary",
	aaa.TypeComboIP: "combo-ip", aaa.TypeTLV: "tlv", aaa.TypeExtended: "extended",
	aaa.TypeLongExtended: "long-extended", aaa.TypeVSA: "vsa", aaa.TypeEVS: "evs", aaa.TypeBool: "bool",
}

// TypeName is the spelling of a type in the files that the service writes.
func TypeName(t aaa.Type) string { return typeNames[t] }

// TypeOf reads a type's spelling in any case; octets[n] (n 1..253) gives its length, else length is 0.
func TypeOf(s string) (t aaa.Type, length int, ok bool) {
	if t, ok := typeSpellings[s]; ok {
		return t, 0, true
	}
	s = strings.ToLower(s)
	if rest, found := strings.CutPrefix(s, "octets["); found {
		digits, found := strings.CutSuffix(rest, "]")
		n, err := strconv.ParseUint(digits, 10, 8)
		if !found || err != nil || n < 1 || n > 253 {
			return 0, 0, false
		}
		return aaa.TypeOctets, int(n), true
	}
	t, ok = typeSpellings[s]
	return t, 0, ok
}

// EncOf reads an enc: no (or nothing), scramble or yes (RFC 2865 §5.2), salt_crypt
// (RFC 2868 §3.5), ascend.
func EncOf(s string) (aaa.Encryption, bool) {
	switch s {
	case "", "no":
		return aaa.EncNone, true
	case "scramble", "yes":
		return aaa.EncUser, true
	case "salt_crypt":
		return aaa.EncTunnel, true
	case "ascend":
		return aaa.EncAscend, true
	}
	return 0, false
}

// container tells the types that hold attributes of their own.
func container(t aaa.Type) bool {
	switch t {
	case aaa.TypeTLV, aaa.TypeExtended, aaa.TypeLongExtended, aaa.TypeVSA, aaa.TypeEVS:
		return true
	}
	return false
}

// parseFormat reads a vendor's format: "1,1", "4,0", "1,1,c".
func parseFormat(s string) (typ, length uint8, cont, ok bool) {
	if s == "" {
		return 1, 1, false, true
	}
	parts := strings.Split(s, ",")
	if len(parts) == 3 && parts[2] == "c" {
		cont = true
		parts = parts[:2]
	}
	if len(parts) != 2 || len(parts[0]) != 1 || len(parts[1]) != 1 {
		return 0, 0, false, false
	}
	typ, length = parts[0][0]-'0', parts[1][0]-'0'
	if typ != 1 && typ != 2 && typ != 4 || length > 2 || cont && (typ != 1 || length != 1) {
		return 0, 0, false, false
	}
	return typ, length, cont, true
}

func canonFormat(s string) string {
	if s == "1,1" {
		return ""
	}
	return s
}

var reservedName = regexp.MustCompile(`(?i)^(attr-[0-9.]+|vendor-[0-9]+|[0-9.]+)$`)

// checkName says what is wrong with a vendor's or attribute's name, "" if nothing is.
func checkName(s string) string {
	if s == "" || len(s) > MaxName {
		return "a name has 1 to 128 characters"
	}
	for i := range len(s) {
		c := s[i]
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' ||
			c == '-' || c == '_' || c == '.' || c == '/' {
			continue
		}
		return "a name has only letters, digits and - _ . /"
	}
	if reservedName.MatchString(s) {
		return "names like Attr-26.9.1, Vendor-9 and 26.9 stand for numbers and can't be defined"
	}
	return ""
}

// nameFault says what is wrong with an attribute's name, "" if nothing is.
func nameFault(name string, vid, id uint32) string {
	if vid == aaa.VendorTACACS && id >= aaa.FirstArgument {
		return checkArgument(name)
	}
	return checkName(name)
}

// checkArgument says what is wrong with the name of an argument of TACACS+, "" if nothing is: devices send shell:roles
// and inacl#1, and only what separates a name from its value can't be in it (RFC 8907 §6.1).
func checkArgument(s string) string {
	if s == "" || len(s) > MaxName {
		return "a name has 1 to 128 characters"
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || s[i] == '=' || s[i] == '*' {
			return "the name of an argument has only printable US-ASCII without spaces, = and *"
		}
	}
	return ""
}

// checkValueName says what is wrong with a value's name, "" if nothing is.
func checkValueName(s string) string {
	if s == "" || len(s) > MaxName {
		return "a name has 1 to 128 characters"
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f || s[i] == '#' {
			return "a value name has only printable ASCII characters other than space and #"
		}
	}
	return ""
}
