package avp

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp/avptest"
)

// leaves are the attributes of the test dictionary that hold values.
func leaves(d *avptest.Dictionary) []*aaa.Attribute {
	var out []*aaa.Attribute
	for _, a := range d.Attrs {
		switch {
		case a.Type == aaa.TypeTLV, a.Type == aaa.TypeExtended, a.Type == aaa.TypeLongExtended, a.Type == aaa.TypeEVS:
		case !a.Wire, Standard(a) == radius.AttrMessageAuthenticator:
		default:
			out = append(out, a)
		}
	}
	return out
}

// roundTrip is the property that what goes out comes back, in order and unchanged.
func roundTrip(t *rapid.T) {
	d := avptest.New()
	var last *aaa.Attribute
	one := rapid.Custom(func(t *rapid.T) aaa.AVP {
		a := rapid.SampledFrom(leaves(d)).Draw(t, "attribute")
		lowest, highest := 1, 200
		switch {
		case fixedSize(a.Type) > 0:
			lowest, highest = fixedSize(a.Type), fixedSize(a.Type)
		case a.Enc == aaa.EncAscend:
			highest = 16
		case a.Enc == aaa.EncUser:
			highest = 128
		case a.Concat, a.Parent != nil && a.Parent.Type == aaa.TypeLongExtended, a.Name == "WiMAX-Text", a.Name == "EVS-Long-Text":
			highest = 600
		}
		v := aaa.AVP{Attr: a, Value: rapid.SliceOfN(rapid.Byte(), lowest, highest).Draw(t, "value")}
		if a.HasTag {
			v.Tag = rapid.Uint8Range(0, 31).Draw(t, "tag")
			if wide(a.Type) {
				v.Value[0] = 0
			}
		}
		if a.Enc == aaa.EncUser || a.Enc == aaa.EncAscend {
			v.Value[len(v.Value)-1] |= 1 // NULs at the end are padding
		}
		return v
	})
	var avps []aaa.AVP
	for _, v := range rapid.SliceOfN(one, 0, 12).Draw(t, "avps") {
		if v.Attr.Concat && last == v.Attr {
			continue // two in a row are one
		}
		last = v.Attr
		avps = append(avps, v)
	}
	encode, decode := encoded, decoded
	if rapid.Bool().Draw(t, "radius/1.1") {
		encode, decode = encoded11, decoded11
	}
	p, err := encode(nil, avps...)
	if errors.Is(err, radius.ErrLong) {
		return // together over 4096 octets, which is for the caller to refuse
	}
	if err != nil {
		t.Fatal(err)
	}
	got := decode(d, p)
	if len(got) != len(avps) {
		t.Fatalf("%d AVPs became %d", len(avps), len(got))
	}
	for i, v := range avps {
		if got[i].Attr != v.Attr || got[i].Tag != v.Tag || !bytes.Equal(got[i].Value, v.Value) {
			t.Fatalf("%s:%d %x\nbecame %s:%d %x", v.Attr.Name, v.Tag, v.Value, got[i].Attr.Name, got[i].Tag, got[i].Value)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, roundTrip)
}

func FuzzRoundTrip(f *testing.F) {
	f.Add(bytes.Repeat([]byte{3, 0, 0, 0, 0, 0, 0, 0, 1, 7, 0xff, 0x5a, 0, 0, 0, 0}, 64))
	f.Fuzz(rapid.MakeFuzz(roundTrip))
}

// Every attribute that the service ships goes out and comes back under its own definition.
func TestSystemDictionariesRoundTrip(t *testing.T) {
	t.Parallel()
	catalog, err := dict.LoadSystem("")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, name := range catalog.Names() {
		c, ok := catalog.Get(name)
		if !ok {
			t.Fatalf("no %s", name)
		}
		set := dict.NewSet(c).Join(catalog.Default())
		c.Attributes(func(a *aaa.Attribute) bool {
			value := sample(a)
			if value == nil || !a.Wire || Standard(a) == radius.AttrMessageAuthenticator || a.OfTACACS() {
				return true
			}
			p, err := encoded(nil, aaa.AVP{Attr: a, Value: value})
			if err != nil {
				t.Errorf("%s: %s: %v", name, a.Name, err)
				return true
			}
			count++
			for _, got := range decoded(set, p) {
				// By number the first of two definitions is found, whichever a name stands for.
				if got.Attr.Number == a.Number && vendorNumber(got.Attr) == vendorNumber(a) && bytes.Equal(got.Value, value) {
					return true
				}
			}
			t.Errorf("%s: %s does not come back: %x", name, a.Name, p.Octets()[radius.HeaderLen:])
			return true
		})
	}
	if count < 5000 {
		t.Errorf("only %d attributes", count)
	}
}

// sample is a value of an attribute's type; nil for containers.
func sample(a *aaa.Attribute) []byte {
	switch {
	case a.Type == aaa.TypeTLV, a.Type == aaa.TypeExtended, a.Type == aaa.TypeLongExtended, a.Type == aaa.TypeEVS, a.Type == aaa.TypeVSA:
		return nil
	case a.Length > 0:
		return bytes.Repeat([]byte{0x41}, a.Length)
	case fixedSize(a.Type) > 0:
		v := bytes.Repeat([]byte{0x41}, fixedSize(a.Type))
		v[0] = 0
		return v
	case a.Type == aaa.TypeIPv6Prefix:
		return []byte{0, 8, 0x20}
	default:
		return []byte("AAAA")
	}
}
