package aaa

import (
	"fmt"
	"unicode/utf8"
)

// maxShown is how many octets of an offending text are repeated.
const maxShown = 200

// Shorten returns as much of a text as messages repeat of it.
func Shorten(s string) string {
	if len(s) <= maxShown {
		return s
	}
	end := maxShown
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// Quote returns a name as messages show it.
func Quote(name string) string { return fmt.Sprintf("%q", Shorten(name)) }
