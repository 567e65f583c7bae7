package schema

import (
	"encoding/json"
	"strings"
)

// plain reads JSON as nearly all requests are: no escapes in strings, integers alone, no member
// twice. It takes each octet once and gives up at whatever else there is, right or wrong, which
// Parse then looks at in earnest.
type plain struct {
	data string
	pos  int
	deep int            // how much deeper objects and arrays may nest
	into map[string]any // for the first object; nil: a new one
}

// maxShared is the length in octets up to which all texts of a value are parts of one string. In
// longer data each is its own, lest whoever keeps one name keeps the whole of it.
const maxShared = 1 << 10

// parsePlain reads data, which is valid UTF-8, if it is plain.
func parsePlain(data []byte, maxDepth int, into map[string]any) (any, bool) {
	p := plain{data: string(data), deep: maxDepth, into: into}
	v, ok := p.value()
	return v, ok && p.next() == 0 && p.pos == len(data)
}

// next skips space and returns the octet that follows; 0 at the end.
func (p *plain) next() byte {
	for ; p.pos < len(p.data); p.pos++ {
		switch c := p.data[p.pos]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

func (p *plain) value() (any, bool) {
	switch p.next() {
	case '{':
		return p.object()
	case '[':
		return p.array()
	case '"':
		return p.text()
	case 't':
		return true, p.word("true")
	case 'f':
		return false, p.word("false")
	case 'n':
		return nil, p.word("null")
	default:
		return p.integer()
	}
}

func (p *plain) word(w string) bool {
	end := p.pos + len(w)
	if end > len(p.data) || p.data[p.pos:end] != w {
		return false
	}
	p.pos = end
	return true
}

func (p *plain) object() (any, bool) {
	if p.deep == 0 {
		return nil, false
	}
	p.deep--
	p.pos++ // {
	m := p.into
	if m == nil {
		m = make(map[string]any)
	}
	p.into = nil
	for c := p.next(); c != '}'; c = p.next() {
		if len(m) > 0 {
			if c != ',' {
				return nil, false
			}
			p.pos++
			c = p.next()
		}
		if c != '"' {
			return nil, false
		}
		name, ok := p.text()
		if !ok || p.next() != ':' {
			return nil, false
		}
		p.pos++
		v, ok := p.value()
		if !ok {
			return nil, false
		}
		before := len(m)
		if m[name] = v; len(m) == before {
			return nil, false // twice
		}
	}
	p.pos++ // }
	p.deep++
	return m, true
}

func (p *plain) array() (any, bool) {
	if p.deep == 0 {
		return nil, false
	}
	p.deep--
	p.pos++ // [
	a := []any{}
	for c := p.next(); c != ']'; c = p.next() {
		if len(a) > 0 {
			if c != ',' {
				return nil, false
			}
			p.pos++
		}
		v, ok := p.value()
		if !ok {
			return nil, false
		}
		a = append(a, v)
	}
	p.pos++ // ]
	p.deep++
	return a, true
}

func (p *plain) text() (string, bool) {
	start := p.pos + 1
	for i := start; i < len(p.data); i++ {
		switch c := p.data[i]; {
		case c == '"':
			p.pos = i + 1
			return p.own(p.data[start:i]), true
		case c == '\\' || c < ' ':
			return "", false
		}
	}
	return "", false
}

func (p *plain) integer() (any, bool) {
	start := p.pos
	if start < len(p.data) && p.data[start] == '-' {
		p.pos++
	}
	first := p.pos
	for p.pos < len(p.data) && p.data[p.pos] >= '0' && p.data[p.pos] <= '9' {
		p.pos++
	}
	digits := p.pos - first
	if digits == 0 || p.data[first] == '0' && (digits > 1 || first > start) || p.pos-start > maxNumber { // -0 is written 0
		return nil, false
	}
	if p.pos < len(p.data) {
		switch p.data[p.pos] {
		case '.', 'e', 'E':
			return nil, false
		}
	}
	return json.Number(p.own(p.data[start:p.pos])), true
}

func (p *plain) own(part string) string {
	if len(p.data) <= maxShared {
		return part
	}
	return strings.Clone(part)
}
