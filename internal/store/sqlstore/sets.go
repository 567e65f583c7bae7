package sqlstore

import (
	"fmt"
	"strings"
	"sync"
)

// A statement over many rows has one of a few sizes: drivers keep each text that they prepare.
var setSizes = [...]int{512, 64, 8, 1}

// inSets gives a list to each in parts of those sizes, none over most.
func inSets[T any](list []T, most int, each func(part []T)) {
	for _, size := range setSizes {
		for size <= most && len(list) >= size {
			each(list[:size])
			list = list[size:]
		}
	}
}

// setTexts are the placeholders of sets, by their shape.
var setTexts sync.Map

type setShape struct {
	rows, from int
	types      string
}

// tuples are the placeholders of rows, as ($2, $3), ($4, $5). types are the types of the columns, separated by commas, an empty one for
// text: the placeholders of the first row are cast to them, and those of others follow. from is the number of the first placeholder.
func tuples(rows, from int, types string) string {
	shape := setShape{rows, from, types}
	if text, ok := setTexts.Load(shape); ok {
		return text.(string)
	}
	var b strings.Builder
	n := from
	for row := range rows {
		if row > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('(')
		for i, t := range strings.Split(types, ",") {
			if i > 0 {
				b.WriteString(", ")
			}
			if t != "" && row == 0 {
				fmt.Fprintf(&b, "CAST($%d AS %s)", n, t)
			} else {
				fmt.Fprintf(&b, "$%d", n)
			}
			n++
		}
		b.WriteByte(')')
	}
	text := b.String()
	setTexts.Store(shape, text)
	return text
}

// among is the placeholders of a list of values after IN.
func among(values, from int) string {
	shape := setShape{values, from, "in"}
	if text, ok := setTexts.Load(shape); ok {
		return text.(string)
	}
	list := make([]string, values)
	for i := range list {
		list[i] = fmt.Sprintf("$%d", from+i)
	}
	text := "(" + strings.Join(list, ", ") + ")"
	setTexts.Store(shape, text)
	return text
}

// columns are the placeholders of so many columns, none of which is cast.
func columns(n int) string { return strings.Repeat(",", n-1) }
