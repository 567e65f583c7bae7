// Package charset turns texts as clients send them into UTF-8.
package charset

import (
	"bytes"
	"unicode/utf8"
)

// FromLatin1 turns ISO 8859-1 into UTF-8.
func FromLatin1(text []byte) []byte {
	out := make([]byte, 0, len(text)+bytes.Count(text, []byte{'\n'}))
	for _, c := range text {
		out = utf8.AppendRune(out, rune(c))
	}
	return out
}

// IsUTF16 reports a text that begins with the byte order mark of UTF-16, as some editors and shells of Windows write it.
func IsUTF16(text []byte) bool {
	return bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff"))
}

// Clean cuts off a byte order mark and reads octets of comments that are not UTF-8 as ISO 8859-1, which is what old
// files hold. A comment is what follows a # that begins a line or stands behind white space, outside quotes. Octets
// elsewhere stay as they are: a parser refuses them by line.
func Clean(text []byte) []byte {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if utf8.Valid(text) {
		return text
	}
	out := make([]byte, 0, len(text)+len(text)/8)
	for line := range bytes.Lines(text) {
		if i := comment(line); i >= 0 && utf8.Valid(line[:i]) && !utf8.Valid(line[i:]) {
			out = append(append(out, line[:i]...), FromLatin1(line[i:])...)
		} else {
			out = append(out, line...)
		}
	}
	return out
}

// comment finds where a line's comment begins, -1 if it has none.
func comment(line []byte) int {
	quote := byte(0)
	for i, c := range line {
		switch {
		case quote != 0:
			if c == quote && line[i-1] != '\\' {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t'):
			return i
		}
	}
	return -1
}
