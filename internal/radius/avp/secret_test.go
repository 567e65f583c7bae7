package avp

import (
	"testing"

	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp/avptest"
)

// TestSecretsInBrokenContainers: a container that does not parse is not shown if a secret may be in it, however deep.
func TestSecretsInBrokenContainers(t *testing.T) {
	t.Parallel()
	tlv := func(number byte, inner ...byte) []byte { return append([]byte{number, byte(2 + len(inner))}, inner...) }
	for name, tc := range map[string]struct {
		secret string // the attribute that is one
		packet func() []byte
		shown  bool
	}{
		"of extended space": {"Ext-TLV-Two", func() []byte {
			return radius.AppendAttribute(nil, 241, append([]byte{2, 2, 5, 'k', 'e', 'y'}, 9, 9)...)
		}, false},
		"of a vendor": {"WiMAX-Release", func() []byte {
			return radius.AppendVendor(nil, 24757, 1, append([]byte{0, 1, 5, 'k', 'e', 'y'}, 9, 9)...)
		}, false},
		"two levels up": {"WiMAX-Sub-One", func() []byte {
			return radius.AppendVendor(nil, 24757, 1, append([]byte{0}, append(tlv(3, tlv(1, 'k')...), 9, 9)...)...)
		}, false},
		"a vendor's fragment without the last": {"EVS-Long-Text", func() []byte {
			return radius.AppendAttribute(nil, 245, 26, 0x80, 0, 0, 0, 9, 1, 'k', 'e', 'y')
		}, false},
		"a vendor's fragment without a secret": {"State", func() []byte {
			return radius.AppendAttribute(nil, 245, 26, 0x80, 0, 0, 0, 9, 1, 'k', 'e', 'y')
		}, true},
		"attributes of a vendor that do not fit": {"MS-CHAP-Challenge", func() []byte {
			return []byte{26, 12, 0, 0, 1, 55, 11, 5, 'k', 'e', 'y', 9}
		}, false},
		"attributes of a vendor, the last cut off": {"MS-CHAP-Challenge", func() []byte {
			return []byte{26, 12, 0, 0, 1, 55, 7, 2, 11, 9, 'k', 'e'}
		}, false},
		"without a secret": {"State", func() []byte {
			return radius.AppendAttribute(nil, 241, append([]byte{2, 2, 5, 'k', 'e', 'y'}, 9, 9)...)
		}, true},
	} {
		d := avptest.New()
		d.Must(tc.secret).Hidden = true
		b := radius.AppendHeader(nil, radius.AccessAccept, 0, &radius.Authenticator{})
		b = append(b, tc.packet()...)
		b[3] = byte(len(b))
		p, err := radius.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		avps := decoded(d, p)
		if len(avps) != 1 || !avps[0].Invalid {
			t.Fatalf("%s: %+v", name, avps)
		}
		if v := avps[0]; (v.Value != nil) != tc.shown || v.Attr.Hidden == tc.shown {
			t.Errorf("%s: hidden is %v, the value %x", name, v.Attr.Hidden, v.Value)
		}
	}
}
