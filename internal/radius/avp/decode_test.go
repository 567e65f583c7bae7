package avp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp/avptest"
)

// The dictionaries' word on a vendor counts, as it does when a reply is decoded; an attribute's
// own may be a stand-in.
func TestVendorOfDictionaries(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	standIn := *d.Must("Starent-Text")
	standIn.Vendor = &aaa.Vendor{Number: standIn.Vendor.Number, TypeOctets: 1, LengthOctets: 1}
	p, err := encoded(d, aaa.AVP{Attr: &standIn, Value: []byte("a")})
	if err != nil {
		t.Fatal(err)
	}
	value, _ := p.Value(radius.AttrVendorSpecific)
	if got := hex.EncodeToString(value); got != "00001fe401f4000561" {
		t.Errorf("%s", got)
	}
	unknown := &aaa.Attribute{Name: "X", Number: 1, Vendor: &aaa.Vendor{Number: 99999, TypeOctets: 2, LengthOctets: 2}, Wire: true}
	if p, err = encoded(d, aaa.AVP{Attr: unknown, Value: []byte("a")}); err != nil {
		t.Fatal(err)
	}
	if got := decoded(d, p)[0]; string(got.Value) != "a" || got.Attr.Number != 1 {
		t.Errorf("a vendor of no dictionary: %s %q", got.Attr.Name, got.Value)
	}
}

// Several values of an array go out in one attribute, and come back as so many.
func TestArray(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	list := &aaa.Attribute{Name: "List", Number: 200, Type: aaa.TypeInteger, Array: true, Wire: true}
	d.Attrs = append(d.Attrs, list)
	if got := attributes(t, d.AVP("List", "\x00\x00\x00\x01\x00\x00\x00\x02")); got != "c80a0000000100000002" {
		t.Errorf("%s", got)
	}
	p, err := encoded(nil, d.AVP("List", "\x00\x00\x00\x01\x00\x00\x00\x02"))
	if err != nil {
		t.Fatal(err)
	}
	if got := decoded(d, p); len(got) != 2 || got[0].Attr != list || got[1].Attr != list || got[1].Value[3] != 2 {
		t.Errorf("came back as %v", got)
	}
	tagged := *list
	tagged.HasTag = true
	for name, v := range map[string]aaa.AVP{"7 octets": d.AVP("List", "1234567"), "tagged": {Attr: &tagged, Value: make([]byte, 8)}} {
		var f *Fault
		if _, err := encoded(nil, v); !errors.As(err, &f) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What has a size of its own keeps the zeros at its end, which padding looks like.
func TestHiddenZeros(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	number := uint32(200)
	for _, enc := range []aaa.Encryption{aaa.EncUser, aaa.EncAscend, aaa.EncTunnel} {
		for _, tc := range []struct {
			is    aaa.Attribute
			value []byte
		}{
			{aaa.Attribute{Type: aaa.TypeInteger}, []byte{0, 1, 0, 0}},
			{aaa.Attribute{Type: aaa.TypeInteger}, []byte{0, 0, 0, 0}},
			{aaa.Attribute{Type: aaa.TypeIPAddr}, []byte{10, 0, 0, 0}},
			{aaa.Attribute{Type: aaa.TypeEther}, []byte{1, 2, 3, 4, 0, 0}},
			{aaa.Attribute{Type: aaa.TypeIPv6Addr}, append([]byte{0x20, 1}, make([]byte, 14)...)},
			{aaa.Attribute{Type: aaa.TypeOctets, Length: 5}, []byte{1, 0, 0, 0, 0}},
			{aaa.Attribute{Type: aaa.TypeString}, []byte("text")},
		} {
			a := tc.is
			a.Number, a.Enc, a.Wire, a.Hidden = number, enc, true, true
			number++
			d.Attrs = append(d.Attrs, &a)
			p, err := encoded(nil, aaa.AVP{Attr: &a, Value: tc.value})
			if err != nil {
				t.Fatal(err)
			}
			if got := decoded(d, p)[0]; got.Attr != &a || !bytes.Equal(got.Value, tc.value) {
				t.Errorf("type %d, encryption %d: %x came back as %s %x", a.Type, enc, tc.value, got.Attr.Name, got.Value)
			}
		}
	}
}

// A value whose last fragment is missing is none (RFC 6929 §2.8).
func TestIncompleteFragments(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	hidden := *d.Must("Long-Text")
	hidden.Name, hidden.Number, hidden.Hidden = "Long-Secret", 2, true
	d.Attrs = append(d.Attrs, &hidden)
	type named struct{ name, value string }
	for name, tc := range map[string]struct {
		reply string
		want  []named
	}{
		"More, and nothing follows":         {"f5060180" + "6162", []named{{"Long-Extended-Attribute-1-1", "ab"}}},
		"More, and another attribute":       {"f5060180" + "6162" + "12046869", []named{{"Long-Extended-Attribute-1-1", "ab"}, {"Reply-Message", "hi"}}},
		"More twice":                        {"f5060180" + "6162" + "f5060180" + "6364", []named{{"Long-Extended-Attribute-1-1", "abcd"}}},
		"whole":                             {"f5060180" + "6162" + "f5060100" + "6364", []named{{"Long-Text", "abcd"}}},
		"of a secret":                       {"f5060280" + "6162", []named{{"Long-Extended-Attribute-1-2", ""}}},
		"of a vendor's":                     {"f50a1a80" + "0000000901" + "61", []named{{"Long-Extended-Attribute-1-26", "\x00\x00\x00\x09\x01a"}}},
		"WiMAX, and nothing follows":        {"1a0b" + "000060b5" + "0205806162", []named{{"Attr-26.24757-2", "ab"}}},
		"WiMAX, and another in its place":   {"1a10" + "000060b5" + "0205806162" + "0205006364", []named{{"Attr-26.24757-2", "ab"}, {"WiMAX-Text", "cd"}}},
		"WiMAX, and another vendor's":       {"1a0b" + "000060b5" + "0205806162" + "1a0900000009010361", []named{{"Attr-26.24757-2", "ab"}, {"Cisco-AVPair", "a"}}},
		"WiMAX, whole":                      {"1a0b" + "000060b5" + "0205806162" + "1a0b" + "000060b5" + "0205006364", []named{{"WiMAX-Text", "abcd"}}},
		"WiMAX, and no end of continuation": {"1a0b" + "000060b5" + "0205806162" + "1a0b" + "000060b5" + "0205806364", []named{{"Attr-26.24757-2", "abcd"}}},
	} {
		var got []named
		for _, v := range received(t, d, tc.reply) {
			got = append(got, named{v.Attr.Name, string(v.Value)})
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

// Servers that write one text of a stream an attribute, and no zero octet between them, are read too (RFC 4849 §2).
func TestOneTextAnAttribute(t *testing.T) {
	t.Parallel()
	got := received(t, system(t), "5c08"+hex.EncodeToString([]byte("permit"))+"5c06"+hex.EncodeToString([]byte("deny")))
	if len(got) != 2 || string(got[0].Value) != "permit" || string(got[1].Value) != "deny" {
		t.Errorf("%v", got)
	}
}
