package radius

import (
	"bytes"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
)

var zeroTime time.Time

// FuzzDecodeReply gives a reply's octets to all that looks at them: first as a
// stranger's, then as those of a server that knows the secret.
func FuzzDecodeReply(f *testing.F) {
	d, shipped := newTestDict(), system(f)
	for _, avps := range [][]aaa.AVP{
		{d.avp("User-Name", "bob"), d.avp("User-Password", "x"), d.avp("EAP-Message", string(make([]byte, 600)))},
		{d.avp("Tunnel-Password", "x"), d.avp("Ascend-Send-Secret", "y"), d.avp("MS-MPPE-Send-Key", "z")},
		{d.avp("WiMAX-Release", "1"), d.avp("WiMAX-Sub-One", "\x01"), d.avp("WiMAX-Text", string(make([]byte, 600)))},
		{d.avp("EVS-Text", "1"), d.avp("EVS-Long-Text", string(make([]byte, 600))), d.avp("Ext-TLV-Two", "1")},
		{d.avp("USR-Text", "1"), d.avp("Lucent-Text", "1"), d.avp("Starent-Text", "1"), d.avp("Tunnel-Type", "\x00\x00\x00\x01")},
	} {
		p := newPending(fixed{})
		if err := p.build(&engines.Request{Op: aaa.Authz, AVPs: avps}, []byte(testSecret), zeroTime); err != nil {
			f.Fatal(err)
		}
		b := bytes.Clone(p.frame.buf)
		b[0] = codeAccessAccept
		f.Add(b)
	}
	values := append(make([]byte, headerLen), []byte{
		92, 6, 'd', 'e', 'n', 'y', 92, 3, 0, 97, 10, 0, 0x40, 0x20, 1, 0x0d, 0xb8, 0, 0x0a, 123, 4, 0, 0x81, 69, 6, 1, 0x80, 0, 9, 69, 21, 1, 0x80,
		0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
	}...) // filter rules, prefixes and tunnel passwords, whole and not
	values[0], values[3] = codeAccessAccept, byte(len(values))
	f.Add(values)
	f.Add([]byte{})
	f.Add(make([]byte, maxPacket+1))
	secret := []byte(testSecret)
	m := &key{secret: secret}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		whole, err := trim(b)
		if err != nil {
			return
		}
		var auth [authLen]byte
		if _, err := verify(whole, codeAccessRequest, &auth, secret, m, true); err == nil {
			t.Fatal("verified without the secret")
		}
		if !bytes.Equal(whole, before[:len(whole)]) {
			t.Fatal("verify changed the packet")
		}
		if _, err := messageAuth(whole); err != nil {
			return
		}
		for _, dict := range []aaa.Dictionary{d, shipped} {
			x := decoder{dict: dict, hide: hider{secret: secret, auth: &auth}}
			size := 0
			for _, v := range x.decode(bytes.Clone(whole)) {
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
			if size > len(b) {
				t.Fatalf("%d octets became %d", len(b), size)
			}
		}
	})
}
