package fsm_test

import (
	"html"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"aaa-api/internal/fsm"
)

const nasty = `a "quoted" \N \l C:\temp\ <b>&amp;</b>; #35; %% --> [*] : _x_ a_b {x|y} ] état 日本 ` + "`"

// drawn makes a table with a text in it that is drawn.
func drawn(t interface{ Fatalf(string, ...any) }, xstring string) *fsm.Table {
	src := &fsm.Source{States: []fsm.Origin{
		{Name: "Start", Lines: []fsm.Handler{{State: "*", Action: "+AUTHEN", Event: "ACK", Do: "LOG", Next: "Then", Xstring: xstring}}},
		{Name: "Then", Lines: []fsm.Handler{{State: "*", Action: "LOG", Event: "ACK", Do: "REPLY", Next: "End"}}},
	}}
	table, errors, _ := fsm.Compile(src, specs())
	if len(errors) > 0 {
		t.Fatalf("%v", errors)
	}
	return table
}

func TestDrawEscapes(t *testing.T) {
	t.Parallel()
	table := drawn(t, nasty)
	golden(t, "nasty.dot", table.Dot())
	golden(t, "nasty.mmd", table.Mermaid())
}

// Every line that Dot writes: a node, an edge, or an attribute of the graph; texts are quoted.
var (
	dotText = `"(?:[^"\\\n]|\\.)*"`
	dotAttr = `[a-z]+=(?:` + dotText + `|[0-9]+)`
	dotLine = regexp.MustCompile(`^(?:digraph fsm \{|\}|\t(?:n\d+(?:->n\d+)?\[` + dotAttr + `(?:,` + dotAttr + `)*\];|` + dotAttr + `(?:;` + dotAttr + `)*;)?|)$`)
	dotEdge = regexp.MustCompile(`n\d+->n\d+\[.*label=(` + dotText + `)`)

	mermaidLine = regexp.MustCompile(`^(?:stateDiagram-v2|    state "[^"\n]*" as s\d+|    \[\*\] --> s\d+|    s\d+ --> (?:s\d+|\[\*\]) : (?:[^:;<>"*\n]|#\d+;|<br/>)+|)$`)
	mermaidEdge = regexp.MustCompile(`    s0 --> s1 : (.*)`)
)

// TestDrawingsAreWellFormed reads random texts back out of both kinds of drawing, as the programs that draw them would.
func TestDrawingsAreWellFormed(t *testing.T) {
	t.Parallel()
	text := rapid.StringOfN(rapid.OneOf(rapid.RuneFrom([]rune(nasty)), rapid.RuneFrom(nil, unicode.Letter, unicode.Symbol, unicode.Punct)), 1, 40, fsm.MaxXstring)
	rapid.Check(t, func(t *rapid.T) {
		xstring := text.Draw(t, "xstring")
		table := drawn(t, xstring)
		for _, d := range []struct {
			drawing    string
			line, edge *regexp.Regexp
			read       func(string) string
		}{
			{table.Dot(), dotLine, dotEdge, readDot},
			{table.Mermaid(), mermaidLine, mermaidEdge, readMermaid},
		} {
			for line := range strings.SplitSeq(d.drawing, "\n") {
				if !d.line.MatchString(line) {
					t.Fatalf("malformed line %q", line)
				}
			}
			m := d.edge.FindStringSubmatch(d.drawing)
			if m == nil {
				t.Fatalf("no edge in\n%s", d.drawing)
			}
			label := d.read(m[1])
			value, ok := strings.CutPrefix(label, "*.+AUTHEN.ACK → LOG (Xstring=")
			value = strings.TrimSuffix(value, ")")
			if !ok || (value != xstring && unquote(value) != xstring) {
				t.Fatalf("%q is drawn as %q", xstring, label)
			}
		}
	})
}

// unquote reads a text in quotes as tables have it.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return ""
	}
	s = s[1 : len(s)-1]
	return strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(s)
}

// readDot is what Graphviz shows of a label of one line.
func readDot(quoted string) string {
	inner := strings.TrimSuffix(quoted[1:len(quoted)-1], `\l`)
	return html.UnescapeString(strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(inner))
}

// readMermaid is what Mermaid shows of a label.
func readMermaid(s string) string {
	return regexp.MustCompile(`#\d+;`).ReplaceAllStringFunc(s, func(code string) string {
		n, _ := strconv.Atoi(code[1 : len(code)-1])
		return string(rune(n))
	})
}
