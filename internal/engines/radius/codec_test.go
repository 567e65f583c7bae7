package radius

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fixed is a random source whose every octet is 0xa5.
type fixed struct{}

func (fixed) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 0xa5
	}
	return len(b), nil
}

// built makes the signed packet of a request.
func built(t testing.TB, req *engines.Request) (*pending, error) {
	t.Helper()
	p := newPending(fixed{})
	if err := p.build(req, []byte(testSecret), time.Unix(1700000000, 0)); err != nil {
		return nil, err
	}
	p.sign(7, []byte(testSecret), &key{secret: []byte(testSecret)})
	return p, nil
}

func attributes(t testing.TB, avps ...aaa.AVP) string {
	t.Helper()
	p, err := built(t, &engines.Request{AVPs: avps, NASAddress: netip.MustParseAddr("192.0.2.1")})
	if err != nil {
		t.Fatal(err)
	}
	checkMessageAuthenticator(t, p.frame.buf)
	body := p.frame.buf[headerLen+18:]
	return hex.EncodeToString(body[:len(body)-6]) // without NAS-IP-Address
}

func TestRFC2865Section7_1(t *testing.T) {
	t.Parallel()
	auth := [authLen]byte(unhex(t, "0f403f9473978057bd83d5cb98f4227a"))
	h := hider{secret: []byte("xyzzy5461"), auth: &auth}
	if got := h.appendUser(nil, []byte("arctangent")); !bytes.Equal(got, unhex(t, "0dbe708d93d413ce3196e43f782a0aee")) {
		t.Errorf("User-Password %x", got)
	}
	reply := unhex(t, "02000026 86fe220e7624ba2a1005f6bf9b55e0b2 060600000001 0f0600000000 0e06c0a80103")
	m := &key{secret: h.secret}
	if hasMA, err := verify(reply, codeAccessRequest, &auth, h.secret, m, false); err != nil || hasMA {
		t.Errorf("the Access-Accept does not verify: %v", err)
	}
	if _, err := verify(reply, codeAccessRequest, &auth, h.secret, m, true); !errors.Is(err, errMAMissing) {
		t.Errorf("without Message-Authenticator: %v", err)
	}
}

func TestRFC2759Section9_2(t *testing.T) {
	t.Parallel()
	got, err := msCHAP2(1, []byte(`DOMAIN\User`), []byte("clientPass"),
		unhex(t, "5B5D7C7D7B3F2F3E3C2C602132262628"), unhex(t, "21402324255E262A28295F2B3A337C7E"))
	want := unhex(t, "0100 21402324255E262A28295F2B3A337C7E 0000000000000000 82309ECD8D708B5EA08FAA3981CD83544233114A3D85D6DF")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%x, %v\nwant %x", got, err, want)
	}
}

func TestRFC2433AppendixB(t *testing.T) {
	t.Parallel()
	got, err := msCHAP(1, []byte("MyPw"), unhex(t, "102DB5DF085D3041"))
	want := unhex(t, "0101"+strings.Repeat("00", 24)+"4E9D3C8F9CFD385D5BF4D3246791956CA4C351AB409A3D61")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%x, %v\nwant %x", got, err, want)
	}
}

// TestFraming is octet by octet what each kind of attribute looks like.
func TestFraming(t *testing.T) {
	t.Parallel()
	d := newTestDict()
	tagged := func(name string, tag uint8, value string) aaa.AVP {
		v := d.avp(name, value)
		v.Tag = tag
		return v
	}
	for _, tc := range []struct {
		name string
		avps []aaa.AVP
		want string
	}{
		{"RFC 2865 §5: text", []aaa.AVP{d.avp("User-Name", "bob")}, "0105626f62"},
		{"RFC 2865 §5: an empty text is left out", []aaa.AVP{d.avp("User-Name", ""), d.avp("Class", "x")}, "190378"},
		{"RFC 3748 §5.1: an identity in place of an EAP-Start", []aaa.AVP{d.avp("EAP-Message", ""), d.avp("User-Name", "bob")}, "4f0a" + "0200000801626f62" + "0105626f62"},
		{"never on the wire", []aaa.AVP{d.avp("Internal-Thing", "x")}, ""},
		{"a Message-Authenticator of the caller's", []aaa.AVP{d.avp("Message-Authenticator", "0123456789abcdef")}, ""},
		{"RFC 2868 §3.1: tagged integer", []aaa.AVP{tagged("Tunnel-Type", 3, "\x00\x00\x00\x0a")}, "40060300000a"},
		{"RFC 2868 §3.3: tagged text", []aaa.AVP{tagged("Tunnel-Client-Endpoint", 2, "ab")}, "4205026162"},
		{"untagged text", []aaa.AVP{tagged("Tunnel-Client-Endpoint", 0, "ab")}, "42046162"},
		{"untagged text that starts like a tag", []aaa.AVP{tagged("Tunnel-Client-Endpoint", 0, "\x01b")}, "4205000162"},
		{"RFC 2865 §5.26: one vendor attribute each", []aaa.AVP{d.avp("Cisco-AVPair", "a"), d.avp("Cisco-AVPair", "b")}, "1a0900000009010361" + "1a0900000009010362"},
		{"format 4,0", []aaa.AVP{d.avp("USR-Text", "a")}, "1a0b000001ad0000900061"},
		{"format 2,1", []aaa.AVP{d.avp("Lucent-Text", "a")}, "1a0a000012ee012c0461"},
		{"format 2,2", []aaa.AVP{d.avp("Starent-Text", "a")}, "1a0b00001fe401f4000561"},
		{"WiMAX", []aaa.AVP{d.avp("WiMAX-Text", "a")}, "1a0a000060b502040061"},
		{"WiMAX TLVs share a parent", []aaa.AVP{d.avp("WiMAX-Release", "1.0"), d.avp("WiMAX-Accounting", "\x01")}, "1a11000060b5010b00" + "0105312e30" + "020301"},
		{
			"nested TLVs",
			[]aaa.AVP{d.avp("WiMAX-Accounting", "\x01"), d.avp("WiMAX-Sub-One", "\x02"), d.avp("WiMAX-Sub-Two", "\x00\x03"), d.avp("WiMAX-Release", "r")},
			"1a18000060b5011200" + "020301" + "0309" + "010302" + "02040003" + "010372",
		},
		{"another attribute in between ends the parent", []aaa.AVP{d.avp("WiMAX-Accounting", "\x01"), d.avp("User-Name", "u"), d.avp("WiMAX-Accounting", "\x02")}, "1a0c000060b5010600020301" + "010375" + "1a0c000060b5010600020302"},
		{"RFC 6929 §2.1: extended", []aaa.AVP{d.avp("Frag-Status", "\x00\x00\x00\x01")}, "f1070100000001"},
		{"RFC 6929 §2.3: TLVs in extended", []aaa.AVP{d.avp("Ext-TLV-One", "\x00\x00\x00\x01"), d.avp("Ext-TLV-Two", "a")}, "f10c02" + "010600000001" + "020361"},
		{"RFC 6929 §2.4: EVS", []aaa.AVP{d.avp("EVS-Text", "a")}, "f1091a000000090161"},
		{"RFC 6929 §2.2: long extended", []aaa.AVP{d.avp("Long-Text", "a")}, "f505010061"},
		{"RFC 6929 §2.4: EVS in long extended", []aaa.AVP{d.avp("EVS-Long-Text", "a")}, "f50a1a00000000090161"},
	} {
		if got := attributes(t, tc.avps...); got != tc.want {
			t.Errorf("%s:\n%s\nwant\n%s", tc.name, got, tc.want)
		}
	}
}

// TestSplitting is how values over one attribute's room go out.
func TestSplitting(t *testing.T) {
	t.Parallel()
	d := newTestDict()
	hexed := func(s string) string { return hex.EncodeToString([]byte(s)) }
	long := func(n int) string { return strings.Repeat("x", n) }
	for _, tc := range []struct {
		name string
		avp  aaa.AVP
		want string
	}{
		{"RFC 3579 §3.1: EAP-Message at 253", d.avp("EAP-Message", long(254)), "4fff" + hexed(long(253)) + "4f0378"},
		{"WiMAX continuation", d.avp("WiMAX-Text", long(247)), "1aff000060b502f980" + hexed(long(246)) + "1a0a000060b502040078"},
		{"RFC 6929 §2.2: the More flag", d.avp("Long-Text", long(252)), "f5ff0180" + hexed(long(251)) + "f505010078"},
		{
			"RFC 6929 §2.4: the vendor stands in the first fragment only", d.avp("EVS-Long-Text", long(247)),
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
	d := newTestDict()
	value := strings.Repeat("x", 118) // with its header 120: two fit into 246
	got := attributes(t, d.avp("WiMAX-Release", value), d.avp("WiMAX-Release", value), d.avp("WiMAX-Release", value))
	one := "0178" + hex.EncodeToString([]byte(value))
	if want := "1af9000060b501f300" + one + one + "1a81000060b5017b00" + one; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// What does not fit is refused, by name, before anything is sent.
func TestRefusedValues(t *testing.T) {
	t.Parallel()
	d := newTestDict()
	long := func(n int) string { return strings.Repeat("x", n) }
	loop := &aaa.Attribute{Name: "Loop", Number: 1, Type: aaa.TypeTLV, Wire: true}
	loop.Parent = loop
	for _, tc := range []struct {
		name string
		avp  aaa.AVP
	}{
		{"text of 254", d.avp("User-Name", long(254))},
		{"password of 129", d.avp("User-Password", long(129))},
		{"tunnel password of 240", d.avp("Tunnel-Password", long(240))},
		{"vendor text of 248", d.avp("Cisco-AVPair", long(248))},
		{"Ascend secret of 17", d.avp("Ascend-Send-Secret", long(17))},
		{"extended of 253", d.avp("Ext-TLV-Two", long(251))},
		{"EVS of 248", d.avp("EVS-Text", long(248))},
		{"TLV of 254", d.avp("WiMAX-Release", long(254))},
		{"integer of 3", d.avp("NAS-Port", "abc")},
		{"tagged integer of 25 bits", aaa.AVP{Attr: d.must("Tunnel-Type"), Value: []byte{1, 0, 0, 0}}},
		{"tag 32", aaa.AVP{Attr: d.must("Tunnel-Type"), Tag: 32, Value: []byte{0, 0, 0, 1}}},
		{"number over 255", aaa.AVP{Attr: &aaa.Attribute{Name: "X", Number: 256, Wire: true}, Value: []byte{1}}},
		{"parents in a loop", aaa.AVP{Attr: loop, Value: []byte{1}}},
		{"MS-CHAP password of 257", aaa.AVP{Attr: d.must("MS-CHAP2-Response"), Value: []byte(long(257)), Clear: true}},
	} {
		_, err := built(t, &engines.Request{AVPs: []aaa.AVP{tc.avp}})
		var e *aaa.Error
		if !errors.As(err, &e) || e.Kind != aaa.KindBadInput || len(e.Fields) != 1 || e.Fields[0].Path != tc.avp.Attr.Name {
			t.Errorf("%s: %v", tc.name, err)
		} else if strings.Contains(fmt.Sprintf("%v %+v", err, e.Fields), "xxx") {
			t.Errorf("%s: the error holds the value: %v", tc.name, err)
		}
	}
	var many []aaa.AVP
	for range 17 {
		many = append(many, d.avp("Reply-Message", long(253)))
	}
	if _, err := built(t, &engines.Request{AVPs: many}); aaa.KindOf(err) != aaa.KindBadInput {
		t.Errorf("a packet over 4096 octets: %v", err)
	}
	if _, err := built(t, &engines.Request{Op: aaa.Accounting, AVPs: []aaa.AVP{d.avp("Tunnel-Password", "x")}}); aaa.KindOf(err) != aaa.KindBadInput {
		t.Errorf("an encrypted attribute in an Accounting-Request: %v", err)
	}
}

// An attribute whose dictionary entry is encrypted never leaves in the clear.
func TestEncryptedNeverInTheClear(t *testing.T) {
	t.Parallel()
	d := newTestDict()
	for _, a := range d.attrs {
		if a.Enc == aaa.EncNone {
			continue
		}
		v := aaa.AVP{Attr: a, Value: []byte("correct horse")}
		for op := range aaa.Op(aaa.NumOps) {
			p, err := built(t, &engines.Request{Op: op, AVPs: []aaa.AVP{v}})
			if err == nil && bytes.Contains(p.frame.buf, v.Value) {
				t.Errorf("%s in %v: %x", a.Name, op, p.frame.buf)
			}
			if err != nil && op != aaa.Accounting {
				t.Errorf("%s in %v: %v", a.Name, op, err)
			}
		}
	}
}

// No salt is used twice in a packet, and each has its high bit (RFC 2868 §3.5).
func TestSalts(t *testing.T) {
	t.Parallel()
	d := newTestDict()
	var avps []aaa.AVP
	for range 100 {
		avps = append(avps, d.avp("Tunnel-Password", "x"))
	}
	p, err := built(t, &engines.Request{AVPs: avps})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for b := p.frame.buf[headerLen:]; len(b) > 0; b = b[b[1]:] {
		if b[0] == 69 {
			salt := string(b[3:5])
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

func TestFilledIn(t *testing.T) {
	t.Parallel()
	d := newTestDict()
	v4, v6 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	for _, tc := range []struct {
		name string
		req  engines.Request
		want string // attribute numbers in order
	}{
		{"nothing given", engines.Request{}, "80 32"},
		{"IPv4", engines.Request{NASAddress: v4, NASPort: 1, HasNASPort: true}, "80 4 5"},
		{"IPv6", engines.Request{NASAddress: v6}, "80 95"},
		{"IPv4 in IPv6", engines.Request{NASAddress: netip.AddrFrom16(v4.As16())}, "80 4"},
		{"given by rules", engines.Request{NASAddress: v6, HasNASPort: true, AVPs: []aaa.AVP{d.avp("NAS-Port", "\x00\x00\x00\x01"), d.avp("NAS-IP-Address", "\x01\x02\x03\x04")}}, "80 5 4"},
		{"NAS-Identifier given", engines.Request{AVPs: []aaa.AVP{d.avp("NAS-Identifier", "x")}}, "80 32"},
		{"authz without credential", engines.Request{Op: aaa.Authz, NASAddress: v4, AVPs: []aaa.AVP{d.avp("User-Name", "u")}}, "80 1 4"},
		{"custom", engines.Request{Op: aaa.Custom, NASAddress: v4}, "80 4"},
		{"accounting", engines.Request{Op: aaa.Accounting, NASAddress: v4}, "4 40 44 55 41"},
		{"accounting given", engines.Request{Op: aaa.Accounting, NASAddress: v4, AVPs: []aaa.AVP{
			d.avp("Acct-Delay-Time", "\x00\x00\x00\x01"), d.avp("Acct-Session-Id", "s"),
			d.avp("Event-Timestamp", "\x00\x00\x00\x01"), d.avp("Acct-Status-Type", "\x00\x00\x00\x03"),
		}}, "41 44 55 40 4"},
		{"RFC 2866 §4.1: no passwords in accounting", engines.Request{Op: aaa.Accounting, NASAddress: v4, AVPs: []aaa.AVP{
			d.avp("User-Password", "p"), d.avp("CHAP-Password", "p"), d.avp("State", "p"), d.avp("Reply-Message", "p"),
		}}, "4 40 44 55 41"},
	} {
		p, err := built(t, &tc.req)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		var got []string
		for b := p.frame.buf[headerLen:]; len(b) > 0; b = b[b[1]:] {
			got = append(got, fmt.Sprint(b[0]))
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%s: %v, want %s", tc.name, got, tc.want)
		}
		code := byte(codeAccessRequest)
		if tc.req.Op == aaa.Accounting {
			code = codeAccountingRequest
			checkAccountingAuthenticator(t, p.frame.buf)
		} else {
			checkMessageAuthenticator(t, p.frame.buf)
		}
		if p.frame.buf[0] != code || p.frame.buf[1] != 7 {
			t.Errorf("%s: code %d, identifier %d", tc.name, p.frame.buf[0], p.frame.buf[1])
		}
	}
}

// Encode shows what would be sent and nothing that the secret could be found with.
func TestEncode(t *testing.T) {
	t.Parallel()
	d := newTestDict()
	c := openTest(t, New(Options{}), aaa.Server{Address: "192.0.2.1", Port: 1812, Secret: aaa.NewSecret(testSecret)})
	a, err := c.Encode(login(d))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Encode(&engines.Request{AVPs: []aaa.AVP{d.avp("User-Name", strings.Repeat("x", 254))}}); aaa.KindOf(err) != aaa.KindBadInput {
		t.Errorf("too long: %v", err)
	}
	if int(a[2])<<8|int(a[3]) != len(a) || string(find(t, a, attrUserName)) != "alice" || c.engine.Descriptors() != 0 {
		t.Errorf("packet %x, %d sockets", a, c.engine.Descriptors())
	}
	h := hider{secret: []byte(testSecret), auth: (*[authLen]byte)(a[4:20])}
	if p, err := h.user(find(t, a, attrUserPassword), d.must("User-Password")); err == nil && string(p) == "correct horse" {
		t.Error("hidden under the server's secret")
	}
}

// What is secret and travels in the clear is not shown; what is sent later has it.
func TestEncodeMasks(t *testing.T) {
	t.Parallel()
	d := newTestDict()
	c := openTest(t, New(Options{}), aaa.Server{Address: "192.0.2.1", Port: 1812, Secret: aaa.NewSecret(testSecret)})
	for _, secret := range []aaa.AVP{
		{Attr: d.must("CHAP-Password"), Value: []byte("correct horse"), Clear: true}, // its hash, with the challenge beside it
		d.avp("MS-CHAP-Response", strings.Repeat("r", 50)),
		{Attr: &aaa.Attribute{Name: "X-Key", Number: 201, Type: aaa.TypeOctets, Hidden: true, Wire: true}, Value: []byte("hush")},
	} {
		req := &engines.Request{AVPs: []aaa.AVP{secret}}
		sent, err := built(t, req)
		if err != nil {
			t.Fatal(err)
		}
		value := back(sent, d)
		shown, err := c.Encode(req)
		if err != nil || len(shown) != len(sent.frame.buf) {
			t.Fatalf("%s: %d octets in place of %d, %v", secret.Attr.Name, len(shown), len(sent.frame.buf), err)
		}
		real := value[slices.IndexFunc(value, func(v aaa.AVP) bool { return v.Attr.Number == secret.Attr.Number })].Value
		if bytes.Contains(shown, real) || !bytes.Contains(shown, bytes.Repeat([]byte{'*'}, len(real))) {
			t.Errorf("%s: %x shows %x", secret.Attr.Name, shown, real)
		}
	}
}
