package fsm

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Words of the language that can't name a state. They compare without regard to case.
const (
	wordEnd  = "End"
	wordSame = "Same"
	wordAny  = "*"
)

// isName reports whether s can name a state, an action or an event: an ASCII letter,
// then letters, digits, _ and -.
func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '_' && c != '-') {
			return false
		}
	}
	return s != ""
}

// isInteger reports whether s is written as an integer: digits, with - before them or not.
func isInteger(s string) bool {
	s = strings.TrimPrefix(s, "-")
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// hostile says what a line of text may not hold: what is no UTF-8, and control
// characters other than the tab. Empty for a clean line.
func hostile(s string) string {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if (c < ' ' && c != '\t') || c == 0x7F {
				return controlFault(rune(c))
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			return "is not valid UTF-8"
		}
		if unicode.IsControl(r) {
			return controlFault(r)
		}
		i += n
	}
	return ""
}

func controlFault(r rune) string {
	return "holds the control character U+" + strings.ToUpper(strconv.FormatInt(int64(r)+0x10000, 16)[1:])
}

// show quotes a piece of the input for a message, cut where it is long.
func show(s string) string {
	const most = 64
	if len(s) > most {
		n := most
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n] + "…"
	}
	return strconv.Quote(s)
}

// bounded sorts faults by their lines and cuts them to MaxFaults, the last of
// which then says how many more there are. nil for none.
func bounded(list []Fault) []Fault {
	slices.SortStableFunc(list, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
	if len(list) <= MaxFaults {
		return list
	}
	more := len(list) - (MaxFaults - 1)
	return append(list[:MaxFaults-1:MaxFaults-1], Fault{Rule: "more", Message: "there are more faults: " + strconv.Itoa(more)})
}
