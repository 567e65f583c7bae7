package translate

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"aaa-api/internal/intern"
)

// Bounds of one regexp.
const (
	// MaxRegexpLength is the longest regexp of a rule in octets.
	MaxRegexpLength = 1024
	// maxRegexpCost bounds the size of the compiled program in instructions: a
	// hundred repetitions of a thousand would otherwise compile to megabytes.
	maxRegexpCost = 2000
)

// valueGroup is the name of the group that wins over group 1.
const valueGroup = "value"

// dotMatchesNL is the flag that regexp.Compile has no argument for.
const dotMatchesNL = "(?s)"

// errNoGroup refuses a regexp that has nothing to take out of a match.
var errNoGroup = errors.New("has no group: put the part to take in round brackets")

// A form is how a matcher finds its group; all but formGroup allocate nothing.
type form uint8

const (
	formGroup form = iota // the general case
	formAny               // ^(.*)$: the whole text
	formSome              // ^(.+)$: the same, but not empty
	formSpan              // the group is the whole match (^([^@]+), [0-9]([0-9]) is not)
)

// matcher is a regexp with the group to take. It is compiled when it is first used: many accounts have rules of their own, and a
// compiled regexp takes kilobytes.
type matcher struct {
	text  string // compiles
	ready atomic.Pointer[regexp.Regexp]
	form  form
	group int
	cost  int
	// weight is what one octet of a text costs, in steps: nothing but the size of the program and what it keeps of each
	// thread, for the text may be any. 0: the forms that need no expression.
	weight int64
}

var matchers intern.Table[string, matcher]

// compileMatcher returns the shared matcher of a regexp.
func compileMatcher(text string) (*matcher, error) {
	if len(text) > MaxRegexpLength {
		return nil, fmt.Errorf("is longer than %d octets", MaxRegexpLength)
	}
	return matchers.Get(text, func() (*matcher, error) { return newMatcher(text) })
}

// newMatcher compiles a regexp whose dot matches line breaks too: ^(.*)$ is the whole text.
func newMatcher(text string) (*matcher, error) {
	tree, err := syntax.Parse(text, syntax.Perl|syntax.DotNL)
	if err != nil {
		return nil, fmt.Errorf("does not compile: %w", err)
	}
	cost := regexpCost(tree)
	if cost > maxRegexpCost {
		return nil, errors.New("is too large once its repetitions are written out")
	}
	re, err := regexp.Compile(dotMatchesNL + text)
	if err != nil {
		return nil, fmt.Errorf("does not compile: %w", err)
	}
	if re.NumSubexp() == 0 {
		return nil, errNoGroup
	}
	m := &matcher{text: text, group: 1, cost: cost}
	if i := re.SubexpIndex(valueGroup); i > 0 {
		m.group = i
	}
	switch {
	case text == `^(.*)$`:
		m.form = formAny
		return m, nil
	case text == `^(.+)$`:
		m.form = formSome
		return m, nil
	case spansGroup(tree, m.group):
		m.form = formSpan
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, fmt.Errorf("does not compile: %w", err)
	}
	m.weight = int64(len(prog.Inst)+perOctet) * int64(capsOfStep+prog.NumCap) / capsOfStep
	return m, nil
}

// What a step consists of beside an instruction, measured on expressions that try every instruction at every octet.
const (
	perOctet   = 6  // instructions' worth that an octet takes by itself
	perText    = 8  // octets' worth that a match takes by itself
	capsOfStep = 64 // ends of groups that take as long to copy as an instruction
	freeOctets = 64 // octets that cost one step where there is no expression
)

// steps is what a match on a text of so many octets costs at most.
func (m *matcher) steps(octets int) int64 {
	if m.weight == 0 {
		return 1 + int64(octets)/freeOctets
	}
	return m.weight * int64(octets+perText)
}

// finding is what a regexp found in a text.
type finding struct {
	part    string // the group's text
	ok      bool   // the group took part in the match
	matched bool
}

// regexp is the compiled regexp.
func (m *matcher) regexp() *regexp.Regexp {
	re := m.ready.Load()
	if re == nil {
		re = regexp.MustCompile(dotMatchesNL + m.text)
		m.ready.Store(re)
	}
	return re
}

// find matches a text.
func (m *matcher) find(s string) finding {
	switch m.form {
	case formAny:
		return finding{s, true, true}
	case formSome:
		return finding{s, s != "", s != ""}
	case formSpan:
		// FindString allocates nothing, but tells an empty match from none only by asking again.
		found := m.regexp().FindString(s)
		matched := found != "" || m.regexp().MatchString(s)
		return finding{found, matched, matched}
	}
	at := m.regexp().FindStringSubmatchIndex(s)
	if at == nil || at[2*m.group] < 0 {
		return finding{matched: at != nil}
	}
	return finding{s[at[2*m.group]:at[2*m.group+1]], true, true}
}

// spansGroup reports whether every match of the regexp is exactly the group's
// text: the group stands once at the top, and all beside it matches without
// taking characters.
func spansGroup(tree *syntax.Regexp, group int) bool {
	parts := []*syntax.Regexp{tree}
	if tree.Op == syntax.OpConcat {
		parts = tree.Sub
	}
	found := false
	for _, p := range parts {
		switch p.Op {
		case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText,
			syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		case syntax.OpCapture:
			if p.Cap != group || found {
				return false
			}
			found = true
		default:
			return false
		}
	}
	return found
}

// regexpCost estimates the instructions of the compiled program from above
// without writing repetitions out; it saturates just over maxRegexpCost.
func regexpCost(re *syntax.Regexp) int {
	cost := 1
	switch re.Op {
	case syntax.OpLiteral:
		cost = len(re.Rune)
	case syntax.OpCharClass:
		cost = 1 + len(re.Rune)/8 // ranges take memory, too
	case syntax.OpCapture:
		cost = 2
	case syntax.OpConcat, syntax.OpRepeat:
		cost = 0
	}
	for _, sub := range re.Sub {
		cost = min(cost+regexpCost(sub), maxRegexpCost+1)
	}
	if re.Op == syntax.OpRepeat {
		// x{2,5} is xx(x(x(x)?)?)?, x{2,} is xx+.
		cost = cost*max(re.Min, re.Max, 1) + max(re.Max-re.Min, 0)
	}
	return min(cost, maxRegexpCost+1)
}

// printable keeps a text for a trace or an error short and valid.
func printable(s string) string {
	const most = 256
	if len(s) > most {
		cut := most
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
