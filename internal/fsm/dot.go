package fsm

import (
	"fmt"
	"strings"

	"github.com/emicklei/dot"
)

// Dot draws the table as Graphviz text: a node for each state, the start with a thick frame
// and the end with a double one, and an arrow for all lines that lead from one to another.
// The same table always gives the same text.
func (t *Table) Dot() string {
	g := dot.NewGraph(dot.Directed).ID("fsm")
	g.Attr("fontname", "Helvetica")
	if t.id != "" {
		g.Attr("label", dotLabel("", t.id))
	}
	node := func(at int32) dot.Node {
		// Padded, since the library sorts nodes by these names.
		if at == End {
			return g.Node("end")
		}
		return g.Node(fmt.Sprintf("%05d", at))
	}
	for i := range t.states {
		n := node(int32(i)).Attr("shape", "box").Attr("style", "rounded").Attr("label", dotLabel("", t.states[i].name))
		if i == Start {
			n.Attr("penwidth", 3)
		}
	}
	for _, a := range t.arrows() {
		if a.to == End {
			node(End).Attr("shape", "doublecircle").Attr("label", dotLabel("", t.StateName(End)))
		}
		g.Edge(node(a.from), node(a.to)).Attr("label", dotLabel(`\l`, a.labels...)).Attr("fontsize", 10)
	}
	return g.String()
}

// dotLabel quotes lines as one label, each ended by end: \l sets it to the left.
func dotLabel(end string, lines ...string) dot.Literal {
	var b strings.Builder
	b.WriteByte('"')
	for _, line := range lines {
		for _, r := range line {
			switch {
			case r == '"' || r == '\\':
				// A single backslash would be one of Graphviz's escapes, such as \N for the node's name.
				b.WriteByte('\\')
				b.WriteRune(r)
			case r == '&':
				b.WriteString("&amp;") // Graphviz reads entities of HTML in labels
			case r < ' ' || r == 0x7f:
				b.WriteRune('\uFFFD') // a control character can't be drawn
			default:
				b.WriteRune(r)
			}
		}
		b.WriteString(end)
	}
	b.WriteByte('"')
	return dot.Literal(b.String())
}
