package dict

import (
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
)

// mustSet compiles dictionaries given as FreeRADIUS text, each for itself.
func mustSet(t testing.TB, texts ...string) *Set {
	t.Helper()
	var list []*Compiled
	for i, text := range texts {
		name := string(rune('a' + i))
		entries, err := ParseText(name, []byte(text), NewSet(list...))
		if err != nil {
			t.Fatal(err)
		}
		c, err := Compile(name, entries, NewSet(list...))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, c)
	}
	return NewSet(list...)
}

const valueDict = `
ATTRIBUTE	String		1	string
ATTRIBUTE	Octets		4	octets
ATTRIBUTE	Octets4		5	octets[4]
ATTRIBUTE	Integer		6	integer
ATTRIBUTE	Integer64	7	integer64
ATTRIBUTE	Short		8	uint16
ATTRIBUTE	Byte		9	uint8
ATTRIBUTE	Signed		10	int32
ATTRIBUTE	Date		11	date
ATTRIBUTE	IPAddr		12	ipv4addr
ATTRIBUTE	IPv6Addr	13	ipv6addr
ATTRIBUTE	IPv4Prefix	14	ipv4prefix
ATTRIBUTE	IPv6Prefix	15	ipv6prefix
ATTRIBUTE	IfID		16	ifid
ATTRIBUTE	Ether		17	ether
ATTRIBUTE	Filter		18	abinary
ATTRIBUTE	Combo		19	combo-ip
ATTRIBUTE	Bool		20	bool
ATTRIBUTE	Tagged		64	integer	has_tag
ATTRIBUTE	Tagged-Text	65	string	has_tag
ATTRIBUTE	Salted		66	string	has_tag,encrypt=2
ATTRIBUTE	Long		79	octets	concat
ATTRIBUTE	Hosts		80	ipaddr	array
ATTRIBUTE	Ext-1		241	extended
ATTRIBUTE	Ext-1-Text	241.1	text
ATTRIBUTE	Ext-5		245	long-extended
ATTRIBUTE	Ext-5-Text	245.1	text
ATTRIBUTE	EVS-1		241.26	evs
VENDOR		V		9
VENDOR		Wi		24757	format=1,1,c
BEGIN-VENDOR	V
ATTRIBUTE	V-Text		1	string
ATTRIBUTE	V-TLV		2	tlv
ATTRIBUTE	V-Sub		2.1	string
END-VENDOR	V
BEGIN-VENDOR	V	format=EVS-1
ATTRIBUTE	V-EVS		1	string
END-VENDOR	V
BEGIN-VENDOR	Wi
ATTRIBUTE	Wi-Long		1	octets
END-VENDOR	Wi
VALUE	Integer	One	1
VALUE	Integer	Uno	1
VALUE	Integer	56	2
VALUE	Signed	Minus	-1
VALUE	Integer64	Many	0x7fffffffffffffff
`

func TestValues(t *testing.T) {
	t.Parallel()
	s := mustSet(t, valueDict)
	for _, tc := range []struct{ attr, text, wire, back string }{
		{"String", "bob", "626f62", ""},
		{"String", "0x41", "30783431", ""},
		{"String", "", "", ""},
		{"Octets", "0x00Ff", "00ff", "0x00ff"},
		{"Octets", "bob", "626f62", "0x626f62"},
		{"Octets4", "0x01020304", "01020304", ""},
		{"Integer", "one", "00000001", "One"}, // the first name of a number is printed
		{"Integer", "Uno", "00000001", "One"},
		{"Integer", "56", "00000002", ""}, // a value's name, not a number
		{"Integer", "0x10", "00000010", "16"},
		{"Integer", "4294967295", "ffffffff", ""},
		{"Integer64", "18446744073709551615", "ffffffffffffffff", ""},
		{"Integer64", "many", "7fffffffffffffff", "Many"},
		{"Short", "65535", "ffff", ""},
		{"Byte", "0xFf", "ff", "255"},
		{"Signed", "-2147483648", "80000000", ""},
		{"Signed", "0xffffffff", "ffffffff", "Minus"},
		{"Date", "0", "00000000", "1970-01-01T00:00:00Z"},
		{"Date", "2026-02-03T05:05:06+01:00", "698173f2", "2026-02-03T04:05:06Z"},
		{"Date", "Feb  3 2026 04:05:06 UTC", "698173f2", "2026-02-03T04:05:06Z"},
		{"Date", "4294967295", "ffffffff", "2106-02-07T06:28:15Z"},
		{"IPAddr", "192.0.2.1", "c0000201", ""},
		{"IPAddr", "0xc0000201", "c0000201", "192.0.2.1"},
		{"IPv6Addr", "::ffff:1.2.3.4", "00000000000000000000ffff01020304", ""},
		{"IPv4Prefix", "192.0.2.77/24", "0018c0000200", "192.0.2.0/24"},
		{"IPv4Prefix", "192.0.2.77", "0020c000024d", "192.0.2.77/32"},
		{"IPv4Prefix", "0.0.0.0/0", "000000000000", ""},
		{"IPv6Prefix", "2001:db8::/32", "002020010db8", ""}, // RFC 8044 §3.10: no more octets than needed
		{"IPv6Prefix", "2001:db8::1", "008020010db8000000000000000000000001", "2001:db8::1/128"},
		{"IPv6Prefix", "::/0", "0000", ""},
		{"IfID", "0:1:ABCD:ffff", "00000001abcdffff", "0:1:abcd:ffff"},
		{"Ether", "00-11-22-aa-BB-ff", "001122aabbff", "00:11:22:aa:bb:ff"},
		{"Filter", "0x0100", "0100", ""},
		{"Combo", "192.0.2.1", "c0000201", ""},
		{"Combo", "2001:db8::1", "20010db8000000000000000000000001", ""},
		{"Bool", "YES", "01", "true"},
		{"Bool", "0", "00", "false"},
		{"Tagged", "16777215", "00ffffff", ""},
		{"Hosts", "192.0.2.1, 192.0.2.2", "c0000201c0000202", "192.0.2.1,192.0.2.2"},
	} {
		a := s.ByName(tc.attr)
		wire, err := s.Encode(a, tc.text)
		if err != nil {
			t.Errorf("%s %q: %v", tc.attr, tc.text, err)
			continue
		}
		if got := hex.EncodeToString(wire); got != tc.wire {
			t.Errorf("%s %q is %s, want %s", tc.attr, tc.text, got, tc.wire)
		}
		want := tc.back
		if want == "" {
			want = tc.text
		}
		if got := s.Text(a, wire); got != want {
			t.Errorf("%s %s prints as %q, want %q", tc.attr, tc.wire, got, want)
		}
	}
}

func TestBadValues(t *testing.T) {
	t.Parallel()
	s := mustSet(t, valueDict)
	secret := "s3cr3t-hunter2"
	for _, tc := range []struct{ attr, text, want string }{
		{"String", strings.Repeat("x", 254), "at most 253"},
		{"V-Text", strings.Repeat("x", 248), "at most 247"},         // RFC 2865 §5.26
		{"V-Sub", strings.Repeat("x", 246), "at most 245"},          // two octets of TLV header
		{"Tagged-Text", strings.Repeat("x", 253), "at most 252"},    // RFC 2868 §3.1
		{"Salted", strings.Repeat("x", 240), "at most 239"},         // RFC 2868 §3.5
		{"Ext-1-Text", strings.Repeat("x", 253), "at most 252"},     // RFC 6929 §2.1
		{"V-EVS", strings.Repeat("x", 248), "at most 247"},          // RFC 6929 §2.4
		{"Ext-5-Text", strings.Repeat("x", 4096), "at most 4074"},   // RFC 6929 §2.2: fragments, a packet's worth
		{"Wi-Long", "0x" + strings.Repeat("00", 4096), "at most"},   // continued, a packet's worth
		{"Long", "0x" + strings.Repeat("00", 4096), "at most 4074"}, // concat, a packet's worth
		{"Octets", "0x123", "even number"},
		{"Octets", "0xzz", "even number"},
		{"Octets4", "0x010203", "exactly 4"},
		{"Octets4", "abcde", "exactly 4"},
		{"Integer", "4294967296", "not in 0..4294967295"},
		{"Integer", "-1", "not in"},
		{"Integer", "99999999999999999999999", "too big"},
		{"Integer", "0x", "neither"},
		{"Integer", "", "neither"},
		{"Integer", secret, "neither"},
		{"Integer64", "18446744073709551616", "too big"},
		{"Integer64", "-1", "not in"},
		{"Short", "65536", "not in 0..65535"},
		{"Byte", "256", "not in 0..255"},
		{"Signed", "2147483648", "not in -2147483648..2147483647"},
		{"Signed", "-2147483649", "not in"},
		{"Signed", "0x100000000", "not in"},
		{"Tagged", "16777216", "not in 0..16777215"}, // the tag takes the first octet
		{"Date", "4294967296", "not in"},
		{"Date", "1969-12-31T23:59:59Z", "1970"},
		{"Date", "yesterday", "neither"},
		{"Date", "Feb  3 2026 04:05:06 XYZ", "neither"},
		{"IPAddr", "2001:db8::1", "IPv4"},
		{"IPAddr", "0x010203", "IPv4"},
		{"IPv6Addr", "192.0.2.1", "IPv6"},
		{"IPv6Addr", "fe80::1%eth0", "IPv6"},
		{"IPv4Prefix", "192.0.2.1/33", "IPv4 prefix"},
		{"IPv6Prefix", "192.0.2.1/24", "IPv6 prefix"},
		{"IPv6Prefix", "fe80::1%eth0", "IPv6 prefix"},
		{"IfID", "1:2:3", "interface"},
		{"IfID", "1:2:3:4:5", "interface"},
		{"IfID", "1:2:3:12345", "interface"},
		{"Ether", "00:11:22:33:44", "Ethernet"},
		{"Ether", "00:11:22:33:44.55", "Ethernet"},
		{"Combo", "localhost", "IP address"},
		{"Bool", "2", "true or false"},
		{"Filter", "ip in drop", "0x"},
		{"V-TLV", "text", "0x"},
		{"Hosts", "192.0.2.1,no", "IPv4"},
		{"Hosts", strings.Repeat("192.0.2.1,", 63) + "192.0.2.1", "too long"},
	} {
		dst := []byte("kept")
		out, err := s.Append(dst, s.ByName(tc.attr), tc.text)
		if err == nil || !strings.Contains(err.Error(), tc.want) || aaa.KindOf(err) != aaa.KindBadInput {
			t.Errorf("%s %.20q: %v, want an error with %q", tc.attr, tc.text, err, tc.want)
			continue
		}
		if !strings.HasPrefix(err.Error(), tc.attr+": ") || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error says %v", tc.attr, err)
		}
		if string(out) != "kept" {
			t.Errorf("%s: a failure appended %x", tc.attr, out)
		}
	}
}

func TestEncodeInt(t *testing.T) {
	t.Parallel()
	s := mustSet(t, valueDict)
	for _, tc := range []struct {
		attr string
		n    int64
		wire string // "" for an error
	}{
		{"Integer", 1 << 32, ""},
		{"Integer", -1, ""},
		{"Integer", 56, "00000038"}, // a number here, not the value name
		{"Byte", 255, "ff"},
		{"Byte", 256, ""},
		{"Signed", -1, "ffffffff"},
		{"Integer64", 1, "0000000000000001"},
		{"Date", 1, "00000001"},
		{"String", -12, "2d3132"},
		{"Bool", 2, ""},
		{"IPAddr", 1, ""},
		{"Octets", 1, ""},
		{"Tagged", 1 << 24, ""},
	} {
		wire, err := s.EncodeInt(s.ByName(tc.attr), tc.n)
		if got := hex.EncodeToString(wire); got != tc.wire || (err == nil) != (tc.wire != "") {
			t.Errorf("%s %d is %s (%v), want %s", tc.attr, tc.n, got, err, tc.wire)
		}
	}
}

// TestDecode has the octets that a server may answer with, right or wrong.
func TestDecode(t *testing.T) {
	t.Parallel()
	s := mustSet(t, valueDict)
	for _, tc := range []struct {
		attr, wire string
		json       any
		integer    string
	}{
		{"String", "626f62", "bob", ""},
		{"String", "62ff", "bÿ", ""}, // not UTF-8: windows-1252
		{"String", "62ff00", "0x62ff00", ""},
		{"Octets", "", "0x", ""},
		{"Integer", "00000001", "One", "1"},
		{"Integer", "00000007", int64(7), "7"},
		{"Integer", "000007", "0x000007", ""},
		{"Integer64", "ffffffffffffffff", uint64(1<<64 - 1), "18446744073709551615"},
		{"Integer64", "0000000000000005", int64(5), "5"},
		{"Signed", "fffffffe", int64(-2), "-2"},
		{"Byte", "05", int64(5), "5"},
		{"Bool", "01", true, ""},
		{"Bool", "07", "0x07", ""},
		{"Date", "00000001", "1970-01-01T00:00:01Z", "1"},
		{"Date", "01", "0x01", ""},
		{"IPAddr", "0102", "0x0102", ""},
		{"IPAddr", "20010db8000000000000000000000001", "0x20010db8000000000000000000000001", ""},
		{"Combo", "0102030405", "0x0102030405", ""},
		{"IPv4Prefix", "0021c0000201", "0x0021c0000201", ""},
		{"IPv6Prefix", "004020010db8000a", "2001:db8:a::/64", ""}, // zero octets at the end left out
		{"IPv6Prefix", "0040", "::/64", ""},
		{"IPv6Prefix", "008120010db8", "0x008120010db8", ""},
		{"IPv4Prefix", "0018c00002", "192.0.2.0/24", ""},
		{"IPv4Prefix", "0000", "0.0.0.0/0", ""},
		{"IPv6Prefix", "00", "0x00", ""},
		{"IPv6Prefix", "002020010db8000000000000000000000001", "2001:db8::/32", ""}, // more than needed
		{"IfID", "00", "0x00", ""},
		{"Hosts", "c0000201c00002", "0xc0000201c00002", ""},
	} {
		a := s.ByName(tc.attr)
		wire, err := hex.DecodeString(tc.wire)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.JSON(a, wire); !reflect.DeepEqual(got, tc.json) {
			t.Errorf("%s %s is %#v, want %#v", tc.attr, tc.wire, got, tc.json)
		}
		if got, ok := s.IntText(a, wire); got != tc.integer || ok != (tc.integer != "") {
			t.Errorf("%s %s is the integer %q", tc.attr, tc.wire, got)
		}
	}
}

// TestErrorsSayWhatIsWrong: a length or range in a message is that of the value that was given, and of all that the type takes.
func TestErrorsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	set := mustSet(t, "ATTRIBUTE Four 200 octets[4]\nATTRIBUTE Any 201 octets\nATTRIBUTE Long 202 integer64\n")
	for _, tc := range []struct{ name, text, want, not string }{
		{"Four", "0xzz", "hexadecimal digits", "octets"},
		{"Four", "0x0", "hexadecimal digits", "octets"},
		{"Four", "0x00", "has 1 octets", ""},
		{"Any", "0x" + strings.Repeat("z", 600), "hexadecimal digits", "too long"},
		{"Long", "-1", "0..18446744073709551615", "9223372036854775807"},
	} {
		_, err := set.Encode(set.ByName(tc.name), tc.text)
		if err == nil || !strings.Contains(err.Error(), tc.want) || tc.not != "" && strings.Contains(err.Error(), tc.not) {
			t.Errorf("%s %.10s: %v, want an error with %q", tc.name, tc.text, err, tc.want)
		}
	}
}
