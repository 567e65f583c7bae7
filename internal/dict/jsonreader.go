package dict

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"aaa-api/internal/aaa"
)

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

func (d *jsonReader) flag() bool {
	kind, _ := d.scalar()
	if kind != jsontext.KindTrue && kind != jsontext.KindFalse {
		d.fail("type", "true or false is wanted")
	}
	return kind == jsontext.KindTrue
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
