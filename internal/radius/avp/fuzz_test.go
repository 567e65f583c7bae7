package avp

import (
	"bytes"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp/avptest"
)

// system is what the service ships.
func system(t testing.TB) *dict.Set {
	t.Helper()
	c, err := dict.LoadSystem("")
	if err != nil {
		t.Fatal(err)
	}
	return c.Default()
}

// FuzzDecode gives a packet's octets to all that looks at them, whichever direction they come from: first as a stranger's,
// then as those of a peer that knows the secret.
func FuzzDecode(f *testing.F) {
	d, shipped := avptest.New(), system(f)
	for _, avps := range [][]aaa.AVP{
		{d.AVP("User-Name", "bob"), d.AVP("User-Password", "x"), d.AVP("EAP-Message", string(make([]byte, 600)))},
		{d.AVP("Tunnel-Password", "x"), d.AVP("Ascend-Send-Secret", "y"), d.AVP("MS-MPPE-Send-Key", "z")},
		{d.AVP("WiMAX-Release", "1"), d.AVP("WiMAX-Sub-One", "\x01"), d.AVP("WiMAX-Text", string(make([]byte, 600)))},
		{d.AVP("EVS-Text", "1"), d.AVP("EVS-Long-Text", string(make([]byte, 600))), d.AVP("Ext-TLV-Two", "1")},
		{d.AVP("USR-Text", "1"), d.AVP("Lucent-Text", "1"), d.AVP("Starent-Text", "1"), d.AVP("Tunnel-Type", "\x00\x00\x00\x01")},
		{d.AVP("Message-Authenticator", string(make([]byte, 16)))},
	} {
		p, err := encoded(nil, avps...)
		if err != nil {
			f.Fatal(err)
		}
		for _, code := range []radius.Code{radius.AccessRequest, radius.AccessAccept, radius.AccountingRequest, radius.StatusServer, radius.CoARequest} {
			b := bytes.Clone(p.Octets())
			b[0] = byte(code)
			f.Add(b)
		}
	}
	values := append(make([]byte, radius.HeaderLen), []byte{
		92, 6, 'd', 'e', 'n', 'y', 92, 3, 0, 97, 10, 0, 0x40, 0x20, 1, 0x0d, 0xb8, 0, 0x0a, 123, 4, 0, 0x81, 69, 6, 1, 0x80, 0, 9, 69, 21, 1, 0x80,
		0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
	}...) // filter rules, prefixes and tunnel passwords, whole and not
	values[0], values[3] = byte(radius.AccessAccept), byte(len(values))
	f.Add(values)
	f.Add([]byte{})
	f.Add(make([]byte, radius.MaxPacket+1))
	stranger, key := radius.NewKey([]byte("a secret that signed nothing here")), radius.NewKey([]byte(testSecret))
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		if p, err := radius.Parse11(b); err == nil {
			_ = p.ErrorCause()
			if nak, ok := radius.CausedNAK(nil, p, nil, true); ok {
				if _, err := radius.Parse11(nak); err != nil {
					t.Fatal(err)
				}
			}
			for _, dict := range []aaa.Dictionary{d, shipped} {
				x := Decoder{Dict: dict, Plain: true}
				told(t, shipped, x.Decode(p.Clone()), len(b))
			}
		}
		whole, err := radius.Parse(b)
		if err != nil {
			return
		}
		var auth radius.Authenticator
		for _, request := range []radius.Code{radius.AccessRequest, radius.AccountingRequest, radius.StatusServer, radius.CoARequest} {
			if _, err := stranger.VerifyReply(whole, request, &auth, true); err == nil {
				t.Fatal("a reply verifies without the secret")
			}
		}
		if _, err := stranger.VerifyRequest(whole, true); err == nil {
			t.Fatal("a request verifies without the secret")
		}
		if !bytes.Equal(b, before) {
			t.Fatal("looking at the packet changed it")
		}
		for _, dict := range []aaa.Dictionary{d, shipped} {
			x := Decoder{Dict: dict, Cipher: radius.Cipher{Key: key, Request: &auth}}
			told(t, shipped, x.Decode(whole.Clone()), len(b))
		}
	})
}

// told checks what a decoder makes of octets.
func told(t *testing.T, shipped *dict.Set, avps []aaa.AVP, octets int) {
	t.Helper()
	size := 0
	for _, v := range avps {
		switch {
		case v.Attr == nil:
			t.Fatal("an AVP without a definition")
		case v.Invalid && (v.Attr.Type != aaa.TypeOctets || v.Attr.Hidden && v.Value != nil):
			t.Fatalf("an invalid value is told as %+v", v)
		case !v.Invalid && !(rightSize(v.Attr, len(v.Value)) && v.Attr.Type.Holds(v.Value)):
			t.Fatalf("%s is %x", v.Attr.Name, v.Value)
		}
		_ = shipped.Text(v.Attr, v.Value)
		size += len(v.Value)
	}
	if size > octets {
		t.Fatalf("%d octets became %d", octets, size)
	}
}
