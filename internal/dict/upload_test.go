package dict

import "testing"

// A text that uses another dictionary's vendor keeps that vendor's format when the other is gone.
func TestVendorsOfOthers(t *testing.T) {
	t.Parallel()
	system := NewSet()
	first, err := ParseText("first", []byte("VENDOR Acme 99999 format=2,2\nVENDOR Other 99998\n"), system)
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := Compile("first", first, system)
	if err != nil {
		t.Fatal(err)
	}
	visible := NewSet(compiled)
	second, err := ParseText("second", []byte("BEGIN-VENDOR Acme\nATTRIBUTE Acme-Colour 300 string\nEND-VENDOR Acme\n"), visible)
	if err != nil {
		t.Fatal(err)
	}
	alone := withVendors(second, visible, system)
	c, err := Compile("second", alone, system)
	if err != nil {
		t.Fatal(err)
	}
	a := NewSet(c).ByName("Acme-Colour")
	if a == nil || a.Vendor == nil || a.Vendor.TypeOctets != 2 || a.Vendor.LengthOctets != 2 {
		t.Errorf("the attribute is %+v, want it with the format 2,2", a)
	}
	if again := withVendors(alone, visible, system); len(again) != len(alone) {
		t.Errorf("%d entries became %d", len(alone), len(again))
	}
}
