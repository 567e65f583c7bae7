package fsm

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Mermaid draws the table as a Mermaid state diagram (stateDiagram-v2). The same table
// always gives the same text.
func (t *Table) Mermaid() string {
	var b strings.Builder
	b.WriteString("stateDiagram-v2\n")
	for i := range t.states {
		fmt.Fprintf(&b, "    state \"%s\" as s%d\n", mermaidText(t.states[i].name), i)
	}
	fmt.Fprintf(&b, "    [*] --> s%d\n", Start)
	for _, a := range t.arrows() {
		to := "[*]"
		if a.to != End {
			to = fmt.Sprintf("s%d", a.to)
		}
		labels := make([]string, len(a.labels))
		for i, label := range a.labels {
			labels[i] = mermaidText(label)
		}
		fmt.Fprintf(&b, "    s%d --> %s : %s\n", a.from, to, strings.Join(labels, "<br/>"))
	}
	return b.String()
}

// mermaidText writes what may mean something to Mermaid, or to the Markdown that it takes labels
// for, as an entity of its own kind: # and the number of the character. That is everything but
// letters, digits and a few signs.
func mermaidText(s string) string {
	var b strings.Builder
	before := ' '
	for i, r := range s {
		switch {
		case r < ' ' || r == 0x7f:
			b.WriteRune('\uFFFD') // a control character can't be drawn
		case r == ' ' || isWord(r) || strings.ContainsRune(".-+=,()→", r):
			b.WriteRune(r)
		case r == '_' && isWord(before) && isWord(firstRune(s[i+1:])):
			b.WriteRune(r) // within a word, as in ACC_CHAL, it sets nothing in italics
		default:
			fmt.Fprintf(&b, "#%d;", r)
		}
		before = r
	}
	return b.String()
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// firstRune is the first character of s; one that is part of no word where there is none.
func firstRune(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}
