package dict

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode"
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

// jsonReader walks JSON token by token, to tell where a fault is. err stops it; faults do not.
type jsonReader struct {
	dec      *jsontext.Decoder // refuses duplicate members
	root     string            // path of the whole, "" for none
	words    map[string]string // dictionaries say the same few words again and again: each is kept once
	unquoted []byte            // the string last asked of words
	err      error
	faults   faults
}

func newJSONReader(source []byte, root string) *jsonReader {
	return &jsonReader{dec: jsontext.NewDecoder(bytes.NewBuffer(source)), root: root, words: make(map[string]string)}
}

// path is where the value is that was read last, and more below it.
func (d *jsonReader) path(more ...string) string { return d.join(d.dec.StackPointer(), more...) }

func (d *jsonReader) join(at jsontext.Pointer, more ...string) string {
	var parts []string
	if d.root != "" {
		parts = append(parts, d.root)
	}
	for part := range at.Tokens() {
		parts = append(parts, clip(part))
	}
	return strings.Join(append(parts, more...), ".")
}

// fail stops the reading at the value that was read last.
func (d *jsonReader) fail(rule, message string) {
	if d.err == nil {
		d.err = aaa.Invalid(aaa.Field{Path: d.path(), Rule: rule, Message: message})
	}
}

// malformed stops the reading where the decoder does.
func (d *jsonReader) malformed(err error) {
	f := aaa.Field{Path: d.path(), Rule: "parse", Message: fmt.Sprintf("malformed JSON near byte %d", d.dec.InputOffset())}
	var syntax *jsontext.SyntacticError
	switch found := errors.As(err, &syntax); {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		f.Message = "the JSON ends too early"
	case errors.Is(err, jsontext.ErrDuplicateName):
		f.Rule, f.Message = "duplicate", "the member occurs twice"
	case found:
		f.Message = fmt.Sprintf("malformed JSON at byte %d: %v", syntax.ByteOffset, syntax.Err)
	}
	if syntax != nil {
		f.Path = d.join(syntax.JSONPointer)
	}
	d.err = aaa.Invalid(f)
}

// token reads the next token, which is of no kind after an error.
func (d *jsonReader) token() jsontext.Kind {
	if d.err != nil {
		return jsontext.KindInvalid
	}
	t, err := d.dec.ReadToken()
	if err != nil {
		d.malformed(err)
		return jsontext.KindInvalid
	}
	return t.Kind()
}

// scalar reads a member's name or a value without inner structure, as it is written. It is of no kind after an error.
func (d *jsonReader) scalar() (jsontext.Kind, []byte) {
	if d.err != nil {
		return jsontext.KindInvalid, nil
	}
	kind := d.dec.PeekKind()
	if kind == jsontext.KindBeginObject || kind == jsontext.KindBeginArray {
		return d.token(), nil
	}
	written, err := d.dec.ReadValue()
	if err != nil {
		d.malformed(err)
		return jsontext.KindInvalid, nil
	}
	return kind, written
}

// word is what a string says.
func (d *jsonReader) word(written []byte) string {
	d.unquoted, _ = jsontext.AppendUnquote(d.unquoted[:0], written) // the decoder has checked it
	word, ok := d.words[string(d.unquoted)]
	if !ok {
		word = string(d.unquoted)
		d.words[word] = word
	}
	return word
}

// more tells whether the object or array goes on.
func (d *jsonReader) more() bool {
	if d.err != nil {
		return false
	}
	kind := d.dec.PeekKind()
	return kind != jsontext.KindEndObject && kind != jsontext.KindEndArray && kind != jsontext.KindInvalid
}

// end wants nothing more.
func (d *jsonReader) end(otherwise string) {
	if d.err != nil {
		return
	}
	if _, err := d.dec.ReadToken(); !errors.Is(err, io.EOF) {
		d.err = aaa.Invalid(aaa.Field{Path: d.root, Rule: "trailing", Message: otherwise})
	}
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

// object walks an object's members; member reads the value.
func (d *jsonReader) object(member func(key string)) {
	if d.token() != jsontext.KindBeginObject {
		d.fail("type", "an object is wanted")
		return
	}
	for d.more() {
		if _, written := d.scalar(); d.err == nil {
			member(d.word(written))
		}
	}
	d.token()
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
	named := "" // where the name is
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
			a.Name, named = d.text(), d.path()
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
	if message := nameFault(a.Name, a.VID, a.ID); message != "" && named != "" && d.err == nil {
		d.faults.add(named, "pattern", message, clip(a.Name))
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

func (d *jsonReader) require(member string, present bool) {
	if d.err == nil && !present {
		d.faults.add(d.path(member), "required", "the member is required", nil)
	}
}

func (d *jsonReader) text() string {
	kind, written := d.scalar()
	if kind != jsontext.KindString {
		d.fail("type", "a string is wanted")
		return ""
	}
	return d.word(written)
}

func (d *jsonReader) name() string {
	s := d.text()
	if message := checkName(s); message != "" && d.err == nil {
		d.faults.add(d.path(), "pattern", message, clip(s))
	}
	return s
}

func (d *jsonReader) flag() bool {
	kind, _ := d.scalar()
	if kind != jsontext.KindTrue && kind != jsontext.KindFalse {
		d.fail("type", "true or false is wanted")
	}
	return kind == jsontext.KindTrue
}

func (d *jsonReader) vid() uint32 {
	return uint32(d.number("a vendor's number is an integer", 0, 1<<24-1))
}

func (d *jsonReader) id() uint32 {
	return uint32(d.number("an integer is wanted", 0, math.MaxUint32))
}

// number reads an integer; the fault of anything else is otherwise.
func (d *jsonReader) number(otherwise string, lowest, highest int64) int64 {
	kind, written := d.scalar()
	if kind != jsontext.KindNumber {
		d.fail("type", otherwise)
		return 0
	}
	return d.integer(written, lowest, highest)
}

// integer is a whole number, however it is written.
func (d *jsonReader) integer(written []byte, lowest, highest int64) int64 {
	text := string(written)
	if whole, ok := aaa.WholeNumber(text); ok {
		text = whole
	}
	i, err := strconv.ParseInt(text, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrSyntax):
		d.faults.add(d.path(), "type", "an integer is wanted", clip(string(written)))
	case err != nil || i < lowest || i > highest:
		d.faults.add(d.path(), "range", fmt.Sprintf("the number is not in %d..%d", lowest, highest), clip(string(written)))
		return 0
	}
	return i
}

// clip keeps what a fault quotes short.
func clip(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		s = strings.Trim(strconv.Quote(s), `"`)
	}
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
