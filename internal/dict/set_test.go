package dict

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
)

// TestLeftToRight: the first dictionary of a set wins, for names, numbers and value names alike.
func TestLeftToRight(t *testing.T) {
	t.Parallel()
	one := mustSet(t, "ATTRIBUTE Kind 6 integer\nATTRIBUTE Zone 200 string\nVALUE Kind Low 1\nVALUE Kind High 2\n").list[0]
	two := mustSet(t, "ATTRIBUTE Sort 6 short\nATTRIBUTE Kind 7 string\nVALUE Sort Small 1\nVALUE Sort High 3\nVALUE Sort Third 3\n").list[0]
	for _, tc := range []struct {
		set                    *Set
		byNumber, kind, valued string
		kindNumber             uint32
		high                   int64
	}{
		{NewSet(one, two), "Kind", "Kind", "Low", 6, 2},
		{NewSet(two, one), "Sort", "Kind", "Small", 7, 3},
	} {
		a := tc.set.Standard(6)
		if a.Name != tc.byNumber {
			t.Errorf("number 6 is %s, want %s", a.Name, tc.byNumber)
		}
		if got := tc.set.ByName("KIND"); got.Number != tc.kindNumber {
			t.Errorf("Kind is number %d, want %d", got.Number, tc.kindNumber)
		}
		if name, _ := tc.set.ValueName(a, 1); name != tc.valued {
			t.Errorf("value 1 is %s, want %s", name, tc.valued)
		}
		if n, _ := tc.set.ValueNumber(a, "high"); n != tc.high {
			t.Errorf("High is %d, want %d", n, tc.high)
		}
		// What only the other dictionary has is found there, by whichever definition.
		for _, name := range []string{"Low", "Small", "Third"} {
			if _, ok := tc.set.ValueNumber(a, name); !ok {
				t.Errorf("value %s is not found", name)
			}
		}
		if tc.set.Standard(200) == nil || tc.set.ByName("Sort") == nil {
			t.Error("the second dictionary is not searched")
		}
		if tc.set.Standard(201) != nil || tc.set.ByName("Nobody") != nil || tc.set.OfVendor(9, 6) != nil {
			t.Error("found what is not there")
		}
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	s := mustSet(t, valueDict)
	ext, evs := s.Standard(241), s.ByName("EVS-1")
	if got := s.Child(ext, 26); got != evs {
		t.Errorf("241.26 is %+v", got)
	}
	if got := s.ChildOfVendor(evs, 9, 1); got == nil || got.Name != "V-EVS" {
		t.Errorf("241.26.9.1 is %+v", got)
	}
	if s.ChildOfVendor(evs, 8, 1) != nil || s.Child(evs, 1) != nil {
		t.Error("an attribute of another vendor's inside an evs")
	}
	if got := s.Child(s.OfVendor(9, 2), 1); got == nil || got.Name != "V-Sub" {
		t.Errorf("26.9.2.1 is %+v", got)
	}
	// A parent of another dictionary is the same parent.
	other := mustSet(t, valueDict)
	if got := s.Child(other.OfVendor(9, 2), 1); got == nil || got.Name != "V-Sub" {
		t.Errorf("26.9.2.1 is %+v", got)
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	s := mustSet(t, valueDict)
	for _, tc := range []struct {
		name     string
		byNumber bool
		want     string // NumberName of the result, "" for none
		typ      aaa.Type
		tag      uint8
	}{
		{"string", false, "Attr-1", aaa.TypeString, 0},
		{"Tagged:1", false, "Attr-64", aaa.TypeInteger, 1},
		{"tagged:31", false, "Attr-64", aaa.TypeInteger, 31},
		{"Tagged:32", false, "", 0, 0},
		{"Tagged:", false, "", 0, 0},
		{"Tagged:1:1", false, "", 0, 0},
		{"String:1", false, "", 0, 0}, // has no tags
		{"Nobody", true, "", 0, 0},
		{"Attr-1", false, "", 0, 0},
		{"Attr-1", true, "Attr-1", aaa.TypeOctets, 0}, // known, and taken as 0x… too
		{"attr-6", true, "Attr-6", aaa.TypeInteger, 0},
		{"Attr-64:3", true, "Attr-64", aaa.TypeInteger, 3},
		{"Attr-64:0", true, "Attr-64", aaa.TypeInteger, 0},
		{"Attr-250", true, "Attr-250", aaa.TypeOctets, 0},
		{"Attr-26.9.1", true, "Attr-26.9.1", aaa.TypeOctets, 0},
		{"Attr-26.9.200", true, "Attr-26.9.200", aaa.TypeOctets, 0},
		{"Attr-26.2636.5", true, "Attr-26.2636.5", aaa.TypeOctets, 0},
		{"Attr-26.9.2.7", true, "Attr-26.9.2.7", aaa.TypeOctets, 0},
		{"Attr-26.9.77.7", true, "Attr-26.9.77.7", aaa.TypeOctets, 0},
		{"Attr-241.1", true, "Attr-241.1", aaa.TypeOctets, 0},
		{"Attr-241.26.9.1", true, "Attr-241.26.9.1", aaa.TypeOctets, 0},
		{"Attr-246.26.8.3", true, "Attr-246.26.8.3", aaa.TypeOctets, 0},
		{"Attr-0", true, "", 0, 0},
		{"Attr-256", true, "", 0, 0},
		{"Attr-26.9", true, "", 0, 0},
		{"Attr-26.9.256", true, "", 0, 0},
		{"Attr-26.0.1", true, "", 0, 0},
		{"Attr-26.16777216.1", true, "", 0, 0},
		{"Attr-241.26.9", true, "", 0, 0},
		{"Attr-6.1", true, "", 0, 0}, // an integer holds nothing
		{"Attr-99.1", true, "", 0, 0},
		{"Attr-", true, "", 0, 0},
		{"Attr-1.", true, "", 0, 0},
		{"Attr-+1", true, "", 0, 0},
		{"Attr-26.9.77.1.1.1.1.1.1.1.1", true, "Attr-26.9.77.1.1.1.1.1.1.1.1", aaa.TypeOctets, 0}, // 8 parents
		{"Attr-26.9.77.1.1.1.1.1.1.1.1.1", true, "", 0, 0},
		{"Attr-241.26.9.1.1.1.1.1.1.1", true, "Attr-241.26.9.1.1.1.1.1.1.1", aaa.TypeOctets, 0},
		{"Attr-241.26.9.1.1.1.1.1.1.1.1", true, "", 0, 0},
		{"Attr-241.1.1.1.1.1.1.1.1.1", true, "", 0, 0},
	} {
		a, tag, ok := s.Lookup(tc.name, tc.byNumber)
		if ok != (tc.want != "") {
			t.Errorf("%s: found %v %+v", tc.name, ok, a)
			continue
		}
		if !ok {
			continue
		}
		if got := NumberName(a.Vendor, a.Parent, a.Number); got != tc.want || a.Type != tc.typ || tag.Number != tc.tag || tag.Given != strings.Contains(tc.name, ":") || !a.Wire {
			t.Errorf("%s is %s %s tag %d %+v", tc.name, got, TypeName(a.Type), tag.Number, a)
		}
	}
	if _, _, err := s.Parse("Nobody"); aaa.KindOf(err) != aaa.KindBadInput {
		t.Errorf("Parse: %v", err)
	}
	var none *Set
	if none.ByName("A") != nil || none.Vendor(1) != nil || none.Standard(1) != nil {
		t.Error("an empty set finds something")
	}
}

// TestProtection: what is a password is treated as one, whatever a dictionary says or lacks.
func TestProtection(t *testing.T) {
	t.Parallel()
	s := mustSet(t, `
ATTRIBUTE	User-Password	2	string
ATTRIBUTE	CHAP-Password	3	octets
ATTRIBUTE	EAP-Message	79	octets	concat
ATTRIBUTE	Cleartext-Password	1100	string
ATTRIBUTE	Token		200	string	secret
ATTRIBUTE	Open		201	string
ATTRIBUTE	Computed	202	string	virtual
ATTRIBUTE	Inside		203	string	internal
VENDOR		Ascend		529
BEGIN-VENDOR	Ascend
ATTRIBUTE	Ascend-Send-Passwd	232	string	encrypt=3
ATTRIBUTE	Their-Secret	233	string
END-VENDOR	Ascend
`)
	for _, tc := range []struct {
		name         string
		enc          aaa.Encryption
		hidden, wire bool
	}{
		{"User-Password", aaa.EncUser, true, true},
		{"CHAP-Password", aaa.EncNone, true, true},
		{"EAP-Message", aaa.EncNone, false, true},
		{"Cleartext-Password", aaa.EncNone, true, false},
		{"Token", aaa.EncNone, true, true},
		{"Open", aaa.EncNone, false, true},
		{"Computed", aaa.EncNone, false, false},
		{"Inside", aaa.EncNone, false, false},
		{"Ascend-Send-Passwd", aaa.EncAscend, true, true},
		{"Their-Secret", aaa.EncNone, true, true},
	} {
		a := s.ByName(tc.name)
		if a.Enc != tc.enc || a.Hidden != tc.hidden || a.Wire != tc.wire {
			t.Errorf("%s: %+v", tc.name, a)
		}
	}
	for _, name := range []string{"Attr-2", "Attr-69", "Attr-26.311.16"} {
		var empty Set
		if a, _, ok := empty.Lookup(name, true); !ok || a.Enc == aaa.EncNone || !a.Hidden || a.HasTag != (name == "Attr-69") {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// TestTunnelPassword has its tag, which is no option, whatever dictionary defines it or none.
func TestTunnelPassword(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "ATTRIBUTE TP 69 string\n", "ATTRIBUTE TP 69 octets encrypt=2\n", "ATTRIBUTE TP 69 string has_tag,encrypt=2\n", "ATTRIBUTE TP 69 octets concat\n",
	} {
		s := mustSet(t, text)
		if a, tag, ok := s.Lookup("Attr-69:3", true); !ok || tag.Number != 3 || !a.HasTag || a.Enc != aaa.EncTunnel || a.Concat {
			t.Errorf("%q: Attr-69:3 is %+v with tag %d", text, a, tag.Number)
		}
	}
}

// TestSeedDictionary has the entries of the Crossbar AAA documentation: vendors come
// last, a vid has no vendor, a value's attribute is a string, enc is spelled yes.
func TestSeedDictionary(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		`[{"val":{"vid":2636,"id":5,"val":1,"name":"Juniper_Deny_Configuration"}},
		  {"attr":{"vid":2636,"id":5,"type":"string","name":"Juniper_Deny_Configuration","enc":"no"}},
		  {"attr":{"vid":2636,"id":1,"type":"string","name":"Juniper_Local_User_Name","enc":"no"}},
		  {"vendor":{"Juniper":2636}}]`,
		`[{"attr":{"vid":2636,"id":5,"type":"string","name":"Juniper_Deny_Configuration","enc":"yes"}},{"ven":{"Juniper":1111}}]`,
	} {
		entries, err := ParseJSON([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(entries)
		if err != nil {
			t.Fatal(err)
		}
		var got, want any
		if json.Unmarshal(again, &got) != nil || json.Unmarshal(bytes.ReplaceAll([]byte(in), []byte(`"ven"`), []byte(`"vendor"`)), &want) != nil {
			t.Fatal("no JSON")
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("written %v, want %v", got, want)
		}
		c, err := Compile("dictionary_juniper", entries, nil)
		if err != nil {
			t.Fatal(err)
		}
		if a := NewSet(c).OfVendor(2636, 5); a == nil || a.Name != "Juniper_Deny_Configuration" {
			t.Errorf("found %+v", a)
		}
		text, err := FormatText(entries, nil)
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseText("", text, nil)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		for _, e := range entries { // the vendor has moved to the front
			found := false
			for _, o := range back {
				found = found || e.Equal(o)
			}
			if !found || len(back) != len(entries) {
				t.Errorf("%+v is not in\n%s", e, text)
			}
		}
	}
}

// TestOthersDefinitions: a text that leans on another dictionary keeps the identities.
func TestOthersDefinitions(t *testing.T) {
	t.Parallel()
	base := mustSet(t, valueDict)
	text := "BEGIN-VENDOR Wi\nATTRIBUTE Wi-New 300 octets\nEND-VENDOR Wi\n"
	if _, err := Lint("d", []byte(text), base); err == nil {
		t.Error("a number that the vendor's format can't hold was taken")
	}
	text = "BEGIN-VENDOR V\nATTRIBUTE V-Deep 2.9 integer\nEND-VENDOR V\nBEGIN-VENDOR Vendor-77\nATTRIBUTE Lone 1 integer\nEND-VENDOR Vendor-77\n" +
		"BEGIN-VENDOR V format=EVS-1\nATTRIBUTE V-EVS-2 2 tlv\nATTRIBUTE V-EVS-3 2.1 integer\nEND-VENDOR V\n" +
		"VALUE V-Deep Yes 1\nVALUE integer Two 2\nVALUE V-Sub Odd 1\nVALUE Attr-26.77.9 Nine 9\nVALUE V-EVS-3 Thrice 3\n"
	entries, err := ParseText("d", []byte(text), base)
	if err != nil {
		t.Fatal(err)
	}
	out, err := FormatText(entries, base)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseText("d", out, base)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	sameEntries(t, "through text", again, entries)
	c, err := Compile("d", entries, base)
	if err != nil {
		t.Fatal(err)
	}
	s := NewSet(c)
	if a := s.Child(base.ByName("V-TLV"), 9); a == nil || a.Name != "V-Deep" || a.Parent != base.ByName("V-TLV") {
		t.Errorf("26.9.2.9 is %+v", a)
	}
	if n, ok := s.ValueNumber(base.ByName("Integer"), "TWO"); !ok || n != 2 {
		t.Error("the value of another's attribute is lost")
	}
	if v := s.Vendor(24757); v != nil {
		t.Errorf("vendor %+v was borrowed for nothing", v)
	}
	if v := s.Vendor(9); v == nil || v.Name != "V" {
		t.Errorf("vendor 9 is %+v", v)
	}
}

func TestConvert(t *testing.T) {
	t.Parallel()
	text, err := Convert("d", []byte(` {"name":"x","value":[{"vendor":{"V":9}},{"attr":{"vid":9,"id":1,"type":"string","name":"A","enc":"salt_crypt","has_tag":true}}]}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := "VENDOR\tV\t9\n\nBEGIN-VENDOR\tV\nATTRIBUTE\tA\t1\tstring\thas_tag,encrypt=2\nEND-VENDOR\tV\n\n"
	if string(text) != want {
		t.Errorf("%q, want %q", text, want)
	}
	back, err := Convert("x", text, nil)
	if err != nil {
		t.Fatal(err)
	}
	want = `{"name":"x","value":[` + "\n" + `{"vendor":{"V":9}},` + "\n" +
		`{"attr":{"vid":9,"id":1,"type":"string","name":"A","enc":"salt_crypt","has_tag":true}}` + "\n]}\n"
	if string(back) != want {
		t.Errorf("%s, want %s", back, want)
	}
}
