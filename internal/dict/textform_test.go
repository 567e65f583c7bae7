package dict

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"aaa-api/internal/aaa"
)

// shadowDict is another dictionary of an account, which contradicts valueDict in names, numbers and parents.
const shadowDict = `
VENDOR		Zed		77777	format=2,2
VENDOR		W		9
ATTRIBUTE	String		200	integer
ATTRIBUTE	Whole		6	integer
ATTRIBUTE	Ext-9		241	extended
BEGIN-VENDOR	Zed
ATTRIBUTE	Z-TLV		300	tlv
ATTRIBUTE	Z-Sub		300.1	integer
ATTRIBUTE	V-TLV		2	string
END-VENDOR	Zed
BEGIN-VENDOR	W
ATTRIBUTE	W-TLV		2	tlv
ATTRIBUTE	W-Sub		2.1	integer
ATTRIBUTE	W-New		2.7	integer
END-VENDOR	W
`

// seen is what an account sees that has shadowDict, and the system's part of it.
var seen = sync.OnceValues(func() (visible, system *Set) {
	own := func(name, text string) *Compiled {
		entries, err := ParseText("", []byte(text), nil)
		if err != nil {
			panic(err)
		}
		c, err := Compile(name, entries, nil)
		if err != nil {
			panic(err)
		}
		return c
	}
	system = NewSet(own("system", valueDict))
	return NewSet(own("shadow", shadowDict)).Join(system), system
})

// throughText takes an account's dictionary through its text form and back, if an upload takes it. The texts may say
// the vendors that its formats come from, and put things into another order; else all stays.
func throughText(t testing.TB, entries []Entry) (text string, back []Entry, err error) {
	t.Helper()
	visible, system := seen()
	c, err := CompileUpload("d", "", entries, visible, system)
	if err != nil {
		return "", nil, err
	}
	for _, sees := range []*Set{visible, NewSet(c).Join(visible)} { // before it is stored, and then
		form, err := FormatUpload(entries, sees, system)
		if err != nil {
			t.Fatalf("no text: %v", err)
		}
		again, _, err := ParseUpload(form, sees, system)
		if err != nil {
			t.Fatalf("not read: %v\n%s", err, form)
		}
		compiled, err := CompileUpload("d", "", again, sees, system)
		if err != nil {
			t.Fatalf("not taken: %v\n%s", err, form)
		}
		want, got := meaning(c), meaning(compiled)
		for _, line := range want {
			if !slices.Contains(got, line) {
				t.Fatalf("lost: %s\n%s", line, form)
			}
		}
		for _, line := range got {
			if !slices.Contains(want, line) && !strings.HasPrefix(line, "vendor ") {
				t.Fatalf("new: %s\n%s", line, form)
			}
		}
		if text == "" {
			text, back = string(form), again
		}
	}
	return text, back, nil
}

// meaning lists all that a dictionary says, in no order that matters.
func meaning(c *Compiled) []string {
	place := func(a *aaa.Attribute) string {
		s := NumberName(a.Vendor, a.Parent, a.Number)
		for p := a.Parent; p != nil; p = p.Parent {
			s += " in " + TypeName(p.Type)
		}
		return s
	}
	lines := make(map[string]bool)
	for _, v := range c.vendors {
		if !v.borrowed {
			first := c.vendor(v.Number)
			lines[fmt.Sprintf("vendor %s %d %q %v", strings.ToLower(v.Name), v.Number, formatOf(first.Vendor), first.states)] = true
		}
	}
	for i := range c.attrs {
		a := &c.attrs[i]
		first := c.at(a.Parent, vendorNumber(a), a.Number)
		lines[fmt.Sprintf("attribute %s is %s, first %s: %s %d enc %d tag %v concat %v array %v wire %v hidden %v",
			a.Name, place(a), first.Name, TypeName(a.Type), a.Length, a.Enc, a.HasTag, a.Concat, a.Array, a.Wire, a.Hidden)] = true
	}
	for _, v := range c.vals {
		first := c.valueAt(mix(hashAttr(v.attr), uint64(v.number)), v.attr, v.number)
		lines[fmt.Sprintf("value %s of %s is %d, first %s", v.name, NumberName(v.attr.Vendor, v.attr.Parent, v.attr.Number), v.number, first.name)] = true
	}
	return slices.Collect(maps.Keys(lines))
}

// TestTextOfJSON: what can be said in JSON can be said as text.
func TestTextOfJSON(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, value, lines string }{
		{
			"a child before its parent",
			`{"attr":{"vid":9,"id":1,"type":"string","name":"C","parent":"P"}},{"vendor":{"V":9}},{"attr":{"vid":9,"id":7,"type":"tlv","name":"P","parent":"Q"}},{"attr":{"vid":9,"id":8,"type":"tlv","name":"Q"}}`,
			"ATTRIBUTE Q 8 tlv\nATTRIBUTE P 8.7 tlv\nATTRIBUTE C 8.7.1 string",
		},
		{
			"a vendor without an entry",
			`{"attr":{"vid":77,"id":1,"type":"string","name":"A"}}`,
			"BEGIN-VENDOR Vendor-77",
		},
		{
			"a vendor whose entry another dictionary has",
			`{"attr":{"vid":77777,"id":900,"type":"string","name":"A"}}`,
			"BEGIN-VENDOR Zed\nATTRIBUTE A 900 string",
		},
		{
			"a vendor whose name another has here",
			`{"vendor":{"Zed":5}},{"attr":{"vid":77777,"id":900,"type":"string","name":"A"}},{"attr":{"vid":5,"id":9,"type":"string","name":"B"}}`,
			"BEGIN-VENDOR Vendor-77777\nATTRIBUTE A 900 string",
		},
		{
			"a value of a child that nobody defines",
			`{"val":{"vid":32473,"id":7,"parent":"T","val":1,"name":"x"}},{"attr":{"vid":32473,"id":2,"type":"tlv","name":"T"}}`,
			"BEGIN-TLV T\nVALUE 7 x 1",
		},
		{
			"values of numbers that nobody defines",
			`{"val":{"vid":77777,"id":4000,"val":1,"name":"x"}},{"val":{"id":1100,"val":1,"name":"x"}},{"val":{"id":7,"parent":"Ext-1","val":2,"name":"x"}},{"val":{"id":7,"vid":9,"parent":"EVS-1","val":3,"name":"x"}}`,
			"BEGIN-VENDOR Zed\nVALUE 4000 x 1\nVALUE 1100 x 1\nBEGIN-TLV Ext-1\nVALUE 7 x 2\nBEGIN-VENDOR V format=EVS-1\nVALUE 7 x 3",
		},
		{
			"a value of a number that another dictionary of the account defines",
			`{"val":{"vid":77777,"id":300,"val":1,"name":"x"}},{"val":{"id":6,"val":1,"name":"x"}}`,
			"VALUE Z-TLV x 1\nVALUE Whole x 1",
		},
		{
			"a value of a child that only another dictionary of the account names",
			`{"attr":{"vid":9,"id":2,"type":"tlv","name":"T"}},{"val":{"vid":9,"id":7,"parent":"T","val":1,"name":"x"}}`,
			"BEGIN-TLV T\nVALUE 7 x 1",
		},
		{
			"a value by the name of nobody's attribute",
			`{"vendor":{"Q":7}},{"val":{"vid":7,"attr":"Nobody","val":1,"name":"x"}}`,
			"VENDOR Q 7\nBEGIN-VENDOR Q\nVALUE Nobody x 1",
		},
		{
			"a value by a name that stands for another attribute of the account's",
			`{"val":{"attr":"String","val":1,"name":"x"}},{"val":{"attr":"V-TLV","vid":9,"val":2,"name":"y"}}`,
			"VALUE 1 x 1\nVALUE W-TLV y 2",
		},
		{
			"a further name of another type",
			`{"attr":{"id":200,"type":"byte","name":"A"}},{"attr":{"id":200,"type":"integer","name":"B","alias":true}},{"val":{"attr":"B","val":30,"name":"x"}},{"attr":{"id":201,"type":"byte","name":"C","alias":true}}`,
			"ATTRIBUTE B 200 integer alias\nVALUE B x 30\nATTRIBUTE C 201 byte alias",
		},
		{
			"a parent's number under a name of its own",
			`{"attr":{"vid":9,"id":2,"type":"string","name":"Own"}},{"attr":{"vid":9,"id":7,"type":"string","name":"A","parent":"V-TLV"}}`,
			"BEGIN-TLV V-TLV\nATTRIBUTE A 7 string",
		},
		{
			"a parent whose other name is of another type",
			`{"attr":{"id":242,"type":"tlv","name":"X"}},{"attr":{"id":242,"type":"extended","name":"Y","alias":true}},{"attr":{"id":7,"type":"string","name":"A","parent":"Y"}}`,
			"ATTRIBUTE Y 242 extended alias\nBEGIN-TLV Y\nATTRIBUTE A 7 string",
		},
		{
			"a system parent behind one of its own",
			`{"attr":{"id":241,"type":"extended","name":"Mine"}},{"attr":{"vid":9,"id":9,"type":"string","name":"A","parent":"EVS-1"}},{"attr":{"id":9,"type":"string","name":"B","parent":"Ext-1"}}`,
			"BEGIN-VENDOR V format=EVS-1\nATTRIBUTE A 9 string\nATTRIBUTE B 241.9 string",
		},
		{
			"a value in a parent that comes later",
			`{"val":{"vid":9,"id":3,"parent":"T","val":1,"name":"x"}},{"vendor":{"Nine":9}},{"attr":{"vid":9,"id":200,"type":"tlv","name":"T"}}`,
			"VENDOR Nine 9\nATTRIBUTE T 200 tlv\nBEGIN-TLV T\nVALUE 3 x 1",
		},
		{
			"a format that is stated, and none",
			`{"vendor":{"A":5}},{"vendor":{"B":6,"format":"1,1"}}`,
			"VENDOR A 5\nVENDOR B 6 format=1,1",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			entries, err := ParseJSON([]byte("[" + tc.value + "]"))
			if err != nil {
				t.Fatal(err)
			}
			text, back, err := throughText(t, entries)
			if err != nil {
				t.Fatal(err)
			}
			at := 0
			words := strings.ReplaceAll(text, "\t", " ")
			for line := range strings.SplitSeq(tc.lines, "\n") {
				i := strings.Index(words[at:], line+"\n")
				if i < 0 {
					t.Fatalf("no line %q behind the others in\n%s", line, text)
				}
				at += i
			}
			// What came of the text stays as it is.
			if _, _, err := throughText(t, back); err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
		})
	}
}

// choices makes a dictionary of bytes, of few names and numbers, so that much of it contradicts the rest and the other dictionaries.
type choices []byte

func (c *choices) next() int {
	if len(*c) == 0 {
		return 0
	}
	b := (*c)[0]
	*c = (*c)[1:]
	return int(b)
}

func choose[T any](c *choices, from ...T) T { return from[c.next()%len(from)] }

func (c *choices) name() string {
	return choose(c, "A", "B", "C", "D", "E", "F", "String", "V-TLV", "V-Sub", "EVS-1", "Ext-1", "Mine", "W-TLV", "W-Sub", "Z-TLV")
}

func (c *choices) vid() uint32 { return choose[uint32](c, 0, 9, 9, 77777, 5) }

func (c *choices) id() uint32 { return choose[uint32](c, 1, 2, 2, 6, 7, 26, 69, 79, 241, 245, 300) }

func (c *choices) parent() string {
	if c.next()%2 == 0 {
		return ""
	}
	return c.name()
}

func (c *choices) entries() []Entry {
	var list []Entry
	for len(*c) > 0 && len(list) < 24 {
		switch c.next() % 8 {
		case 0:
			list = append(list, Entry{Vendor: &VendorEntry{
				Name: choose(c, "V", "W", "Zed", "X"), Number: choose[uint32](c, 5, 9, 77777), Format: choose(c, "", "", "1,1", "2,2", "4,0", "1,1,c"),
			}})
		case 1, 2:
			list = append(list, Entry{Val: &ValEntry{VID: c.vid(), ID: c.id(), Parent: c.parent(), Val: choose[int64](c, 0, 1, -1, 300), Name: choose(c, "x", "y", "X")}})
		case 3:
			list = append(list, Entry{Val: &ValEntry{VID: c.vid(), Attr: c.name(), Val: choose[int64](c, 0, 1, -1, 300), Name: choose(c, "x", "y", "X")}})
		default:
			list = append(list, Entry{Attr: &AttrEntry{
				VID: c.vid(), ID: c.id(), Parent: c.parent(), Name: c.name(),
				Type:   choose(c, "tlv", "tlv", "string", "integer", "byte", "octets", "octets[4]", "extended", "long-extended", "evs", "vsa", "concat", "ipaddr"),
				Enc:    choose(c, "", "", "", "no", "salt_crypt", "scramble"),
				HasTag: c.next()%8 == 1, Concat: c.next()%8 == 1, Array: c.next()%8 == 1, Internal: c.next()%8 == 1, Alias: c.next()%2 == 1,
			}})
		}
	}
	return list
}

// FuzzTextOfJSON: whatever an account may upload as JSON has a text form that can be uploaded and means the same.
func FuzzTextOfJSON(f *testing.F) {
	for i := range 8 {
		seed := make([]byte, 200)
		for j := range seed {
			seed[j] = byte((i + 3) * (j + 1) * (j + 7) >> 3)
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		list := (*choices)(&b).entries()
		for len(list) > 0 { // what is refused goes, one by one, so that all that is left is of use
			_, back, err := throughText(t, list)
			if err == nil {
				if _, _, err := throughText(t, back); err != nil {
					t.Fatalf("taken, and refused as its own text says it: %v", err)
				}
				return
			}
			path, _ := firstFault(t, err)
			i, err := strconv.Atoi(strings.Split(path, ".")[1])
			if err != nil {
				t.Fatalf("a fault at %s", path)
			}
			list = slices.Delete(list, i, i+1)
		}
	})
}
