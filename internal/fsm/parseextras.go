package fsm

import (
	"strconv"
	"strings"
)

// extras reads what follows the next state. Tables of all ages are taken:
//
//	Xvalue=2 Xstring="some text"
//	2 "some text"
//	Session-Timeout = 2, Reply-Message = "some text"
//
// In the last form, the oldest, an integer is the value and a text the string, whatever
// the attributes are called. Anything may be in quotes, in which \" and \\ stand for themselves.
func (p *reader) extras(h *Handler, s string) {
	var values, texts int
	for s = skipSeparators(s); s != ""; s = skipSeparators(s) {
		var item extra
		var ok bool
		if item, s, ok = p.extra(s); !ok {
			return
		}
		if item.isText() {
			texts++
			p.xstring(h, item.value)
		} else {
			values++
			p.xvalue(h, item.value)
		}
		if texts > 1 {
			p.fault("duplicate", "a line has one Xstring: put a text with spaces in quotes")
			return
		}
		if values > 1 {
			p.fault("duplicate", "a line has one Xvalue")
			return
		}
	}
}

// extra is one item: a value alone, or one with the name of an attribute.
type extra struct {
	name   string // empty for a value alone
	value  string
	quoted bool
}

// isText tells a text from an integer.
func (x extra) isText() bool {
	switch {
	case strings.EqualFold(x.name, "Xvalue"):
		return false
	case strings.EqualFold(x.name, "Xstring"):
		return true
	}
	return x.quoted || !isInteger(x.value)
}

// extra reads the first item of s, which begins with one.
func (p *reader) extra(s string) (item extra, rest string, ok bool) {
	item.value, item.quoted, rest, ok = p.value(s, " \t,=\"")
	if item.quoted {
		return item, rest, ok && p.separated(rest)
	}
	after, pair := strings.CutPrefix(strings.TrimLeft(rest, " \t"), "=")
	if !pair {
		return item, rest, p.separated(rest)
	}
	item.name = item.value
	after = strings.TrimLeft(after, " \t")
	if item.name == "" || after == "" || after[0] == ',' {
		p.fault("syntax", "an extra is NAME=VALUE, an integer or a text")
		return item, "", false
	}
	item.value, item.quoted, rest, ok = p.value(after, " \t,\"")
	return item, rest, ok && p.separated(rest)
}

// value reads a text in quotes, or what stands before any of the characters in end.
func (p *reader) value(s, end string) (value string, quoted bool, rest string, ok bool) {
	if strings.HasPrefix(s, `"`) {
		value, rest, ok = p.quoted(s)
		return value, true, rest, ok
	}
	n := strings.IndexAny(s, end)
	if n < 0 {
		n = len(s)
	}
	return s[:n], false, s[n:], true
}

// separated refuses an item that goes on where it should have ended.
func (p *reader) separated(rest string) bool {
	if rest == "" || strings.IndexByte(" \t,", rest[0]) >= 0 {
		return true
	}
	p.fault("syntax", "quotes go around the whole of an extra: %s follows", show(rest))
	return false
}

// quoted reads a text in quotes. A backslash stands for itself but before a quote or another.
func (p *reader) quoted(s string) (value, rest string, ok bool) {
	var b []byte // what is before start, where there are escapes
	start := 1
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			if start == 1 {
				return s[1:i], s[i+1:], true
			}
			return string(append(b, s[start:i]...)), s[i+1:], true
		case '\\':
			if i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\') {
				b = append(b, s[start:i]...)
				i++
				start = i // the character itself comes with the next piece
			}
		}
	}
	p.fault("syntax", "the quotes are not closed")
	return "", "", false
}

func skipSeparators(s string) string { return strings.TrimLeft(s, " \t,") }

func (p *reader) xvalue(h *Handler, s string) {
	n, err := strconv.ParseInt(s, 10, 32)
	if !isInteger(s) || err != nil {
		p.fault("syntax", "Xvalue is an integer of 32 bits, not %s", show(s))
		return
	}
	v := int32(n)
	h.Xvalue = &v
}

func (p *reader) xstring(h *Handler, s string) {
	switch {
	case len(s) > MaxXstring:
		p.fault("too_long", "Xstring may have %d octets", MaxXstring)
	case strings.Contains(s, "\t"):
		p.fault("syntax", "Xstring holds the control character U+0009")
	default:
		h.Xstring = s
	}
}
