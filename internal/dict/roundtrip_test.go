package dict

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
)

const freeradiusDir = "/usr/share/freeradius"

// freeradiusFiles lists FreeRADIUS's own dictionary files.
func freeradiusFiles(t testing.TB) []string {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(freeradiusDir, "dictionary*"))
	if len(files) < 200 {
		t.Fatalf("%s has %d dictionary files: install freeradius-common (apt-get install freeradius-common)", freeradiusDir, len(files))
	}
	slices.Sort(files)
	return files
}

// readFile parses one of FreeRADIUS's files; the main one only includes others.
func readFile(t *testing.T, file string, visible *Set) []Entry {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p, err := parseText(text, visible, visible, func(string) error {
		if filepath.Base(file) != "dictionary" {
			t.Errorf("%s has an $INCLUDE", file)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return p.entries
}

// systemName is the name under which the service ships a file.
func systemName(file string) string { return strings.ReplaceAll(filepath.Base(file), ".", "_") }

func sameEntries(t *testing.T, what string, got, want []Entry) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d entries, want %d", what, len(got), len(want))
	}
	for i := range got {
		if !got[i].Equal(want[i]) {
			g, _ := json.Marshal(got[i])
			w, _ := json.Marshal(want[i])
			t.Fatalf("%s: entry %d (line %d) is %s, want %s", what, i, want[i].Line, g, w)
		}
	}
}

// TestEveryFreeRADIUSFile takes each file of FreeRADIUS through both spellings and
// back, compares it with what is shipped, and encodes and decodes a value of each attribute.
func TestEveryFreeRADIUSFile(t *testing.T) {
	t.Parallel()
	catalog := systemCatalog(t)
	visible := catalog.Default()
	attributes := 0
	for _, file := range freeradiusFiles(t) {
		name := systemName(file)
		t.Run(name, func(t *testing.T) {
			entries := readFile(t, file, visible)
			if len(entries) == 0 {
				if name != standardName {
					t.Fatal("no entries")
				}
				return
			}
			document, err := FormatDocument(&Document{Name: name, Value: entries})
			if err != nil {
				t.Fatal(err)
			}
			fromJSON, err := ParseDocument(document)
			if err != nil {
				t.Fatal(err)
			}
			sameEntries(t, "through JSON", fromJSON.Value, entries)
			text, err := FormatText(fromJSON.Value, visible)
			if err != nil {
				t.Fatal(err)
			}
			fromText, err := ParseText(name, text, visible)
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			sameEntries(t, "through text", fromText, entries)
			system, ok := catalog.Entries(name)
			if !ok {
				t.Fatal("not shipped")
			}
			sameEntries(t, "shipped", system, entries)

			c, err := Compile(name, entries, visible)
			if err != nil {
				t.Fatal(err)
			}
			set := NewSet(c)
			for _, e := range entries {
				if e.Attr == nil {
					continue
				}
				attributes++
				a := set.ByName(e.Attr.Name)
				if a == nil || a.Number != e.Attr.ID || vendorNumber(a) != e.Attr.VID {
					t.Fatalf("%s is found as %+v", e.Attr.Name, a)
				}
				checkValue(t, set, a)
			}
			for _, e := range entries {
				if e.Val != nil && e.Val.Attr == "" {
					checkNamed(t, set.Join(visible), e.Val)
				}
			}
		})
	}
	if attributes < 8000 {
		t.Errorf("only %d attributes were tried", attributes)
	}
}

// typical is a value of each type as Text prints it.
var typical = map[aaa.Type]string{
	aaa.TypeString: "bob@example.org", aaa.TypeOctets: "0x0102fe", aaa.TypeInteger: "3735928559",
	aaa.TypeInteger64: "18446744073709551615", aaa.TypeShort: "65533", aaa.TypeByte: "253",
	aaa.TypeSigned: "-2147483647", aaa.TypeDate: "2026-02-03T04:05:06Z", aaa.TypeIPAddr: "192.0.2.7",
	aaa.TypeIPv6Addr: "2001:db8::7", aaa.TypeIPv4Prefix: "192.0.2.0/25", aaa.TypeIPv6Prefix: "2001:db8:1::/49",
	aaa.TypeIfID: "1:ab:0:ffff", aaa.TypeEther: "02:00:5e:10:00:ff", aaa.TypeABinary: "0x01000100",
	aaa.TypeComboIP: "2001:db8::9", aaa.TypeTLV: "0x0106000000ff", aaa.TypeExtended: "0x0102",
	aaa.TypeLongExtended: "0x010002", aaa.TypeVSA: "0x0000000901", aaa.TypeEVS: "0x0000000901", aaa.TypeBool: "true",
}

func checkValue(t *testing.T, set *Set, a *aaa.Attribute) {
	t.Helper()
	text := typical[a.Type]
	switch {
	case a.Length > 0:
		text = "0x" + strings.Repeat("a5", a.Length)
	case a.HasTag && a.Type == aaa.TypeInteger:
		text = "16777215"
	}
	wire, err := set.Encode(a, text)
	if err != nil {
		t.Fatalf("%s (%s): %v", a.Name, TypeName(a.Type), err)
	}
	if n := a.Type.Size(); n > 0 && len(wire) != n {
		t.Fatalf("%s (%s) has %d octets", a.Name, TypeName(a.Type), len(wire))
	}
	if got := set.Text(a, wire); got != text {
		t.Fatalf("%s (%s): %q came back as %q", a.Name, TypeName(a.Type), text, got)
	}
}

// checkNamed encodes a value by its name and reads it back: by that name, or by
// another of the same number.
func checkNamed(t *testing.T, set *Set, v *ValEntry) {
	t.Helper()
	var parent *aaa.Attribute
	if v.Parent != "" {
		parent = set.ByName(v.Parent)
	}
	a := set.at(parent, v.VID, v.ID)
	if a == nil {
		t.Fatalf("the attribute of value %s is not found", v.Name)
	}
	if !a.Type.IsInteger() {
		return
	}
	wire, err := set.Encode(a, v.Name)
	if err != nil {
		t.Fatalf("%s %s: %v", a.Name, v.Name, err)
	}
	if n, _ := a.Integer(wire); n != v.Val {
		t.Fatalf("%s %s is %d, want %d", a.Name, v.Name, n, v.Val)
	}
	again, err := set.Encode(a, set.Text(a, wire))
	if err != nil || !slices.Equal(again, wire) {
		t.Fatalf("%s %s comes back as %s", a.Name, v.Name, set.Text(a, wire))
	}
}
