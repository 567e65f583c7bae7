package dict

import (
	"math"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"aaa-api/internal/aaa"
)

// ParseJSON reads the `value` array of a dictionary. It checks the form of every
// entry; what entries say about each other is Compile's. Errors are *aaa.Error of
// KindBadInput with paths like value.3.attr.type.
func ParseJSON(value []byte) ([]Entry, error) {
	if err := checkSource(value, maxJSON); err != nil {
		return nil, err
	}
	d := newJSONReader(value, "value")
	list := d.array()
	d.end("something follows the array")
	if d.err != nil {
		return nil, d.err
	}
	if err := d.faults.err(); err != nil {
		return nil, err
	}
	return list, nil
}

// maxJSON bounds JSON well above MaxBytes, which uploads are bounded by: the JSON made of a
// text that was taken can be several times as long, and has to be read again.
const maxJSON = 16 * MaxBytes

func checkLength(b []byte, most int) error {
	if len(b) > most {
		return aaa.Invalid(aaa.Field{Path: "value", Rule: "maxLength", Message: "the dictionary is too long", Target: most})
	}
	return nil
}

func checkSource(b []byte, most int) error {
	if err := checkLength(b, most); err != nil {
		return err
	}
	if !utf8.Valid(b) {
		return aaa.Invalid(aaa.Field{Path: "value", Rule: "encoding", Message: "not valid UTF-8"})
	}
	return nil
}

func (d *jsonReader) array() []Entry {
	if d.token() != jsontext.KindBeginArray {
		d.fail("type", "an array of entries is wanted")
		return nil
	}
	var list []Entry
	for d.more() {
		if len(list) == MaxEntries {
			d.err = aaa.Invalid(aaa.Field{Path: d.join(d.dec.StackPointer().Parent()), Rule: "maxItems", Message: "a dictionary has at most 65536 entries"})
			return nil
		}
		list = append(list, d.entry())
		if d.faults.full() {
			d.err = d.faults.err()
		}
	}
	d.token()
	return list
}

func (d *jsonReader) entry() Entry {
	var e Entry
	kinds := 0
	d.object(func(key string) {
		kinds++
		switch key {
		case "vendor", "ven":
			e.Vendor = d.vendor()
		case "attr":
			e.Attr = d.attr()
		case "val":
			e.Val = d.val()
		default:
			d.fail("unknown", "an entry is one of vendor, attr, val")
		}
	})
	if d.err == nil && kinds != 1 {
		d.faults.add(d.path(), "required", "an entry holds exactly one of vendor, attr, val", nil)
	}
	return e
}

func (d *jsonReader) vendor() *VendorEntry {
	v := &VendorEntry{}
	named := false
	d.object(func(key string) {
		switch kind, written := d.scalar(); kind {
		case jsontext.KindString:
			if key != "format" {
				d.fail("type", "a vendor's number is an integer")
				return
			}
			v.Format = d.word(written)
			if _, _, _, ok := parseFormat(v.Format); !ok {
				d.faults.add(d.path(), "enum", `a format is "T,L" or "1,1,c": T is 1, 2 or 4, L is 0, 1 or 2`, clip(v.Format))
			}
		case jsontext.KindNumber:
			if named {
				d.fail("unknown", "a vendor entry has one name")
				return
			}
			named = true
			v.Name = key
			if message := checkName(key); message != "" || equalFold(key, "format") {
				d.faults.add(d.path(), "pattern", orElse(message, "a vendor can't be called format"), clip(key))
			}
			v.Number = uint32(d.integer(written, 1, 1<<24-1))
		default:
			d.fail("type", "a vendor's number is an integer")
		}
	})
	if d.err == nil && !named {
		d.faults.add(d.path(), "required", `a vendor entry is {"NAME": NUMBER}`, nil)
	}
	return v
}

func (d *jsonReader) attr() *AttrEntry {
	a := &AttrEntry{}
	hasID := false
	named := false
	d.object(func(key string) {
		switch key {
		case "vid":
			a.VID = d.vid()
		case "id":
			a.ID, hasID = d.id(), true
		case "type":
			a.Type = d.text()
			if _, _, ok := TypeOf(a.Type); !ok && d.err == nil {
				d.faults.add(d.path(), "enum", "the type is unknown", clip(a.Type))
			}
		case "name":
			a.Name, named = d.text(), true
		case "parent":
			a.Parent = d.name()
		case "enc":
			a.Enc = d.text()
			if _, ok := EncOf(a.Enc); !ok && d.err == nil {
				d.faults.add(d.path(), "enum", "enc is one of no, yes, scramble, salt_crypt, ascend", clip(a.Enc))
			}
		case "has_tag":
			a.HasTag = d.flag()
		case "concat":
			a.Concat = d.flag()
		case "array":
			a.Array = d.flag()
		case "virtual":
			a.Virtual = d.flag()
		case "internal":
			a.Internal = d.flag()
		case "secret":
			a.Secret = d.flag()
		case "alias":
			a.Alias = d.flag()
		default:
			d.fail("unknown", "no such member")
		}
	})
	if message := nameFault(a.Name, a.VID, a.ID); message != "" && named && d.err == nil {
		d.faults.add(d.path("name"), "pattern", message, clip(a.Name))
	}
	d.require("id", hasID)
	d.require("type", a.Type != "")
	d.require("name", a.Name != "")
	return a
}

func (d *jsonReader) val() *ValEntry {
	v := &ValEntry{}
	hasID, hasVal := false, false
	d.object(func(key string) {
		switch key {
		case "vid":
			v.VID = d.vid()
		case "id":
			v.ID, hasID = d.id(), true
		case "parent":
			v.Parent = d.name()
		case "attr":
			v.Attr = d.name()
		case "val":
			v.Val, hasVal = d.number("an integer is wanted", math.MinInt32, math.MaxInt64), true
		case "name":
			v.Name = d.text()
			if message := checkValueName(v.Name); message != "" && d.err == nil {
				d.faults.add(d.path(), "pattern", message, clip(v.Name))
			}
		default:
			d.fail("unknown", "no such member")
		}
	})
	if v.Attr != "" && (hasID || v.Parent != "") && d.err == nil {
		d.faults.add(d.path("attr"), "unknown", "attr stands in place of id and parent", nil)
	}
	d.require("id", hasID || v.Attr != "")
	d.require("val", hasVal)
	d.require("name", v.Name != "")
	return v
}

func (d *jsonReader) name() string {
	s := d.text()
	if message := checkName(s); message != "" && d.err == nil {
		d.faults.add(d.path(), "pattern", message, clip(s))
	}
	return s
}

func (d *jsonReader) vid() uint32 {
	return uint32(d.number("a vendor's number is an integer", 0, 1<<24-1))
}

func (d *jsonReader) id() uint32 {
	return uint32(d.number("an integer is wanted", 0, math.MaxUint32))
}
