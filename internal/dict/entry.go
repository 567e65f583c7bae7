package dict

import (
	"bytes"
	"encoding/json"
	"strconv"

	"aaa-api/internal/aaa"
)

// Bounds of one dictionary.
const (
	MaxBytes   = 8 << 20 // of its text, or of its JSON as uploaded
	MaxEntries = 65536
	MaxName    = 128 // octets of an attribute's, vendor's or value's name
	MaxDepth   = 8   // parents above an attribute
	maxFaults  = 20  // faults reported at once
)

// Entry is one entry of a dictionary: exactly one of the pointers is set.
type Entry struct {
	Vendor *VendorEntry `json:"vendor,omitempty"`
	Attr   *AttrEntry   `json:"attr,omitempty"`
	Val    *ValEntry    `json:"val,omitempty"`
	// Line is where the entry stood in the text it came from, counted from 1; 0
	// for an entry that came from JSON. It is no part of the entry's meaning.
	Line int `json:"-"`
}

// VendorEntry names a vendor: {"Juniper": 2636} or {"USR": 429, "format": "4,0"}.
type VendorEntry struct {
	Name   string
	Number uint32 // SMI Private Enterprise Code, 1..2^24-1
	// Format is "type octets,length octets[,c]": the type is of 1, 2 or 4 octets, the
	// length of 0, 1 or 2, and c says that a continuation octet follows (WiMAX).
	// Empty, the entry says nothing of the format: see Set.Vendor.
	Format string
}

// AttrEntry defines an attribute. Type and Enc keep the spelling they were written in.
type AttrEntry struct {
	VID    uint32 `json:"vid,omitempty"` // vendor's number; 0 is the standard space
	ID     uint32 `json:"id"`
	Type   string `json:"type"` // a spelling of TypeOf
	Name   string `json:"name"`
	Enc    string `json:"enc,omitempty"`    // a spelling of EncOf
	Parent string `json:"parent,omitempty"` // name of the tlv, extended or evs attribute it lies in

	HasTag   bool `json:"has_tag,omitempty"`  // RFC 2868 §3.1
	Concat   bool `json:"concat,omitempty"`   // split over several attributes when long
	Array    bool `json:"array,omitempty"`    // several values follow one another in one attribute
	Virtual  bool `json:"virtual,omitempty"`  // computed by FreeRADIUS, never on the wire
	Internal bool `json:"internal,omitempty"` // never on the wire
	Secret   bool `json:"secret,omitempty"`   // the value is not to be shown
	Alias    bool `json:"alias,omitempty"`    // a further name for an identity defined before
}

// ValEntry names a value of an attribute, which is given by its numbers or, instead, by Attr.
type ValEntry struct {
	VID    uint32
	ID     uint32
	Parent string
	// Attr is the attribute's name, in place of ID and Parent. A vendor's value may be for an
	// attribute that nobody defines: it has no effect (FreeRADIUS ships such a file).
	Attr string
	Val  int64 // -2^31..2^63-1, within the attribute's type
	Name string
}

// Equal says whether two entries mean the same: spellings of a type or an enc
// (yes and scramble), and the line, make no difference.
func (e Entry) Equal(o Entry) bool {
	switch {
	case e.Vendor != nil && o.Vendor != nil:
		return *e.Vendor == *o.Vendor
	case e.Attr != nil && o.Attr != nil:
		a, b := *e.Attr, *o.Attr
		ta, la, oka := TypeOf(a.Type)
		tb, lb, okb := TypeOf(b.Type)
		if oka != okb || ta != tb || la != lb || oka && canonEnc(a.Enc) != canonEnc(b.Enc) {
			return false
		}
		if !oka && a.Type != b.Type {
			return false
		}
		a.Type, b.Type, a.Enc, b.Enc = "", "", "", ""
		return a == b
	case e.Val != nil && o.Val != nil:
		return *e.Val == *o.Val
	}
	return e.Vendor == o.Vendor && e.Attr == o.Attr && e.Val == o.Val
}

func canonEnc(s string) aaa.Encryption {
	enc, _ := EncOf(s)
	return enc
}

// MarshalJSON writes {"NAME": NUMBER}, with a "format" where it has one.
func (v VendorEntry) MarshalJSON() ([]byte, error) {
	name, err := json.Marshal(v.Name)
	if err != nil {
		return nil, err
	}
	b := append([]byte{'{'}, name...)
	b = append(b, ':')
	b = strconv.AppendUint(b, uint64(v.Number), 10)
	if v.Format != "" {
		format, err := json.Marshal(v.Format)
		if err != nil {
			return nil, err
		}
		b = append(append(b, `,"format":`...), format...)
	}
	return append(b, '}'), nil
}

// MarshalJSON writes the members that are set; id is left out where attr stands for it.
func (v ValEntry) MarshalJSON() ([]byte, error) {
	out := struct {
		VID    uint32  `json:"vid,omitempty"`
		ID     *uint32 `json:"id,omitempty"`
		Parent string  `json:"parent,omitempty"`
		Attr   string  `json:"attr,omitempty"`
		Val    int64   `json:"val"`
		Name   string  `json:"name"`
	}{v.VID, &v.ID, v.Parent, v.Attr, v.Val, v.Name}
	if v.Attr != "" {
		out.ID = nil
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads one entry as strictly as ParseJSON does.
func (e *Entry) UnmarshalJSON(b []byte) error {
	got, err := ParseJSON(bytes.Join([][]byte{{'['}, b, {']'}}, nil))
	if err != nil {
		return err
	}
	*e = got[0]
	return nil
}

// faults collects what is wrong with a dictionary, up to a bound.
type faults struct{ list []aaa.Field }

func (f *faults) add(path, rule, message string, value any) {
	if len(f.list) < maxFaults {
		f.list = append(f.list, aaa.Field{Path: path, Rule: rule, Message: message, Value: value})
	}
}

func (f *faults) full() bool { return len(f.list) >= maxFaults }

func (f *faults) err() error {
	if len(f.list) == 0 {
		return nil
	}
	return aaa.Invalid(f.list...)
}

// path names an entry's member in a fault: its line in a text, its index in JSON.
func (e *Entry) path(index int, member string) string {
	if e.Line > 0 {
		return "line " + strconv.Itoa(e.Line)
	}
	kind := "val"
	switch {
	case e.Vendor != nil:
		kind = "vendor"
	case e.Attr != nil:
		kind = "attr"
	}
	p := "value." + strconv.Itoa(index) + "." + kind
	if member != "" {
		p += "." + member
	}
	return p
}
