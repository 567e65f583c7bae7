package usersfile

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// kind is what a line of the text is.
type kind int

const (
	blank   kind = iota // or a comment
	entry               // a name and its password
	replies             // indented: reply items of the entry above
	broken              // to be told as a fault
)

// operators of items, those of two characters first.
var operators = []string{":=", "+=", "==", "!=", ">=", "<=", "=~", "!~", "=*", "!*", "=", ">", "<"}

// written is an item as it stands on a line. start and end are where its value stands, inside its quotes.
type written struct {
	name, op, value string
	quoted          bool
	start, end      int
}

// line is a line of the text, taken apart but not judged by more than its syntax.
type line struct {
	kind   kind
	name   string
	secret *written  // the password of an entry
	items  []written // the check items beside it, or reply items
	fault  refusal   // of a broken line
	colon  bool      // name:hash
}

// maxLine bounds a line, in octets.
const maxLine = 8192

// scan takes one line apart, which comes without its line end.
func scan(text string) line {
	switch {
	case len(text) > maxLine:
		return bad("too_long", "a line has at most 8192 octets")
	case !utf8.ValidString(text):
		return bad("syntax", "the line is not UTF-8")
	case strings.ContainsFunc(text, func(r rune) bool { return r != '\t' && (r < ' ' || r == 0x7f) }):
		return bad("syntax", "the line has a control character")
	}
	trimmed := strings.TrimLeft(text, " \t")
	switch {
	case trimmed == "", strings.HasPrefix(trimmed, "#"):
		return line{}
	case len(trimmed) < len(text):
		s := scanner{text: text, at: len(text) - len(trimmed)}
		items, fault := s.items()
		if fault != nil {
			return line{kind: broken, fault: *fault}
		}
		return line{kind: replies, items: items}
	case strings.HasPrefix(text, "$INCLUDE"):
		return bad("syntax", "files can't be included")
	case text[0] != '"' && text[0] != '\'' && colonForm(text):
		return colonLine(text)
	}
	return usersLine(text)
}

func bad(rule, message string) line { return line{kind: broken, fault: refusal{rule, message}} }

// colonForm tells name:hash from name Password = …, whose name may hold colons too (a MAC
// address): there a space, an attribute and an operator follow.
func colonForm(text string) bool {
	if strings.IndexByte(text, ':') < 0 {
		return false
	}
	s := scanner{text: text, at: strings.IndexAny(text, " \t")}
	if s.at < 0 {
		return true
	}
	s.space()
	s.word()
	s.space()
	return s.operator() == ""
}

// colonLine reads name:hash and leaves further fields alone.
func colonLine(text string) line {
	name, rest, _ := strings.Cut(text, ":")
	hash, _, more := strings.Cut(rest, ":")
	if !more {
		hash = strings.TrimRight(hash, " \t")
	}
	start := len(name) + 1
	return line{kind: entry, name: name, colon: true, secret: &written{value: hash, start: start, end: start + len(hash)}}
}

// usersLine reads name Password = "hash", items.
func usersLine(text string) line {
	s := scanner{text: text}
	name, fault := s.value(" \t")
	if fault != nil {
		return line{kind: broken, fault: *fault}
	}
	s.space()
	if (&scanner{text: text, at: s.at}).operator() != "" {
		return bad("orphan", "reply items are indented: what stands in column one is the name of an entry")
	}
	items, fault := s.items()
	if fault != nil {
		return line{kind: broken, fault: *fault}
	}
	l := line{kind: entry, name: name.value}
	for i := range items {
		switch strings.ToLower(items[i].name) {
		case "password", "user-password", "crypt-password":
			if l.secret != nil {
				return bad("duplicate", "the line has two passwords")
			}
			l.secret = &items[i]
			if op := items[i].op; op != "=" && op != "==" && op != ":=" {
				return bad("operator", "a password is written with =, == or :=")
			}
		case "cleartext-password", "nt-password", "lm-password", "md5-password", "sha-password", "smd5-password", "ssha-password", "chap-password":
			return bad("clear_text", "only hashes of crypt(3) and PHC form are taken, as Password; "+howTo)
		default:
			l.items = append(l.items, items[i])
		}
	}
	if l.secret == nil && l.name == "DEFAULT" {
		return bad("default", noDefault)
	}
	if l.secret == nil {
		return bad("required", `an entry is written: name Password = "hash", or: name:hash`)
	}
	return l
}

// scanner goes along one line.
type scanner struct {
	text string
	at   int
}

func (s *scanner) space() {
	for s.at < len(s.text) && (s.text[s.at] == ' ' || s.text[s.at] == '\t') {
		s.at++
	}
}

// done reports whether nothing but a comment is left.
func (s *scanner) done() bool { return s.at >= len(s.text) || s.text[s.at] == '#' }

// word reads an attribute's name.
func (s *scanner) word() string {
	from := s.at
	for s.at < len(s.text) && (isAlnum(s.text[s.at]) || strings.IndexByte("-_./", s.text[s.at]) >= 0 ||
		s.text[s.at] == ':' && s.at+1 < len(s.text) && isAlnum(s.text[s.at+1])) { // Tunnel-Type:1, and not :=
		s.at++
	}
	return s.text[from:s.at]
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// operator reads one; empty: there is none.
func (s *scanner) operator() string {
	for _, op := range operators {
		if strings.HasPrefix(s.text[s.at:], op) {
			s.at += len(op)
			return op
		}
	}
	return ""
}

// items reads a list of them to the end of the line; a comma at its end is as good as none.
func (s *scanner) items() ([]written, *refusal) {
	var all []written
	for {
		s.space()
		if s.done() {
			return all, nil
		}
		name := s.word()
		s.space()
		op := s.operator()
		if name == "" || len(name) > maxName || op == "" {
			return nil, &refusal{"syntax", "an item is written: Attribute = value, and a comma stands between two"}
		}
		s.space()
		item, fault := s.value(" \t,")
		if fault != nil {
			return nil, fault
		}
		item.name, item.op = name, op
		all = append(all, item)
		s.space()
		if s.done() {
			return all, nil
		}
		if s.text[s.at] != ',' {
			return nil, &refusal{"syntax", "a comma stands between two items, and a value with spaces in quotes"}
		}
		s.at++
	}
}

// value reads a word in quotes of either kind, or up to one of the ends.
func (s *scanner) value(ends string) (written, *refusal) {
	if s.at < len(s.text) && s.text[s.at] == '`' {
		return written{}, &refusal{"syntax", "values are not expanded: write quotes of another kind"}
	}
	if s.at >= len(s.text) || s.text[s.at] != '"' && s.text[s.at] != '\'' {
		from := s.at
		for s.at < len(s.text) && strings.IndexByte(ends, s.text[s.at]) < 0 {
			s.at++
		}
		w := written{value: s.text[from:s.at], start: from, end: s.at}
		switch {
		case w.value == "":
			return w, &refusal{"syntax", "a value is missing"}
		case len(w.value) > maxValue:
			return w, tooLong
		}
		return w, nil
	}
	quote := s.text[s.at]
	s.at++
	from := s.at
	var b bytes.Buffer
	for s.at < len(s.text) {
		c := s.text[s.at]
		switch {
		case c == quote:
			w := written{value: b.String(), quoted: true, start: from, end: s.at}
			s.at++
			if len(w.value) > maxValue {
				return w, tooLong
			}
			return w, nil
		case c == '\\' && s.at+1 < len(s.text):
			s.at++
			switch c = s.text[s.at]; {
			case quote == '\'' && c != '\'' && c != '\\':
				b.WriteByte('\\') // stands for itself
				b.WriteByte(c)
			case c == 'n':
				b.WriteByte('\n')
			case c == 'r':
				b.WriteByte('\r')
			case c == 't':
				b.WriteByte('\t')
			default:
				b.WriteByte(c)
			}
		default:
			b.WriteByte(c)
		}
		s.at++
	}
	return written{}, &refusal{"syntax", "a quote is not closed"}
}

var tooLong = &refusal{"too_long", "a value has at most 1024 octets"}
