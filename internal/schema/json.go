package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"aaa-api/internal/aaa"
)

// MaxDepth is how deep objects and arrays of a request body may nest.
const MaxDepth = 32

// maxNumber bounds the characters of a number.
const maxNumber = 100

// ErrSyntax is the Err of the *aaa.Error for what could not be read as JSON at all. Faults
// of content (a duplicate member, too deep, a number out of range) lack it.
var ErrSyntax = errors.New("not valid JSON")

// Parse reads one JSON value (RFC 8259) into nil, bool, string, json.Number (in decimal digits where it is whole),
// []any and map[string]any. It refuses, with an *aaa.Error of KindBadInput:
//
//   - what is no JSON, or goes on after the value (ErrSyntax, with line and column);
//   - octets that are no UTF-8 (ErrSyntax), and escaped surrogates without their other half;
//   - members named twice in one object;
//   - objects and arrays nested deeper than maxDepth;
//   - numbers of more than 100 characters or beyond the range of a float64;
//   - the character U+0000, which databases do not take in text.
//
// The faults of the last four carry the path, and all of them are told.
func Parse(data []byte, maxDepth int) (any, error) { return ParseInto(nil, data, maxDepth) }

// ParseInto is Parse, and may make the outermost object of an empty map that the caller has no other use for.
func ParseInto(into map[string]any, data []byte, maxDepth int) (any, error) {
	if !utf8.Valid(data) {
		return nil, syntaxError(data, invalidUTF8(data), "utf8", "not valid UTF-8")
	}
	if v, ok := parsePlain(data, maxDepth, into); ok {
		return v, nil
	}
	if !json.Valid(data) {
		var raw json.RawMessage
		err := json.Unmarshal(data, &raw)
		var se *json.SyntaxError
		if !errors.As(err, &se) {
			return nil, syntaxError(data, 0, "json", "not valid JSON")
		}
		// Offset counts the octets read, the offending one included.
		return nil, syntaxError(data, int(se.Offset)-1, "json", se.Error())
	}
	p := parser{data: data, maxDepth: maxDepth}
	v := p.value()
	if p.faults.total > 0 {
		return nil, aaa.Invalid(p.faults.list()...)
	}
	return v, nil
}

func invalidUTF8(data []byte) int {
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(data)
}

// syntaxError tells where: lines and columns count from 1, columns in octets.
func syntaxError(data []byte, offset int, rule, what string) *aaa.Error {
	offset = max(0, min(offset, len(data)))
	line, column := 1, 1
	for _, c := range data[:offset] {
		column++
		if c == '\n' {
			line++
			column = 1
		}
	}
	return &aaa.Error{
		Kind: aaa.KindBadInput, Message: "the body is not valid JSON", Err: ErrSyntax,
		Fields: []aaa.Field{{Rule: rule, Message: fmt.Sprintf("line %d, column %d (byte %d): %s", line, column, offset, what)}},
	}
}

// parser walks data that json.Valid has accepted, so that it need not look for
// faults of syntax.
type parser struct {
	data     []byte
	pos      int
	maxDepth int
	path     path
	faults   faults
}

func (p *parser) fault(rule, message string, target any) {
	p.faults.add(aaa.Field{Path: p.path.String(), Rule: rule, Message: message, Target: target})
}

func (p *parser) space() {
	for p.pos < len(p.data) {
		switch p.data[p.pos] {
		case ' ', '\t', '\r', '\n':
			p.pos++
		default:
			return
		}
	}
}

// next skips space and returns the octet that follows, without taking it.
func (p *parser) next() byte {
	p.space()
	return p.data[p.pos]
}

func (p *parser) value() any {
	switch c := p.next(); c {
	case '{':
		return p.object()
	case '[':
		return p.array()
	case '"':
		return p.text()
	case 't':
		p.pos += len("true")
		return true
	case 'f':
		p.pos += len("false")
		return false
	case 'n':
		p.pos += len("null")
		return nil
	default:
		return p.number()
	}
}

func (p *parser) object() any {
	if p.tooDeep() {
		return nil
	}
	m := make(map[string]any)
	p.pos++ // {
	for c := p.next(); c != '}'; c = p.next() {
		if c == ',' {
			p.pos++
			p.space()
		}
		name := p.name()
		p.path.push(step{name: name, index: -1})
		p.next()
		p.pos++ // :
		v := p.value()
		if _, twice := m[name]; twice {
			p.fault("duplicate", "the member is given twice", nil)
		}
		m[name] = v
		p.path.pop()
	}
	p.pos++ // }
	return m
}

func (p *parser) array() any {
	if p.tooDeep() {
		return nil
	}
	a := []any{}
	p.pos++ // [
	for c := p.next(); c != ']'; c = p.next() {
		if c == ',' {
			p.pos++
		}
		p.path.push(step{index: len(a)})
		a = append(a, p.value())
		p.path.pop()
	}
	p.pos++ // ]
	return a
}

// tooDeep tells of an object or array that is one too many, and skips it: past the
// bound nothing recurses.
func (p *parser) tooDeep() bool {
	if len(p.path) < p.maxDepth {
		return false
	}
	p.fault("depth", fmt.Sprintf("objects and arrays may nest at most %d deep", p.maxDepth), p.maxDepth)
	for open := 0; ; {
		switch p.data[p.pos] {
		case '{', '[':
			open++
		case '}', ']':
			open--
		case '"':
			p.skipText()
			continue
		}
		p.pos++
		if open == 0 {
			return true
		}
	}
}

// skipText moves past a string and tells whether it holds escapes.
func (p *parser) skipText() (escapes bool) {
	for p.pos++; ; p.pos++ {
		switch p.data[p.pos] {
		case '\\':
			escapes = true
			p.pos++
		case '"':
			p.pos++
			return escapes
		}
	}
}

// name reads a member's name. The path to what is wrong with it is that of its object; what can't be
// shown of it is replaced, in the paths of what it leads to as well.
func (p *parser) name() string {
	s, nul, lone := p.unquote()
	if nul || lone {
		s = strings.ReplaceAll(s, "\x00", "\uFFFD")
		p.hostile("the member's name "+shorten(s, maxName)+": ", nul, lone)
	}
	return s
}

func (p *parser) text() string {
	s, nul, lone := p.unquote()
	p.hostile("", nul, lone)
	return s
}

func (p *parser) hostile(of string, nul, lone bool) {
	if nul {
		p.fault("character", of+"the character U+0000 is not allowed", nil)
	}
	if lone {
		p.fault("utf8", of+"an escaped surrogate lacks its other half", nil)
	}
}

// unquote reads a string and tells what no text may hold; encoding/json replaces a half of a pair.
func (p *parser) unquote() (s string, nul, lone bool) {
	start := p.pos
	if !p.skipText() {
		return string(p.data[start+1 : p.pos-1]), false, false
	}
	raw := p.data[start:p.pos]
	if err := json.Unmarshal(raw, &s); err != nil {
		p.fault("json", "not a valid string", nil) // can't be: json.Valid saw it
		return "", false, false
	}
	nul, lone = hostileEscapes(raw)
	return s, nul, lone
}

// hostileEscapes looks for \u0000 and for surrogates that are no pair in a valid
// JSON string, quotes included.
func hostileEscapes(raw []byte) (nul, lone bool) {
	high := false // the last escape was the first half of a pair
	for i := 1; i < len(raw)-1; {
		unit, size := uint64(0), 1
		if raw[i] == '\\' {
			size = 2
			if raw[i+1] == 'u' {
				size = 6
				unit, _ = strconv.ParseUint(string(raw[i+2:i+6]), 16, 16)
				nul = nul || unit == 0
			}
		}
		low := unit >= 0xDC00 && unit < 0xE000
		lone = lone || low != high
		high = unit >= 0xD800 && unit < 0xDC00
		i += size
	}
	return nul, lone || high
}

func (p *parser) number() any {
	start := p.pos
	exponent := -1
	for ; p.pos < len(p.data); p.pos++ {
		c := p.data[p.pos]
		if c == 'e' || c == 'E' {
			exponent = p.pos + 1
			continue
		}
		if (c < '0' || c > '9') && c != '-' && c != '+' && c != '.' {
			break
		}
	}
	text := string(p.data[start:p.pos])
	if len(text) > maxNumber {
		p.fault("number", fmt.Sprintf("a number may have at most %d characters", maxNumber), maxNumber)
		return json.Number("0")
	}
	if exponent >= 0 {
		// Small exponents are as dangerous as large ones to exact arithmetic.
		e, err := strconv.Atoi(string(p.data[exponent:p.pos]))
		f, ferr := strconv.ParseFloat(text, 64)
		if err != nil || ferr != nil || e < -308 || e > 308 || math.IsInf(f, 0) {
			p.fault("number", "the number must be within ±1.8e308, its exponent from -308 to 308", nil)
			return json.Number("0")
		}
	}
	if whole, ok := aaa.WholeNumber(text); ok {
		text = whole // so that every reader takes 5e9 for 5000000000 and 2.0 for 2
	}
	return json.Number(text)
}
