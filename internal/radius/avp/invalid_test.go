package avp

import (
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
	"aaa-api/internal/radius/avp/avptest"
)

// TestInvalid: a value that its definition does not allow, or that does not decrypt, is marked and of
// octets. Of a secret nothing is kept but that it is one, wherever its number lies.
func TestInvalid(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	for number, a := range map[uint32]aaa.Attribute{
		200: {Name: "Own-Key", Enc: aaa.EncTunnel, Hidden: true}, 201: {Name: "Own-Scrambled", Enc: aaa.EncUser, Hidden: true},
		202: {Name: "Own-Ascend", Enc: aaa.EncAscend, Hidden: true}, 203: {Name: "Own-Secret", Type: aaa.TypeInteger, Hidden: true},
		204: {Name: "Own-Number", Type: aaa.TypeInteger},
	} {
		a.Number, a.Wire = number, true
		if a.Type == aaa.TypeInvalid {
			a.Type = aaa.TypeString
		}
		d.Attrs = append(d.Attrs, &a)
	}
	for name, tc := range map[string]struct {
		reply  string
		hidden bool
		value  string
	}{
		"too short for a salt and a block": {"c806" + "80016162", true, ""},
		"a length octet that lies":         {"c814" + "8001" + "6162636465666768696a6b6c6d6e6f70", true, ""},
		"no whole block":                   {"c905" + "616263", true, ""},
		"no block":                         {"ca05" + "616263", true, ""},
		"a secret of 2 octets":             {"cb04" + "0001", true, ""},
		"a number of 2 octets":             {"cc04" + "0001", false, "\x00\x01"},
	} {
		got := received(t, d, tc.reply)
		if len(got) != 1 || !got[0].Invalid || got[0].Attr.Hidden != tc.hidden || got[0].Attr.Type != aaa.TypeOctets || string(got[0].Value) != tc.value {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for _, v := range received(t, d, "cc06"+"00000001"+"cd04"+"6162") {
		if v.Invalid {
			t.Errorf("%s is marked", v.Attr.Name)
		}
	}
}

// TestEncryptedUnknown: what is encrypted by its number alone comes back as it was sent.
func TestEncryptedUnknown(t *testing.T) {
	t.Parallel()
	var none dict.Set
	for _, name := range []string{"Attr-26.311.16", "Attr-26.311.12", "Attr-69:5"} {
		a, tag, _ := none.Lookup(name, true)
		p, err := encoded(&none, aaa.AVP{Attr: a, Tag: tag.Number, Value: []byte("the key")})
		if err != nil {
			t.Fatal(err)
		}
		if got := decoded(&none, p)[0]; string(got.Value) != "the key" || got.Tag != tag.Number || !got.Attr.Hidden {
			t.Errorf("%s came back as %s:%d %q", name, got.Attr.Name, got.Tag, got.Value)
		}
	}
}
