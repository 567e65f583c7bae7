package dict

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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

// TestResolveUpload: a value whose attribute is given by name is the same in JSON as in text, whichever
// of the dictionaries that the account sees defines the attribute.
func TestResolveUpload(t *testing.T) {
	t.Parallel()
	system := mustSet(t, `
ATTRIBUTE	Service	6	integer
ATTRIBUTE	Shadowed	7	integer
VENDOR	Sys	9
BEGIN-VENDOR	Sys
ATTRIBUTE	Sys-TLV	1	tlv
ATTRIBUTE	Sys-Sub	1.2	integer
END-VENDOR	Sys
`)
	visible := mustSet(t, `
ATTRIBUTE	Shadowed	200	integer
VENDOR	Acme	32473
BEGIN-VENDOR	Acme
ATTRIBUTE	Acme-X	1	integer
END-VENDOR	Acme
`).Join(system)
	text, _, err := ParseUpload([]byte(`
ATTRIBUTE	Own	201	integer
VALUE	Service	s	1
VALUE	Shadowed	t	2
VALUE	Sys-Sub	u	3
VALUE	acme-x	v	4
BEGIN-VENDOR	Acme
VALUE	Acme-X	w	5
VALUE	Nobody	x	6
END-VENDOR	Acme
VALUE	Attr-26.32473.7	y	7
VALUE	201	z	8
`), visible, system)
	if err != nil {
		t.Fatal(err)
	}
	read, err := ParseJSON([]byte(`[{"attr":{"id":201,"type":"integer","name":"Own"}},
{"val":{"attr":"Service","val":1,"name":"s"}},
{"val":{"attr":"Shadowed","val":2,"name":"t"}},
{"val":{"attr":"Sys-Sub","val":3,"name":"u"}},
{"val":{"attr":"acme-x","val":4,"name":"v"}},
{"val":{"vid":32473,"attr":"Acme-X","val":5,"name":"w"}},
{"val":{"vid":32473,"attr":"Nobody","val":6,"name":"x"}},
{"val":{"vid":32473,"id":7,"val":7,"name":"y"}},
{"val":{"id":201,"val":8,"name":"z"}}]`))
	if err != nil {
		t.Fatal(err)
	}
	before, err := json.Marshal(read)
	if err != nil {
		t.Fatal(err)
	}
	got := ResolveUpload(read, visible, system)
	for i := range text {
		text[i].Line = 0
	}
	if d := cmp.Diff(text, got); d != "" {
		t.Errorf("text and JSON differ: %s", d)
	}
	if after, err := json.Marshal(read); err != nil || string(after) != string(before) {
		t.Errorf("the entries given were changed (%v)", err)
	}
	c, err := CompileUpload("mine", "", got, visible, system)
	if err != nil {
		t.Fatal(err)
	}
	set := NewSet(c).Join(visible)
	for name, number := range map[string]int64{"Acme-X": 5, "Shadowed": 2, "Sys-Sub": 3, "Own": 8} {
		if _, ok := set.ValueName(set.ByName(name), number); !ok {
			t.Errorf("%s %d has no name", name, number)
		}
	}
	// By the name of one of the dictionary's own it stays so.
	own := []Entry{{Attr: &AttrEntry{ID: 200, Type: "integer", Name: "Service"}}, {Val: &ValEntry{Attr: "service", Val: 1, Name: "x"}}}
	if d := cmp.Diff(own, ResolveUpload(own, visible, system)); d != "" {
		t.Error(d)
	}
	// What nobody defines and no vendor excuses is refused, as ever, at its member.
	lost := ResolveUpload([]Entry{{Val: &ValEntry{Attr: "Nobody", Val: 1, Name: "x"}}}, visible, system)
	_, err = CompileUpload("mine", "", lost, visible, system)
	if path, rule := firstFault(t, err); path != "value.0.val.attr" || rule != "unknown" {
		t.Errorf("%s %s", path, rule)
	}
}
