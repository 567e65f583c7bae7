package dict

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf8"

	"aaa-api/internal/aaa"
)

// ParseJSON reads the `value` array of a dictionary. It checks the form of every
// entry; what entries say about each other is Compile's. Errors are *aaa.Error of
// KindBadInput with paths like value.3.attr.type.
func ParseJSON(value []byte) ([]Entry, error) {
	if err := checkSource(value, maxJSON); err != nil {
		return nil, err
	}
	d := &jsonReader{dec: json.NewDecoder(bytes.NewReader(value))}
	d.dec.UseNumber()
	list := d.array("value")
	if d.err == nil {
		if _, err := d.dec.Token(); err != io.EOF {
			d.fail("value", "trailing", "something follows the array")
		}
	}
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

func checkSource(b []byte, most int) error {
	if len(b) > most {
		return aaa.Invalid(aaa.Field{Path: "value", Rule: "maxLength", Message: "the dictionary is too long", Target: most})
	}
	if !utf8.Valid(b) {
		return aaa.Invalid(aaa.Field{Path: "value", Rule: "encoding", Message: "not valid UTF-8"})
	}
	return nil
}

// jsonReader walks JSON token by token, since encoding/json neither refuses duplicate
// members nor tells where a fault is. err stops it; faults do not.
type jsonReader struct {
	dec    *json.Decoder
	err    error
	faults faults
}

func (d *jsonReader) fail(path, rule, message string) {
	if d.err == nil {
		d.err = aaa.Invalid(aaa.Field{Path: path, Rule: rule, Message: message})
	}
}

// token reads the next token; nil after an error.
func (d *jsonReader) token(path string) json.Token {
	if d.err != nil {
		return nil
	}
	t, err := d.dec.Token()
	if err != nil {
		var syntax *json.SyntaxError
		message := fmt.Sprintf("malformed JSON near byte %d", d.dec.InputOffset())
		if errors.As(err, &syntax) {
			message = fmt.Sprintf("malformed JSON at byte %d: %v", syntax.Offset, syntax)
		} else if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
			message = "the JSON ends too early"
		}
		d.fail(path, "parse", message)
		return nil
	}
	return t
}

func (d *jsonReader) array(path string) []Entry {
	if t := d.token(path); t != json.Delim('[') {
		d.fail(path, "type", "an array of entries is wanted")
		return nil
	}
	var list []Entry
	for d.err == nil && d.dec.More() {
		if len(list) == MaxEntries {
			d.fail(path, "maxItems", "a dictionary has at most 65536 entries")
			return nil
		}
		list = append(list, d.entry(path+"."+strconv.Itoa(len(list))))
		if d.faults.full() {
			d.err = d.faults.err()
		}
	}
	d.token(path)
	return list
}

// object walks an object's members; member reads the value.
func (d *jsonReader) object(path string, member func(key, path string)) {
	if t := d.token(path); t != json.Delim('{') {
		d.fail(path, "type", "an object is wanted")
		return
	}
	var seen [24]string
	n := 0
	for d.err == nil && d.dec.More() {
		key, _ := d.token(path).(string)
		for _, k := range seen[:n] {
			if k == key && d.err == nil {
				d.fail(path+"."+key, "duplicate", "the member occurs twice")
			}
		}
		if n == len(seen) {
			d.fail(path, "unknown", "too many members")
		}
		if d.err != nil {
			return
		}
		seen[n] = key
		n++
		member(key, path+"."+key)
	}
	d.token(path)
}

func (d *jsonReader) entry(path string) Entry {
	var e Entry
	kinds := 0
	d.object(path, func(key, path string) {
		kinds++
		switch key {
		case "vendor", "ven":
			e.Vendor = d.vendor(path)
		case "attr":
			e.Attr = d.attr(path)
		case "val":
			e.Val = d.val(path)
		default:
			d.fail(path, "unknown", "an entry is one of vendor, attr, val")
		}
	})
	if d.err == nil && kinds != 1 {
		d.faults.add(path, "required", "an entry holds exactly one of vendor, attr, val", nil)
	}
	return e
}

func (d *jsonReader) vendor(path string) *VendorEntry {
	v := &VendorEntry{}
	named := false
	d.object(path, func(key, path string) {
		switch t := d.token(path).(type) {
		case string:
			if key != "format" {
				d.fail(path, "type", "a vendor's number is an integer")
				return
			}
			if _, _, _, ok := parseFormat(t); !ok {
				d.faults.add(path, "enum", `a format is "T,L" or "1,1,c": T is 1, 2 or 4, L is 0, 1 or 2`, clip(t))
			}
			v.Format = t
		case json.Number:
			if named {
				d.fail(path, "unknown", "a vendor entry has one name")
				return
			}
			named = true
			v.Name = key
			if message := checkName(key); message != "" || equalFold(key, "format") {
				d.faults.add(path, "pattern", orElse(message, "a vendor can't be called format"), clip(key))
			}
			v.Number = uint32(d.integer(path, t, 1, 1<<24-1))
		default:
			d.fail(path, "type", "a vendor's number is an integer")
		}
	})
	if d.err == nil && !named {
		d.faults.add(path, "required", `a vendor entry is {"NAME": NUMBER}`, nil)
	}
	return v
}

func (d *jsonReader) attr(path string) *AttrEntry {
	a := &AttrEntry{}
	hasID := false
	d.object(path, func(key, path string) {
		switch key {
		case "vid":
			a.VID = d.vid(path)
		case "id":
			a.ID, hasID = d.id(path), true
		case "type":
			a.Type = d.text(path)
			if _, _, ok := TypeOf(a.Type); !ok && d.err == nil {
				d.faults.add(path, "enum", "the type is unknown", clip(a.Type))
			}
		case "name":
			a.Name = d.name(path)
		case "parent":
			a.Parent = d.name(path)
		case "enc":
			a.Enc = d.text(path)
			if _, ok := EncOf(a.Enc); !ok && d.err == nil {
				d.faults.add(path, "enum", "enc is one of no, yes, scramble, salt_crypt, ascend", clip(a.Enc))
			}
		case "has_tag":
			a.HasTag = d.flag(path)
		case "concat":
			a.Concat = d.flag(path)
		case "array":
			a.Array = d.flag(path)
		case "virtual":
			a.Virtual = d.flag(path)
		case "internal":
			a.Internal = d.flag(path)
		case "secret":
			a.Secret = d.flag(path)
		case "alias":
			a.Alias = d.flag(path)
		default:
			d.fail(path, "unknown", "no such member")
		}
	})
	d.require(path, "id", hasID)
	d.require(path, "type", a.Type != "")
	d.require(path, "name", a.Name != "")
	return a
}

func (d *jsonReader) val(path string) *ValEntry {
	v := &ValEntry{}
	hasID, hasVal := false, false
	d.object(path, func(key, path string) {
		switch key {
		case "vid":
			v.VID = d.vid(path)
		case "id":
			v.ID, hasID = d.id(path), true
		case "parent":
			v.Parent = d.name(path)
		case "attr":
			v.Attr = d.name(path)
		case "val":
			v.Val, hasVal = d.number(path, "an integer is wanted", math.MinInt32, math.MaxInt64), true
		case "name":
			v.Name = d.text(path)
			if message := checkValueName(v.Name); message != "" && d.err == nil {
				d.faults.add(path, "pattern", message, clip(v.Name))
			}
		default:
			d.fail(path, "unknown", "no such member")
		}
	})
	if v.Attr != "" && (hasID || v.Parent != "") && d.err == nil {
		d.faults.add(path+".attr", "unknown", "attr stands in place of id and parent", nil)
	}
	d.require(path, "id", hasID || v.Attr != "")
	d.require(path, "val", hasVal)
	d.require(path, "name", v.Name != "")
	return v
}

func (d *jsonReader) require(path, member string, present bool) {
	if d.err == nil && !present {
		d.faults.add(path+"."+member, "required", "the member is required", nil)
	}
}

func (d *jsonReader) text(path string) string {
	s, ok := d.token(path).(string)
	if !ok {
		d.fail(path, "type", "a string is wanted")
	}
	return s
}

func (d *jsonReader) name(path string) string {
	s := d.text(path)
	if message := checkName(s); message != "" && d.err == nil {
		d.faults.add(path, "pattern", message, clip(s))
	}
	return s
}

func (d *jsonReader) flag(path string) bool {
	b, ok := d.token(path).(bool)
	if !ok {
		d.fail(path, "type", "true or false is wanted")
	}
	return b
}

func (d *jsonReader) vid(path string) uint32 {
	return uint32(d.number(path, "a vendor's number is an integer", 0, 1<<24-1))
}

func (d *jsonReader) id(path string) uint32 {
	return uint32(d.number(path, "an integer is wanted", 0, math.MaxUint32))
}

// number reads an integer; the fault of anything else is otherwise.
func (d *jsonReader) number(path, otherwise string, lowest, highest int64) int64 {
	n, ok := d.token(path).(json.Number)
	if !ok {
		d.fail(path, "type", otherwise)
		return 0
	}
	return d.integer(path, n, lowest, highest)
}

// integer reads an integer written without fraction or exponent.
func (d *jsonReader) integer(path string, n json.Number, lowest, highest int64) int64 {
	i, err := strconv.ParseInt(n.String(), 10, 64)
	switch {
	case errors.Is(err, strconv.ErrSyntax):
		d.faults.add(path, "type", "an integer is wanted", clip(n.String()))
	case err != nil || i < lowest || i > highest:
		d.faults.add(path, "range", fmt.Sprintf("the number is not in %d..%d", lowest, highest), clip(n.String()))
		return 0
	}
	return i
}

// clip keeps what a fault quotes short.
func clip(s string) string {
	if len(s) <= 64 {
		return s
	}
	cut := 64
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
