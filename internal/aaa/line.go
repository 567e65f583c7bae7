package aaa

import (
	"unicode"
	"unicode/utf8"
)

// unseen are the characters that a reader does not see, or that turn around or break the text beside them:
// controls, formats (bidirectional controls, zero-width joiners, tags), line and paragraph separators, and what
// Unicode lets a display ignore.
var unseen = []*unicode.RangeTable{
	unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector,
}

// IsLine reports whether s is UTF-8 in which each character is seen, so that two names that look the same in a list
// or a log are the same but for the letters of other scripts.
func IsLine(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if r < ' ' || r == 0x7f || r >= 0x80 && unicode.In(r, unseen...) {
			return false
		}
	}
	return true
}
