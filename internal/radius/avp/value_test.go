package avp

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
	"aaa-api/internal/radius/avp/avptest"
)

// TestValuesOfNoType: octets that are no value of their attribute's type, be they of its size, are told by number and marked, for
// every type; a prefix may lack the zero octets at its end.
func TestValuesOfNoType(t *testing.T) {
	t.Parallel()
	var set dict.Set
	for _, c := range []struct {
		t           aaa.Type
		array       bool
		value, text string // text is empty for no value
	}{
		{aaa.TypeIPv6Prefix, false, "004020010db8000a", "2001:db8:a::/64"},
		{aaa.TypeIPv6Prefix, false, "0080", "::/128"},
		{aaa.TypeIPv6Prefix, false, "008120010db8", ""},
		{aaa.TypeIPv6Prefix, false, "00", ""},
		{aaa.TypeIPv4Prefix, false, "0018c00002", "192.0.2.0/24"},
		{aaa.TypeIPv4Prefix, false, "0021c0000201", ""},
		{aaa.TypeIPv4Prefix, false, "0020c000020100", ""},
		{aaa.TypeBool, false, "01", "true"},
		{aaa.TypeBool, false, "02", ""},
		{aaa.TypeBool, true, "02", ""},
		{aaa.TypeByte, false, "ff", "255"},
		{aaa.TypeByte, false, "ffff", ""},
		{aaa.TypeShort, false, "ff", ""},
		{aaa.TypeInteger, false, "ffffff", ""},
		{aaa.TypeSigned, false, "ffffffffff", ""},
		{aaa.TypeDate, false, "0102", ""},
		{aaa.TypeInteger64, false, "01020304", ""},
		{aaa.TypeIPAddr, false, "c00002", ""},
		{aaa.TypeIPv6Addr, false, "c0000201", ""},
		{aaa.TypeComboIP, false, "c0000201", "192.0.2.1"},
		{aaa.TypeComboIP, false, "c000020100", ""},
		{aaa.TypeIfID, false, "0001", ""},
		{aaa.TypeEther, false, "0001", ""},
		{aaa.TypeString, false, "ff", "ÿ"},
	} {
		d := avptest.New()
		a := &aaa.Attribute{Name: "Thing", Number: 200, Type: c.t, Array: c.array, Wire: true}
		d.Attrs = append(d.Attrs, a)
		value, err := hex.DecodeString(c.value)
		if err != nil {
			t.Fatal(err)
		}
		got := received(t, d, fmt.Sprintf("c8%02x%x", 2+len(value), value))
		switch {
		case len(got) != 1 || got[0].Invalid != (c.text == "") || string(got[0].Value) != string(value):
			t.Errorf("type %d, %s: %+v", c.t, c.value, got)
		case c.text != "" && set.Text(got[0].Attr, value) != c.text:
			t.Errorf("type %d, %s: %s, want %s", c.t, c.value, set.Text(got[0].Attr, value), c.text)
		case c.text == "" && (got[0].Attr.Name != "Attr-200" || got[0].Attr.Type != aaa.TypeOctets):
			t.Errorf("type %d, %s: %+v", c.t, c.value, got[0].Attr)
		}
	}
}

// TestArrayWithValuesOfNoType: of an array each value is looked at by itself.
func TestArrayWithValuesOfNoType(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		t      aaa.Type
		values []string // invalid ones with a ! in front
	}{
		{aaa.TypeBool, []string{"01", "!02", "00"}},
		{aaa.TypeIPv4Prefix, []string{"0018c0000200", "!0021c0000201", "0020c0000201"}},
	} {
		d := avptest.New()
		d.Attrs = append(d.Attrs, &aaa.Attribute{Name: "Things", Number: 200, Type: c.t, Array: true, Wire: true})
		value, err := hex.DecodeString(strings.ReplaceAll(strings.Join(c.values, ""), "!", ""))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, v := range received(t, d, fmt.Sprintf("c8%02x%x", 2+len(value), value)) {
			text := hex.EncodeToString(v.Value)
			if v.Invalid {
				text = "!" + text
			}
			got = append(got, text)
		}
		if !slices.Equal(got, c.values) {
			t.Errorf("type %d: %v, want %v", c.t, got, c.values)
		}
	}
}
