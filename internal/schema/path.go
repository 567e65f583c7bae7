package schema

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"aaa-api/internal/aaa"
)

// maxFaults is how many faults one answer tells; a last one gives the number of the rest.
const maxFaults = 200

// maxName is how many octets of a hostile member's name a path repeats.
const maxName = 128

// step is a member's name, or an index where index is not negative.
type step struct {
	name  string
	index int
}

// path leads to a value from the top.
type path []step

func (p *path) push(s step)   { *p = append(*p, s) }
func (p *path) pop()          { *p = (*p)[:len(*p)-1] }
func (p path) in(n step) path { return append(p[:len(p):len(p)], n) }

// String joins the steps by dots: servers.0.port.
func (p path) String() string {
	var b strings.Builder
	for i, s := range p {
		if i > 0 {
			b.WriteByte('.')
		}
		if s.index >= 0 {
			b.WriteString(strconv.Itoa(s.index))
		} else {
			b.WriteString(shorten(s.name, maxName))
		}
	}
	return b.String()
}

// shorten cuts a text to at most n octets, at a character.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// faults collects up to maxFaults and counts the rest.
type faults struct {
	fields []aaa.Field
	total  int
}

func (f *faults) add(field aaa.Field) {
	f.total++
	if len(f.fields) < maxFaults {
		f.fields = append(f.fields, field)
	}
}

func (f *faults) list() []aaa.Field {
	if rest := f.total - len(f.fields); rest > 0 {
		return append(f.fields, aaa.Field{Rule: "more", Message: "there are more faults: " + strconv.Itoa(rest), Value: rest})
	}
	return f.fields
}

// Bounded cuts a list of faults to 200 and adds one that tells how many more there are.
func Bounded(list []aaa.Field) []aaa.Field {
	var f faults
	for _, field := range list {
		f.add(field)
	}
	return f.list()
}

// fault is a Field with its place, to be sorted by.
type fault struct {
	at    path
	field aaa.Field
}

// sortFaults puts faults in the order of members' names and of indices.
func sortFaults(list []fault) {
	slices.SortFunc(list, func(a, b fault) int {
		for i := range min(len(a.at), len(b.at)) {
			x, y := a.at[i], b.at[i]
			if c := cmp.Or(cmp.Compare(x.index, y.index), cmp.Compare(x.name, y.name)); c != 0 {
				return c
			}
		}
		return cmp.Or(cmp.Compare(len(a.at), len(b.at)), cmp.Compare(a.field.Rule, b.field.Rule))
	})
}
