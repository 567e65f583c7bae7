package dict

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"aaa-api/internal/aaa"
)

// FuzzParseText: what is taken is compiled or refused without a panic, and is written
// and read back equal.
func FuzzParseText(f *testing.F) {
	f.Add(valueDict)
	f.Add("VENDOR A 1 format=2,1\nBEGIN-VENDOR A\nATTRIBUTE X 0x0700 tlv\nBEGIN-TLV X\nATTRIBUTE Y 1 octets[4] array\nEND-TLV X\nEND-VENDOR A\nVALUE Y N 0x1")
	f.Add("ATTRIBUTE A 1 string\nATTRIBUTE B 1 integer\nVALUE B X -1\nFLAGS internal\nATTRIBUTE C 2.3 tlv virtual,secret\n$INCLUDE x")
	for _, w := range wilds {
		f.Add(w.text)
	}
	f.Add("\ufeffVENDOR A 1\nBEGIN-VENDOR A\nATTRIBUTE L 1 integer\nATTRIBUTE T 2 tlv\nATTRIBUTE U .1 tlv\nEND-VENDOR A\nALIAS A Vendor-Specific.A\nALIAS B Vendor-Specific.A.L\nALIAS C 26.1.2.1\nALIAS D String\nVALUE-ALIAS L Integer\n")
	for _, name := range []string{"dictionary.freeradius.evs5", "dictionary.rfc2867", "dictionary.telrad", "dictionary.yubico"} {
		text, err := os.ReadFile(filepath.Join(freeradiusDir, name))
		if err != nil {
			f.Fatalf("%v: install freeradius-common", err)
		}
		f.Add(string(text))
	}
	visible := mustSet(f, valueDict)
	f.Fuzz(func(t *testing.T, text string) {
		entries, err := ParseText("d", []byte(text), visible)
		if err != nil {
			firstFault(t, err)
			return
		}
		if _, err := Compile("d", entries, visible); err != nil {
			firstFault(t, err)
			return
		}
		stable(t, entries, visible)
	})
}

// FuzzParseJSON does the same with JSON.
func FuzzParseJSON(f *testing.F) {
	f.Add([]byte(`[{"vendor":{"USR":429,"format":"4,0"}},{"attr":{"vid":429,"id":102,"type":"integer","name":"USR-X","enc":"no"}},{"val":{"vid":429,"id":102,"val":1,"name":"One"}}]`))
	f.Add([]byte(`[{"attr":{"vid":9,"id":1,"type":"tlv","name":"A","parent":"B","has_tag":true,"concat":false,"alias":true}},{"val":{"attr":"A","val":-1,"name":"x"}}]`))
	f.Add([]byte(`{"name":"d","owner":"o","uses":["a"],"value":[{"ven":{"A":1}}]}`))
	f.Add([]byte(`[{"attr":{"id":1,"id":2}}]`))
	visible := mustSet(f, valueDict)
	f.Fuzz(func(t *testing.T, b []byte) {
		doc, err := ParseDocument(b)
		if err != nil {
			firstFault(t, err)
			return
		}
		if _, err := Compile("d", doc.Value, visible); err != nil {
			firstFault(t, err)
			return
		}
		stable(t, doc.Value, visible)
	})
}

// stable takes entries that compile through both forms. The text may put vendors and
// parents first, after which nothing changes any more.
func stable(t *testing.T, entries []Entry, visible *Set) {
	b, err := FormatDocument(&Document{Name: "d", Value: entries})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := ParseDocument(b)
	if err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	sameEntries(t, "through JSON", doc.Value, entries)
	text, err := FormatText(entries, visible)
	if err != nil {
		t.Fatalf("no text: %v\n%s", err, b)
	}
	back, err := ParseText("d", text, visible)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if len(back) != len(entries) {
		t.Fatalf("%d entries, want %d\n%s", len(back), len(entries), text)
	}
	again, err := FormatText(back, visible)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if !bytes.Equal(text, again) {
		t.Fatalf("written anew:\n%s\nwritten first:\n%s", again, text)
	}
}

// FuzzDecodeValue: whatever a server sends is printed, and what is printed of a
// right value encodes to the same octets.
func FuzzDecodeValue(f *testing.F) {
	s := mustSet(f, valueDict)
	attrs := s.list[0].attrs
	for i := range attrs {
		if wire, err := s.Encode(&attrs[i], typical[attrs[i].Type]); err == nil {
			f.Add(uint16(i), wire)
		}
		f.Add(uint16(i), []byte{0})
	}
	f.Fuzz(func(t *testing.T, which uint16, wire []byte) {
		a := &attrs[int(which)%len(attrs)]
		text := s.Text(a, wire)
		s.JSON(a, wire)
		if n, ok := s.IntText(a, wire); ok && a.Type.Size() != len(wire) {
			t.Fatalf("%s %x is the integer %s", a.Name, wire, n)
		}
		out, err := s.Encode(a, text)
		if err != nil {
			return // no value of the type, or a list too long for one attribute
		}
		printed := s.Text(a, out)
		if a.Type == aaa.TypeString && len(text) > 1 && text[:2] == "0x" {
			return // octets that are no UTF-8 come back as their digits
		}
		if printed != text && text != "0x"+hex.EncodeToString(wire) {
			t.Fatalf("%s: %x prints as %q, which is encoded as %x and prints as %q", a.Name, wire, text, out, printed)
		}
	})
}
