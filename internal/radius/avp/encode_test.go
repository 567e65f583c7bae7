package avp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp/avptest"
)

const testSecret = "the shared secret"

// testAuth is the authenticator of the requests here.
var testAuth = radius.Authenticator(bytes.Repeat([]byte{0xa5}, radius.AuthenticatorLen))

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// encoded makes a packet of AVPs.
func encoded(d aaa.Dictionary, avps ...aaa.AVP) (radius.Packet, error) {
	var e Encoder
	key := radius.NewKey([]byte(testSecret))
	e.Begin(radius.AccessRequest, &testAuth, key, 0xa5a5, d)
	for _, v := range avps {
		before := bytes.Clone(e.Packet)
		if err := e.Add(v); err != nil {
			if !bytes.Equal(e.Packet, before) {
				return radius.Packet{}, fmt.Errorf("a refused AVP changed the packet: %w", err)
			}
			return radius.Packet{}, err
		}
	}
	key.SignRequest(e.Packet)
	return radius.Parse(e.Packet)
}

// decoded makes AVPs of a packet, as the other end would.
func decoded(d aaa.Dictionary, p radius.Packet) []aaa.AVP {
	x := Decoder{Dict: d, Cipher: radius.Cipher{Key: radius.NewKey([]byte(testSecret)), Request: &testAuth}}
	return x.Decode(p.Clone())
}

// received makes AVPs of attributes in hexadecimal digits.
func received(t testing.TB, d aaa.Dictionary, digits string) []aaa.AVP {
	t.Helper()
	b := append(radius.AppendHeader(nil, radius.AccessAccept, 0, &testAuth), unhex(t, digits)...)
	radius.NewKey(nil).SignReply(b, &testAuth)
	p, err := radius.Parse(b)
	if err != nil {
		t.Fatalf("%s: %v", digits, err)
	}
	return decoded(d, p)
}

func attributes(t testing.TB, avps ...aaa.AVP) string {
	t.Helper()
	p, err := encoded(nil, avps...)
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(p.Octets()[radius.HeaderLen:])
}

// TestFraming is octet by octet what each kind of attribute looks like.
func TestFraming(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	tagged := func(name string, tag uint8, value string) aaa.AVP {
		v := d.AVP(name, value)
		v.Tag = tag
		return v
	}
	for _, tc := range []struct {
		name string
		avps []aaa.AVP
		want string
	}{
		{"RFC 2865 §5: text", []aaa.AVP{d.AVP("User-Name", "bob")}, "0105626f62"},
		{"RFC 2865 §5: an empty text is left out", []aaa.AVP{d.AVP("User-Name", ""), d.AVP("Class", "x")}, "190378"},
		{"never on the wire", []aaa.AVP{d.AVP("Internal-Thing", "x")}, ""},
		{"RFC 2868 §3.1: tagged integer", []aaa.AVP{tagged("Tunnel-Type", 3, "\x00\x00\x00\x0a")}, "40060300000a"},
		{"RFC 2868 §3.3: tagged text", []aaa.AVP{tagged("Tunnel-Client-Endpoint", 2, "ab")}, "4205026162"},
		{"untagged text", []aaa.AVP{tagged("Tunnel-Client-Endpoint", 0, "ab")}, "42046162"},
		{"untagged text that starts like a tag", []aaa.AVP{tagged("Tunnel-Client-Endpoint", 0, "\x01b")}, "4205000162"},
		{"RFC 2865 §5.26: one vendor attribute each", []aaa.AVP{d.AVP("Cisco-AVPair", "a"), d.AVP("Cisco-AVPair", "b")}, "1a0900000009010361" + "1a0900000009010362"},
		{"format 4,0", []aaa.AVP{d.AVP("USR-Text", "a")}, "1a0b000001ad0000900061"},
		{"format 2,1", []aaa.AVP{d.AVP("Lucent-Text", "a")}, "1a0a000012ee012c0461"},
		{"format 2,2", []aaa.AVP{d.AVP("Starent-Text", "a")}, "1a0b00001fe401f4000561"},
		{"WiMAX", []aaa.AVP{d.AVP("WiMAX-Text", "a")}, "1a0a000060b502040061"},
		{"WiMAX TLVs share a parent", []aaa.AVP{d.AVP("WiMAX-Release", "1.0"), d.AVP("WiMAX-Accounting", "\x01")}, "1a11000060b5010b00" + "0105312e30" + "020301"},
		{
			"nested TLVs",
			[]aaa.AVP{d.AVP("WiMAX-Accounting", "\x01"), d.AVP("WiMAX-Sub-One", "\x02"), d.AVP("WiMAX-Sub-Two", "\x00\x03"), d.AVP("WiMAX-Release", "r")},
			"1a18000060b5011200" + "020301" + "0309" + "010302" + "02040003" + "010372",
		},
		{"another attribute in between ends the parent", []aaa.AVP{d.AVP("WiMAX-Accounting", "\x01"), d.AVP("User-Name", "u"), d.AVP("WiMAX-Accounting", "\x02")}, "1a0c000060b5010600020301" + "010375" + "1a0c000060b5010600020302"},
		{"RFC 6929 §2.1: extended", []aaa.AVP{d.AVP("Frag-Status", "\x00\x00\x00\x01")}, "f1070100000001"},
		{"RFC 6929 §2.3: TLVs in extended", []aaa.AVP{d.AVP("Ext-TLV-One", "\x00\x00\x00\x01"), d.AVP("Ext-TLV-Two", "a")}, "f10c02" + "010600000001" + "020361"},
		{"RFC 6929 §2.4: EVS", []aaa.AVP{d.AVP("EVS-Text", "a")}, "f1091a000000090161"},
		{"RFC 6929 §2.2: long extended", []aaa.AVP{d.AVP("Long-Text", "a")}, "f505010061"},
		{"RFC 6929 §2.4: EVS in long extended", []aaa.AVP{d.AVP("EVS-Long-Text", "a")}, "f50a1a00000000090161"},
	} {
		if got := attributes(t, tc.avps...); got != tc.want {
			t.Errorf("%s:\n%s\nwant\n%s", tc.name, got, tc.want)
		}
	}
}

// TestSplitting is how values over one attribute's room go out.
func TestSplitting(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	hexed := func(s string) string { return hex.EncodeToString([]byte(s)) }
	long := func(n int) string { return strings.Repeat("x", n) }
	for _, tc := range []struct {
		name string
		avp  aaa.AVP
		want string
	}{
		{"RFC 3579 §3.1: EAP-Message at 253", d.AVP("EAP-Message", long(254)), "4fff" + hexed(long(253)) + "4f0378"},
		{"WiMAX continuation", d.AVP("WiMAX-Text", long(247)), "1aff000060b502f980" + hexed(long(246)) + "1a0a000060b502040078"},
		{"RFC 6929 §2.2: the More flag", d.AVP("Long-Text", long(252)), "f5ff0180" + hexed(long(251)) + "f505010078"},
		{
			"RFC 6929 §2.4: the vendor stands in the first fragment only", d.AVP("EVS-Long-Text", long(247)),
			"f5ff1a800000000901" + hexed(long(246)) + "f5051a0078",
		},
	} {
		if got := attributes(t, tc.avp); got != tc.want {
			t.Errorf("%s:\n%s\nwant\n%s", tc.name, got, tc.want)
		}
	}
}

// TLVs that no longer fit into their parent start another one.
func TestFullParent(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	value := strings.Repeat("x", 118) // with its header 120: two fit into 246
	got := attributes(t, d.AVP("WiMAX-Release", value), d.AVP("WiMAX-Release", value), d.AVP("WiMAX-Release", value))
	one := "0178" + hex.EncodeToString([]byte(value))
	if want := "1af9000060b501f300" + one + one + "1a81000060b5017b00" + one; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// No salt is used twice in a packet, and each has its high bit (RFC 2868 §3.5).
func TestSalts(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	var avps []aaa.AVP
	for range 100 {
		avps = append(avps, d.AVP("Tunnel-Password", "x"))
	}
	p, err := encoded(nil, avps...)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for number, b := range p.Attributes() {
		if number == 69 {
			salt := string(b[1:3])
			if seen[salt] || salt[0]&0x80 == 0 {
				t.Errorf("salt %x", salt)
			}
			seen[salt] = true
		}
	}
	if len(seen) != len(avps) {
		t.Errorf("%d salts", len(seen))
	}
}

// What does not fit is refused by name, before anything is appended, and the error holds no value.
func TestFaults(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	long := func(n int) string { return strings.Repeat("x", n) }
	loop := &aaa.Attribute{Name: "Loop", Number: 1, Type: aaa.TypeTLV, Wire: true}
	loop.Parent = loop
	for name, v := range map[string]aaa.AVP{
		"text of 254":               d.AVP("User-Name", long(254)),
		"password of 129":           d.AVP("User-Password", long(129)),
		"tunnel password of 240":    d.AVP("Tunnel-Password", long(240)),
		"vendor text of 248":        d.AVP("Cisco-AVPair", long(248)),
		"Ascend secret of 17":       d.AVP("Ascend-Send-Secret", long(17)),
		"extended of 253":           d.AVP("Ext-TLV-Two", long(251)),
		"EVS of 248":                d.AVP("EVS-Text", long(248)),
		"TLV of 254":                d.AVP("WiMAX-Release", long(254)),
		"integer of 3":              d.AVP("NAS-Port", "abc"),
		"tagged integer of 25 bits": {Attr: d.Must("Tunnel-Type"), Value: []byte{1, 0, 0, 0}},
		"tag 32":                    {Attr: d.Must("Tunnel-Type"), Tag: 32, Value: []byte{0, 0, 0, 1}},
		"number over 255":           {Attr: &aaa.Attribute{Name: "X", Number: 256, Wire: true}, Value: []byte{1}},
		"parents in a loop":         {Attr: loop, Value: []byte{1}},
	} {
		_, err := encoded(nil, d.AVP("User-Name", "bob"), v)
		var f *Fault
		if !errors.As(err, &f) || f.Attr != v.Attr || f.Rule == "" {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(fmt.Sprintf("%v %+v", err, f), "xxx") {
			t.Errorf("%s: the error holds the value: %v", name, err)
		}
	}
}

// Reset leaves no value that was not encrypted in the Encoder's memory.
func TestResetForgetsPasswords(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	var e Encoder
	e.Begin(radius.AccessRequest, &testAuth, radius.NewKey([]byte(testSecret)), 0, nil)
	for _, v := range []aaa.AVP{d.AVP("Long-Text", strings.Repeat("correct horse", 30)), d.AVP("User-Name", "correct horse")} {
		if err := e.Add(v); err != nil {
			t.Fatal(err)
		}
	}
	e.Reset()
	for _, b := range [][]byte{e.value[:cap(e.value)], e.whole[:cap(e.whole)]} {
		if bytes.Contains(b, []byte("horse")) {
			t.Error("a value is left")
		}
	}
}

// Mask overwrites what is secret and not encrypted, until Reset.
func TestMask(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	e := Encoder{Mask: true}
	for _, mask := range []bool{true, false} {
		e.Begin(radius.AccessRequest, &testAuth, radius.NewKey([]byte(testSecret)), 0, nil)
		for _, v := range []aaa.AVP{d.AVP("CHAP-Password", "a hash"), d.AVP("User-Name", "bob")} {
			if err := e.Add(v); err != nil {
				t.Fatal(err)
			}
		}
		want := "\x03\x08a hash\x01\x05bob"
		if mask {
			want = "\x03\x08******\x01\x05bob"
		}
		if got := e.Packet[radius.HeaderLen:]; string(got) != want {
			t.Errorf("mask %v: %q", mask, got)
		}
		e.Reset()
	}
}
