package aaa

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// windows1252 holds the characters of the octets 0x80 to 0x9f; 0 for the five that have none.
var windows1252 = [32]rune{
	'€', 0, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0, 'Ž', 0,
	0, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0, 'ž', 'Ÿ',
}

// Text is the one form in which a text of a server is shown. What is not UTF-8 is read as windows-1252, which
// servers that know no UTF-8 send; what is no text in that either (a control character, an octet
// without a character) is binary and written 0x….
func Text(value []byte) string {
	if utf8.Valid(value) {
		return string(value)
	}
	var b strings.Builder
	b.Grow(2 * len(value))
	for _, c := range value {
		r := rune(c)
		switch {
		case c >= 0x80 && c <= 0x9f:
			r = windows1252[c-0x80]
		case c < ' ' && c != '\t' && c != '\n' && c != '\r', c == 0x7f:
			r = 0
		}
		if r == 0 {
			return "0x" + hex.EncodeToString(value)
		}
		b.WriteRune(r)
	}
	return b.String()
}
