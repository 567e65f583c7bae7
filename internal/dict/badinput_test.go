package dict

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
)

// firstFault gives path and rule of the first fault that an error holds.
func firstFault(t *testing.T, err error) (path, rule string) {
	t.Helper()
	if err == nil {
		return "", ""
	}
	var e *aaa.Error
	if !errors.As(err, &e) || e.Kind != aaa.KindBadInput || len(e.Fields) == 0 {
		t.Fatalf("not a bad input with fields: %v", err)
	}
	if e.Fields[0].Message == "" {
		t.Errorf("%s: a fault without a message", e.Fields[0].Path)
	}
	return e.Fields[0].Path, e.Fields[0].Rule
}

func TestBadJSON(t *testing.T) {
	t.Parallel()
	attr := func(s string) string { return `[{"attr":{` + s + `}}]` }
	for _, tc := range []struct{ name, in, path, rule string }{
		{"empty", ``, "value", "parse"},
		{"cut off", `[{"attr":`, "value.0.attr", "parse"},
		{"not an array", `{}`, "value", "type"},
		{"trailing", `[] []`, "value", "trailing"},
		{"bad UTF-8", "[{\"vendor\":{\"J\xff\":1}}]", "value", "encoding"},
		{"deep", strings.Repeat("[", 100000), "value.0", "type"},
		{"empty entry", `[{}]`, "value.0", "required"},
		{"two kinds", `[{"vendor":{"A":1},"attr":{"id":1,"type":"string","name":"B"}}]`, "value.0", "required"},
		{"both spellings", `[{"vendor":{"A":1},"ven":{"B":2}}]`, "value.0", "required"},
		{"unknown kind", `[{"attribute":{}}]`, "value.0.attribute", "unknown"},
		{"unknown member", attr(`"id":1,"type":"string","name":"A","x":1`), "value.0.attr.x", "unknown"},
		{"duplicate member", attr(`"id":1,"id":2,"type":"string","name":"A"`), "value.0.attr.id", "duplicate"},
		{"duplicate entry kind", `[{"attr":{"id":1,"type":"string","name":"A"},"attr":{}}]`, "value.0.attr", "duplicate"},
		{"no id", attr(`"type":"string","name":"A"`), "value.0.attr.id", "required"},
		{"no type", attr(`"id":1,"name":"A"`), "value.0.attr.type", "required"},
		{"unknown type", attr(`"id":1,"type":"strnig","name":"A"`), "value.0.attr.type", "enum"},
		{"octets too long", attr(`"id":1,"type":"octets[254]","name":"A"`), "value.0.attr.type", "enum"},
		{"enc", attr(`"id":1,"type":"string","name":"A","enc":"rot13"`), "value.0.attr.enc", "enum"},
		{"enc of wrong type", attr(`"id":1,"type":"string","name":"A","enc":true`), "value.0.attr.enc", "type"},
		{"flag of wrong type", attr(`"id":1,"type":"string","name":"A","has_tag":"yes"`), "value.0.attr.has_tag", "type"},
		{"id a string", attr(`"id":"1","type":"string","name":"A"`), "value.0.attr.id", "type"},
		{"id a fraction", attr(`"id":1.5,"type":"string","name":"A"`), "value.0.attr.id", "type"},
		{"id negative", attr(`"id":-1,"type":"string","name":"A"`), "value.0.attr.id", "range"},
		{"id overflows", attr(`"id":4294967296,"type":"string","name":"A"`), "value.0.attr.id", "range"},
		{"id overflows 64 bits", attr(`"id":18446744073709551617,"type":"string","name":"A"`), "value.0.attr.id", "range"},
		{"vid overflows", attr(`"vid":16777216,"id":1,"type":"string","name":"A"`), "value.0.attr.vid", "range"},
		{"name with a space", attr(`"id":1,"type":"string","name":"A B"`), "value.0.attr.name", "pattern"},
		{"name a number", attr(`"id":1,"type":"string","name":"26.9"`), "value.0.attr.name", "pattern"},
		{"reserved name", attr(`"id":1,"type":"string","name":"Attr-26.9.1"`), "value.0.attr.name", "pattern"},
		{"name too long", attr(`"id":1,"type":"string","name":"` + strings.Repeat("a", 129) + `"`), "value.0.attr.name", "pattern"},
		{"vendor without name", `[{"vendor":{}}]`, "value.0.vendor", "required"},
		{"vendor with two names", `[{"vendor":{"A":1,"B":2}}]`, "value.0.vendor.B", "unknown"},
		{"vendor zero", `[{"vendor":{"A":0}}]`, "value.0.vendor.A", "range"},
		{"vendor format", `[{"vendor":{"A":1,"format":"3,1"}}]`, "value.0.vendor.format", "enum"},
		{"value overflows", `[{"val":{"id":6,"val":9223372036854775808,"name":"A"}}]`, "value.0.val.val", "range"},
		{"value without number", `[{"val":{"id":6,"name":"A"}}]`, "value.0.val.val", "required"},
		{"value name", `[{"val":{"id":6,"val":1,"name":"A\u0000"}}]`, "value.0.val.name", "pattern"},
		{"value by both", `[{"val":{"id":6,"attr":"A","val":1,"name":"A"}}]`, "value.0.val.attr", "unknown"},
		{"third entry", `[{"vendor":{"A":1}},{"vendor":{"B":2}},{"attr":{"id":1,"type":"x","name":"A"}}]`, "value.2.attr.type", "enum"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := ParseJSON([]byte(tc.in))
			if path, rule := firstFault(t, err); path != tc.path || rule != tc.rule {
				t.Errorf("fault %q %q, want %q %q (%v)", path, rule, tc.path, tc.rule, err)
			}
		})
	}
}

func TestTooMuch(t *testing.T) {
	t.Parallel()
	if _, err := ParseJSON(bytes.Repeat([]byte{' '}, maxJSON+1)); err == nil {
		t.Error("129 MiB of JSON taken")
	}
	if _, err := ParseText("", make([]byte, MaxBytes+1), nil); err == nil {
		t.Error("9 MiB of text taken")
	}
	many := "[" + strings.Repeat(`{"vendor":{"A":1}},`, MaxEntries) + `{"vendor":{"A":1}}]`
	if path, rule := firstFault(t, errOf(ParseJSON([]byte(many)))); path != "value" || rule != "maxItems" {
		t.Errorf("fault %s %s", path, rule)
	}
	text := strings.Repeat("VENDOR A 1\n", MaxEntries+1)
	if path, rule := firstFault(t, errOf(ParseText("", []byte(text), nil))); path != fmt.Sprintf("line %d", MaxEntries+1) || rule != "maxItems" {
		t.Errorf("fault %s %s", path, rule)
	}
	// The JSON of a text is read again though it is longer than an upload may be.
	var long strings.Builder
	long.WriteString("ATTRIBUTE A 1 integer\n")
	for i := 0; long.Len() < MaxBytes/4; i++ {
		fmt.Fprintf(&long, "VALUE A %s%06d %d\n", strings.Repeat("<", 122), i, i)
	}
	entries, err := ParseText("", []byte(long.String()), nil)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := json.Marshal(entries)
	if err != nil {
		t.Fatal(err)
	}
	if len(stored) < MaxBytes {
		t.Fatalf("%d octets are no test", len(stored))
	}
	if back, err := ParseJSON(stored); err != nil || len(back) != len(entries) {
		t.Errorf("%d of %d entries read again: %v", len(back), len(entries), err)
	}
	// As many faults as entries: the answer stays short.
	bad := "[" + strings.Repeat(`{"vendor":{"A":0}},`, 1000) + `{"vendor":{"A":1}}]`
	var e *aaa.Error
	if _, err := ParseJSON([]byte(bad)); !errors.As(err, &e) || len(e.Fields) != maxFaults {
		t.Errorf("%d faults reported", len(e.Fields))
	}
}

func errOf[T any](_ T, err error) error { return err }

// TestContradictions has dictionaries whose entries are well formed one by one.
func TestContradictions(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, in, path, rule string }{
		{
			"id redefined",
			`{"attr":{"vid":9,"id":1,"type":"string","name":"A"}},{"attr":{"vid":9,"id":1,"type":"integer","name":"B"}}`,
			"value.1.attr.id", "unique",
		},
		{
			"id redefined, same type",
			`{"attr":{"id":1,"type":"string","name":"A"}},{"attr":{"id":1,"type":"string","name":"B"}}`,
			"value.1.attr.id", "unique",
		},
		{
			"id redefined as an alias",
			`{"attr":{"id":1,"type":"string","name":"A"}},{"attr":{"id":1,"type":"integer","name":"B","alias":true}}`, "", "",
		},
		{
			"name redefined",
			`{"attr":{"id":1,"type":"string","name":"A"}},{"attr":{"id":2,"type":"string","name":"a"}}`,
			"value.1.attr.name", "unique",
		},
		{
			"same said twice",
			`{"attr":{"id":1,"type":"string","name":"A"}},{"attr":{"id":1,"type":"string","name":"A"}}`,
			"value.1.attr.name", "unique",
		},
		{"vendor name redefined", `{"vendor":{"A":1}},{"vendor":{"a":2}}`, "value.1.vendor.a", "unique"},
		{"vendor with two names", `{"vendor":{"A":1}},{"vendor":{"B":1}}`, "", ""},
		{"vendor with two formats", `{"vendor":{"A":1,"format":"1,1"}},{"vendor":{"B":1,"format":"2,1"}}`, "value.1.vendor.format", "unique"},
		{"vendor's format said once", `{"vendor":{"A":9}},{"vendor":{"B":9,"format":"2,1"}},{"attr":{"vid":9,"id":256,"type":"string","name":"C"}},{"vendor":{"C":9}}`, "", ""},
		{
			"parents loop",
			`{"attr":{"vid":9,"id":1,"type":"tlv","name":"A","parent":"C"}},{"attr":{"vid":9,"id":2,"type":"tlv","name":"B","parent":"A"}},{"attr":{"vid":9,"id":3,"type":"tlv","name":"C","parent":"B"}}`,
			"value.1.attr.parent", "cycle",
		},
		{"own parent", `{"attr":{"vid":9,"id":1,"type":"tlv","name":"A","parent":"A"}}`, "value.0.attr.parent", "cycle"},
		{"no parent", `{"attr":{"vid":9,"id":1,"type":"tlv","name":"A","parent":"X"}}`, "value.0.attr.parent", "unknown"},
		{
			"parent no container",
			`{"attr":{"id":1,"type":"string","name":"A"}},{"attr":{"id":2,"type":"string","name":"B","parent":"A"}}`,
			"value.1.attr.parent", "type",
		},
		{
			"parent of another vendor",
			`{"attr":{"vid":9,"id":1,"type":"tlv","name":"A"}},{"attr":{"vid":8,"id":2,"type":"string","name":"B","parent":"A"}}`,
			"value.1.attr.vid", "enum",
		},
		{"standard number 0", `{"attr":{"id":0,"type":"string","name":"A"}}`, "value.0.attr.id", "range"},
		{"standard number", `{"attr":{"id":65536,"type":"string","name":"A"}}`, "value.0.attr.id", "range"},
		{"vendor number", `{"attr":{"vid":9,"id":256,"type":"string","name":"A"}}`, "value.0.attr.id", "range"},
		{"vendor number, 2 octets", `{"vendor":{"V":9,"format":"2,1"}},{"attr":{"vid":9,"id":256,"type":"string","name":"A"}}`, "", ""},
		{
			"tlv number",
			`{"attr":{"vid":9,"id":1,"type":"tlv","name":"A"}},{"attr":{"vid":9,"id":256,"type":"string","name":"B","parent":"A"}}`,
			"value.1.attr.id", "range",
		},
		{"extended in a vendor", `{"attr":{"vid":9,"id":1,"type":"extended","name":"A"}}`, "value.0.attr.type", "enum"},
		{"evs on top", `{"attr":{"id":26,"type":"evs","name":"A"}}`, "value.0.attr.type", "enum"},
		{"tag on an address", `{"attr":{"id":1,"type":"ipaddr","name":"A","has_tag":true}}`, "value.0.attr.has_tag", "type"},
		{"long octets in a vendor", `{"attr":{"vid":9,"id":1,"type":"octets[250]","name":"A"}}`, "value.0.attr.type", "maximum"},
		{
			"value name redefined",
			`{"val":{"id":6,"val":1,"name":"X"}},{"val":{"id":6,"val":2,"name":"x"}}`,
			"value.1.val.name", "unique",
		},
		{"value said twice", `{"val":{"id":6,"val":1,"name":"X"}},{"val":{"id":6,"val":1,"name":"X"}}`, "", ""},
		{
			"value overflows its attribute",
			`{"attr":{"id":6,"type":"byte","name":"A"}},{"val":{"id":6,"val":256,"name":"X"}}`,
			"value.1.val.val", "range",
		},
		{
			"negative value",
			`{"attr":{"id":6,"type":"integer","name":"A"}},{"val":{"id":6,"val":-1,"name":"X"}}`,
			"value.1.val.val", "range",
		},
		{"value of an unknown name", `{"val":{"attr":"Nobody","val":1,"name":"X"}}`, "value.0.val.attr", "unknown"},
		{"whole numbers with fraction and exponent", `{"vendor":{"V":9e0}},{"attr":{"vid":9.0,"id":1.0,"type":"integer","name":"A"}},{"val":{"vid":9,"id":1,"val":2e0,"name":"X"}}`, "", ""},
		{"value of an unknown number", `{"val":{"vid":9,"id":200,"val":1,"name":"X"}}`, "", ""},
		{
			"value overflows the other type of its attribute",
			`{"attr":{"id":6,"type":"byte","name":"A"}},{"attr":{"id":6,"type":"integer","name":"B","alias":true}},{"val":{"attr":"B","val":256,"name":"X"}}`,
			"value.2.val.val", "range",
		},
		{
			"value in an attribute that holds none",
			`{"attr":{"vid":9,"id":1,"type":"string","name":"A"}},{"val":{"vid":9,"id":2,"parent":"A","val":1,"name":"X"}}`,
			"value.1.val.parent", "type",
		},
		{
			"value in a parent of another vendor",
			`{"attr":{"vid":9,"id":1,"type":"tlv","name":"A"}},{"val":{"vid":8,"id":2,"parent":"A","val":1,"name":"X"}}`,
			"value.1.val.vid", "enum",
		},
		{"concat of a vendor", `{"attr":{"vid":9,"id":1,"type":"octets","name":"A","concat":true}}`, "value.0.attr.concat", "enum"},
		{"concat of a vendor, as a type", `{"attr":{"vid":9,"id":1,"type":"concat","name":"A"}}`, "value.0.attr.type", "enum"},
		{"concat", `{"attr":{"id":1,"type":"octets","name":"A","concat":true}}`, "", ""},
		{"value in an unknown parent", `{"val":{"vid":9,"id":2,"parent":"X","val":1,"name":"X"}}`, "value.0.val.parent", "unknown"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			entries, err := ParseJSON([]byte("[" + tc.in + "]"))
			if err != nil {
				t.Fatal(err)
			}
			_, err = Compile("d", entries, nil)
			if path, rule := firstFault(t, err); path != tc.path || rule != tc.rule {
				t.Errorf("fault %q %q, want %q %q (%v)", path, rule, tc.path, tc.rule, err)
			}
		})
	}
}

// TestManyNamesForOneNumber: each is found, the first by its number, and nothing
// takes the time of all pairs.
func TestManyNamesForOneNumber(t *testing.T) {
	t.Parallel()
	entries := []Entry{{Attr: &AttrEntry{ID: 6, Type: "integer", Name: "A"}}}
	for i := range MaxEntries/3 - 1 {
		entries = append(
			entries,
			Entry{Vendor: &VendorEntry{Name: fmt.Sprintf("V%d", i), Number: 9}},
			Entry{Attr: &AttrEntry{ID: 6, Type: "integer", Name: fmt.Sprintf("A%d", i), Alias: true}},
			Entry{Val: &ValEntry{ID: 6, Val: 1, Name: fmt.Sprintf("X%d", i)}},
		)
	}
	c, err := Compile("d", entries, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := NewSet(c)
	if name, _ := s.ValueName(s.Standard(6), 1); s.Standard(6).Name != "A" || name != "X0" || s.Vendor(9).Name != "V0" {
		t.Errorf("found %s, %s, %s", s.Standard(6).Name, name, s.Vendor(9).Name)
	}
	vendor, _ := s.VendorNumber("V999")
	if n, ok := s.ValueNumber(s.ByName("A777"), "X888"); !ok || n != 1 || vendor != 9 {
		t.Error("a later name is lost")
	}
	// No slot of a table is followed by a long run of taken ones.
	for _, table := range []table{c.attrByName, c.attrByID, c.valByName, c.valByNumber, c.vendorByName, c.vendorByNo} {
		run, longest := 0, 0
		for _, slot := range table {
			if run++; slot == 0 {
				run = 0
			}
			longest = max(longest, run)
		}
		if longest > 300 {
			t.Errorf("a run of %d slots of %d", longest, len(table))
		}
	}
}

// TestLongParentChain: a chain as long as a dictionary neither overflows the stack nor takes long.
func TestLongParentChain(t *testing.T) {
	t.Parallel()
	entries := make([]Entry, MaxEntries)
	for i := range entries {
		a := &AttrEntry{VID: 9, ID: 1, Type: "tlv", Name: fmt.Sprintf("A%d", i)}
		if i+1 < len(entries) {
			a.Parent = fmt.Sprintf("A%d", i+1)
		}
		entries[i] = Entry{Attr: a}
	}
	if _, rule := firstFault(t, errOf(Compile("d", entries, nil))); rule != "maximum" {
		t.Errorf("rule %s", rule)
	}
	entries[len(entries)-1].Attr.Parent = "A0"
	if _, rule := firstFault(t, errOf(Compile("d", entries, nil))); rule != "cycle" {
		t.Errorf("rule %s", rule)
	}
}

func TestBadText(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, in, path, rule string }{
		{"keyword", "\n# c\nATRIBUTE A 1 string", "line 3", "keyword"},
		{"include", "ATTRIBUTE A 1 string\n$INCLUDE dictionary.b", "line 2", "include"},
		{"few words", "ATTRIBUTE A 1", "line 1", "arguments"},
		{"type", "ATTRIBUTE A 1 strnig", "line 1", "enum"},
		{"number", "ATTRIBUTE A 0x string", "line 1", "range"},
		{"number overflows", "ATTRIBUTE A 99999999999999999999999 string", "line 1", "range"},
		{"number over a vendor's format", "VENDOR V 9\nBEGIN-VENDOR V\nATTRIBUTE A 256 string\nEND-VENDOR V", "line 3", "range"},
		{"flag", "ATTRIBUTE A 1 string shiny", "line 1", "unknown"},
		{"encrypt", "ATTRIBUTE A 1 string encrypt=9", "line 1", "enum"},
		{"parent", "ATTRIBUTE A 1.2 string", "line 1", "unknown"},
		{"deep", "ATTRIBUTE A 1.2.3.4.5.6.7.8.9.10 string", "line 1", "maximum"},
		{"name redefined", "ATTRIBUTE A 1 string\nATTRIBUTE A 2 string", "line 2", "unique"},
		{"second name", "ATTRIBUTE A 1 string\nATTRIBUTE B 1 string", "", ""},
		{"second name of another type, marked", "ATTRIBUTE A 1 string\nATTRIBUTE B 1 integer alias", "", ""},
		{"second name for the plain value", "ATTRIBUTE A 1 integer\nATTRIBUTE B 1 octets\nATTRIBUTE C 1 string", "", ""},
		{"vendor redefined", "VENDOR V 1\nVENDOR V 2", "line 2", "unique"},
		{"vendor number", "VENDOR V 16777216", "line 1", "range"},
		{"vendor format", "VENDOR V 1 format=9,9", "line 1", "enum"},
		{"vendor unknown", "BEGIN-VENDOR V\nEND-VENDOR V", "line 1", "unknown"},
		{"two blocks and two ends", "VENDOR V 1\nBEGIN-VENDOR V\nBEGIN-VENDOR V\nEND-VENDOR V\nEND-VENDOR V", "line 5", "nesting"},
		{"block of a vendor in a tlv", "VENDOR V 1\nBEGIN-VENDOR V\nATTRIBUTE A 1 tlv\nBEGIN-TLV A\nBEGIN-VENDOR V", "line 5", "nesting"},
		{"block of another", "VENDOR V 1\nVENDOR W 2\nBEGIN-VENDOR V\nEND-VENDOR W", "line 4", "nesting"},
		{"end alone", "END-TLV A", "line 1", "nesting"},
		{"tlv of a string", "ATTRIBUTE A 1 string\nBEGIN-TLV A\nEND-TLV A", "line 2", "type"},
		{"evs of a string", "VENDOR V 1\nATTRIBUTE A 1 string\nBEGIN-VENDOR V format=A\nEND-VENDOR V", "line 3", "enum"},
		{"value of nobody", "VALUE Nobody X 1", "line 1", "unknown"},
		{"value number", "ATTRIBUTE A 1 integer\nVALUE A X one", "line 2", "range"},
		{"value overflows", "ATTRIBUTE A 1 byte\nVALUE A X 0x100", "line 2", "range"},
		{"value overflows 64 bits", "ATTRIBUTE A 1 integer64\nVALUE A X 18446744073709551615", "line 2", "range"},
		{"value redefined", "ATTRIBUTE A 1 integer\nVALUE A X 1\nVALUE A X 2", "line 3", "unique"},
		{"bad UTF-8", "ATTRIBUTE A\xff 1 string", "line 1", "encoding"},
		{"bad UTF-8 before a comment", "# \u00fc\ufffd\n\nATTRIBUTE A 1 string\nATTRIBUTE B\xc3 2 string # \xc3", "line 4", "encoding"},
		{"a second mark", "\ufeff\ufeffATTRIBUTE A 1 string", "line 1", "keyword"},
		{"number below nothing", "ATTRIBUTE A .1 string", "line 1", "unknown"},
		{"alias of nobody", "ALIAS A Nobody", "line 1", "unknown"},
		{"alias of a vendor that nobody has", "ALIAS A Vendor-Specific.Nobody", "line 1", "unknown"},
		{"alias of another's name", "ATTRIBUTE A 1 string\nATTRIBUTE B 2 string\nALIAS A B", "line 3", "unique"},
		{"values of nobody", "ATTRIBUTE A 1 integer\nVALUE-ALIAS A Nobody", "line 2", "unknown"},
		{"version 4's keyword", "BEGIN-PROTOCOL RADIUS", "line 1", "version"},
		{"version 4's struct", "ATTRIBUTE A 1 struct", "line 1", "version"},
		{"version 4's type with a length", "ATTRIBUTE A 1 string[16]", "line 1", "version"},
		{"version 4's flag", "ATTRIBUTE A 1 integer key", "line 1", "version"},
		{"version 4's flag with a value", "ATTRIBUTE A 1 octets ref=Foo", "line 1", "version"},
		{"version 4's value", "ATTRIBUTE A 1 string\nVALUE A X \"text\"", "line 2", "version"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Lint("d", []byte(tc.in), nil)
			if path, rule := firstFault(t, err); path != tc.path || rule != tc.rule {
				t.Errorf("fault %q %q, want %q %q (%v)", path, rule, tc.path, tc.rule, err)
			}
		})
	}
}
