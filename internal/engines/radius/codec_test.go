package radius

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp"
	"aaa-api/internal/radius/avp/avptest"
)

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
	key := radius.NewKey([]byte(testSecret))
	if err := p.build(req, key, time.Unix(1700000000, 0)); err != nil {
		return nil, err
	}
	p.sign(7, key)
	return p, nil
}

func attributes(t testing.TB, avps ...aaa.AVP) string {
	t.Helper()
	p, err := built(t, &engines.Request{AVPs: avps, NASAddress: netip.MustParseAddr("192.0.2.1")})
	if err != nil {
		t.Fatal(err)
	}
	checkMessageAuthenticator(t, p.enc.Packet)
	body := p.enc.Packet[radius.HeaderLen+18:]
	return hex.EncodeToString(body[:len(body)-6]) // without NAS-IP-Address
}

// back decodes the packet that p holds, as a server would.
func back(p *pending, d aaa.Dictionary) []aaa.AVP {
	packet, err := radius.Parse(p.enc.Packet)
	if err != nil {
		panic(err)
	}
	x := avp.Decoder{Dict: d, Cipher: radius.Cipher{Key: radius.NewKey([]byte(testSecret)), Request: &p.auth}}
	return x.Decode(packet.Clone())
}

// What the engine sends in place of what it is given.
func TestReplaced(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	for name, tc := range map[string]struct {
		avps []aaa.AVP
		want string
	}{
		"RFC 3748 §5.1: an identity in place of an EAP-Start": {[]aaa.AVP{d.AVP("EAP-Message", ""), d.AVP("User-Name", "bob")}, "4f0a" + "0200000801626f62" + "0105626f62"},
		"a Message-Authenticator of the caller's":             {[]aaa.AVP{d.AVP("Message-Authenticator", "0123456789abcdef")}, ""},
	} {
		if got := attributes(t, tc.avps...); got != tc.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, tc.want)
		}
	}
}

// What does not fit is refused, by name, before anything is sent.
func TestRefusedValues(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	long := func(n int) string { return strings.Repeat("x", n) }
	loop := &aaa.Attribute{Name: "Loop", Number: 1, Type: aaa.TypeTLV, Wire: true}
	loop.Parent = loop
	for _, tc := range []struct {
		name string
		avp  aaa.AVP
	}{
		{"text of 254", d.AVP("User-Name", long(254))},
		{"password of 129", d.AVP("User-Password", long(129))},
		{"tunnel password of 240", d.AVP("Tunnel-Password", long(240))},
		{"vendor text of 248", d.AVP("Cisco-AVPair", long(248))},
		{"Ascend secret of 17", d.AVP("Ascend-Send-Secret", long(17))},
		{"extended of 253", d.AVP("Ext-TLV-Two", long(251))},
		{"EVS of 248", d.AVP("EVS-Text", long(248))},
		{"TLV of 254", d.AVP("WiMAX-Release", long(254))},
		{"integer of 3", d.AVP("NAS-Port", "abc")},
		{"tagged integer of 25 bits", aaa.AVP{Attr: d.Must("Tunnel-Type"), Value: []byte{1, 0, 0, 0}}},
		{"tag 32", aaa.AVP{Attr: d.Must("Tunnel-Type"), Tag: 32, Value: []byte{0, 0, 0, 1}}},
		{"number over 255", aaa.AVP{Attr: &aaa.Attribute{Name: "X", Number: 256, Wire: true}, Value: []byte{1}}},
		{"parents in a loop", aaa.AVP{Attr: loop, Value: []byte{1}}},
		{"MS-CHAP password of 257", aaa.AVP{Attr: d.Must("MS-CHAP2-Response"), Value: []byte(long(257)), Clear: true}},
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
		many = append(many, d.AVP("Reply-Message", long(253)))
	}
	if _, err := built(t, &engines.Request{AVPs: many}); aaa.KindOf(err) != aaa.KindBadInput {
		t.Errorf("a packet over 4096 octets: %v", err)
	}
	if _, err := built(t, &engines.Request{Op: aaa.Accounting, AVPs: []aaa.AVP{d.AVP("Tunnel-Password", "x")}}); aaa.KindOf(err) != aaa.KindBadInput {
		t.Errorf("an encrypted attribute in an Accounting-Request: %v", err)
	}
}

// An attribute whose dictionary entry is encrypted never leaves in the clear.
func TestEncryptedNeverInTheClear(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	for _, a := range d.Attrs {
		if a.Enc == aaa.EncNone {
			continue
		}
		v := aaa.AVP{Attr: a, Value: []byte("correct horse")}
		for op := range aaa.Op(aaa.NumOps) {
			p, err := built(t, &engines.Request{Op: op, AVPs: []aaa.AVP{v}})
			if err == nil && bytes.Contains(p.enc.Packet, v.Value) {
				t.Errorf("%s in %v: %x", a.Name, op, p.enc.Packet)
			}
			if err != nil && op != aaa.Accounting {
				t.Errorf("%s in %v: %v", a.Name, op, err)
			}
		}
	}
}

func TestFilledIn(t *testing.T) {
	t.Parallel()
	d := avptest.New()
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
		{"given by rules", engines.Request{NASAddress: v6, HasNASPort: true, AVPs: []aaa.AVP{d.AVP("NAS-Port", "\x00\x00\x00\x01"), d.AVP("NAS-IP-Address", "\x01\x02\x03\x04")}}, "80 5 4"},
		{"NAS-Identifier given", engines.Request{AVPs: []aaa.AVP{d.AVP("NAS-Identifier", "x")}}, "80 32"},
		{"authz without credential", engines.Request{Op: aaa.Authz, NASAddress: v4, AVPs: []aaa.AVP{d.AVP("User-Name", "u")}}, "80 1 4"},
		{"custom", engines.Request{Op: aaa.Custom, NASAddress: v4}, "80 4"},
		{"accounting", engines.Request{Op: aaa.Accounting, NASAddress: v4}, "4 40 44 55 41"},
		{"accounting given", engines.Request{Op: aaa.Accounting, NASAddress: v4, AVPs: []aaa.AVP{
			d.AVP("Acct-Delay-Time", "\x00\x00\x00\x01"), d.AVP("Acct-Session-Id", "s"),
			d.AVP("Event-Timestamp", "\x00\x00\x00\x01"), d.AVP("Acct-Status-Type", "\x00\x00\x00\x03"),
		}}, "41 44 55 40 4"},
		{"RFC 2866 §4.1: no passwords in accounting", engines.Request{Op: aaa.Accounting, NASAddress: v4, AVPs: []aaa.AVP{
			d.AVP("User-Password", "p"), d.AVP("CHAP-Password", "p"), d.AVP("State", "p"), d.AVP("Reply-Message", "p"),
		}}, "4 40 44 55 41"},
	} {
		p, err := built(t, &tc.req)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		var got []string
		for b := p.enc.Packet[radius.HeaderLen:]; len(b) > 0; b = b[b[1]:] {
			got = append(got, fmt.Sprint(b[0]))
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%s: %v, want %s", tc.name, got, tc.want)
		}
		code := radius.AccessRequest
		if tc.req.Op == aaa.Accounting {
			code = radius.AccountingRequest
			checkAccountingAuthenticator(t, p.enc.Packet)
		} else {
			checkMessageAuthenticator(t, p.enc.Packet)
		}
		if radius.Code(p.enc.Packet[0]) != code || p.enc.Packet[1] != 7 {
			t.Errorf("%s: code %d, identifier %d", tc.name, p.enc.Packet[0], p.enc.Packet[1])
		}
	}
}

// Encode shows what would be sent and nothing that the secret could be found with.
func TestEncode(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	c := openTest(t, New(Options{}), aaa.Server{Address: "192.0.2.1", Port: 1812, Secret: aaa.NewSecret(testSecret)})
	a, err := c.Encode(login(d))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Encode(&engines.Request{AVPs: []aaa.AVP{d.AVP("User-Name", strings.Repeat("x", 254))}}); aaa.KindOf(err) != aaa.KindBadInput {
		t.Errorf("too long: %v", err)
	}
	if int(a[2])<<8|int(a[3]) != len(a) || string(find(t, a, radius.AttrUserName)) != "alice" || c.engine.Descriptors() != 0 {
		t.Errorf("packet %x, %d sockets", a, c.engine.Descriptors())
	}
	hidden := radius.Cipher{Key: radius.NewKey([]byte(testSecret)), Request: (*radius.Authenticator)(a[4:20])}
	if p, err := hidden.User(find(t, a, radius.AttrUserPassword), 0); err == nil && string(p) == "correct horse" {
		t.Error("hidden under the server's secret")
	}
}

// TestNoPasswordStays: the memory of a request that is over, which later requests use, has none of its values.
func TestNoPasswordStays(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	p, err := built(t, &engines.Request{AVPs: []aaa.AVP{d.AVP("User-Name", "correct horse")}})
	if err != nil {
		t.Fatal(err)
	}
	value := reflect.ValueOf(&p.enc).Elem().FieldByName("value")
	has := func() bool { return bytes.Contains(value.Bytes()[:value.Cap()], []byte("correct horse")) }
	if !has() {
		t.Fatal("values are elsewhere")
	}
	if p.reset(); has() {
		t.Error("the value is still there")
	}
}

// What is secret and travels in the clear is not shown; what is sent later has it.
func TestEncodeMasks(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	c := openTest(t, New(Options{}), aaa.Server{Address: "192.0.2.1", Port: 1812, Secret: aaa.NewSecret(testSecret)})
	for _, secret := range []aaa.AVP{
		{Attr: d.Must("CHAP-Password"), Value: []byte("correct horse"), Clear: true}, // its hash, with the challenge beside it
		d.AVP("MS-CHAP-Response", strings.Repeat("r", 50)),
		{Attr: &aaa.Attribute{Name: "X-Key", Number: 201, Type: aaa.TypeOctets, Hidden: true, Wire: true}, Value: []byte("hush")},
	} {
		req := &engines.Request{AVPs: []aaa.AVP{secret}}
		sent, err := built(t, req)
		if err != nil {
			t.Fatal(err)
		}
		value := back(sent, d)
		shown, err := c.Encode(req)
		if err != nil || len(shown) != len(sent.enc.Packet) {
			t.Fatalf("%s: %d octets in place of %d, %v", secret.Attr.Name, len(shown), len(sent.enc.Packet), err)
		}
		real := value[slices.IndexFunc(value, func(v aaa.AVP) bool { return v.Attr.Number == secret.Attr.Number })].Value
		if bytes.Contains(shown, real) || !bytes.Contains(shown, bytes.Repeat([]byte{'*'}, len(real))) {
			t.Errorf("%s: %x shows %x", secret.Attr.Name, shown, real)
		}
	}
}
