package fsm

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"aaa-api/internal/aaa"
	"aaa-api/internal/schema"
)

// Bounds of JSON.
const (
	MaxJSON  = 16 << 20 // octets; that of any table's text is smaller
	maxDepth = 8        // a table nests six deep
)

// ParseJSON reads a table's JSON as json.Marshal writes a Source (schemas/fsm.json). Unknown
// members, members given twice, other types and texts that no table could write are
// refused, all at once and each with its path, at most MaxFaults. The Source is never
// nil, and empty where there are faults.
func ParseJSON(data []byte) (*Source, []Fault) {
	if len(data) > MaxJSON {
		return new(Source), []Fault{{Rule: "too_long", Message: fmt.Sprintf("the JSON has %d octets, at most %d are allowed", len(data), MaxJSON)}}
	}
	tree, err := schema.Parse(data, maxDepth)
	if err != nil {
		var invalid *aaa.Error
		if errors.As(err, &invalid) {
			return new(Source), faultsOf(invalid.Fields)
		}
		return new(Source), []Fault{{Rule: "json", Message: err.Error()}}
	}
	if n := countLines(tree); n > MaxLines { // before the schema spends its time on them
		return new(Source), []Fault{{Path: "states", Rule: "too_many", Message: fmt.Sprintf("a table may have %d lines", MaxLines)}}
	}
	if fields := schema.Validate(schema.FSM, tree); len(fields) > 0 {
		return new(Source), faultsOf(fields)
	}
	if faults := exactIntegers(tree); len(faults) > 0 {
		return new(Source), bounded(faults)
	}
	s := new(Source)
	if err := json.Unmarshal(data, s); err != nil {
		return new(Source), []Fault{{Rule: "json", Message: err.Error()}} // the schema has seen to it
	}
	if faults := s.checkShape(); len(faults) > 0 {
		return new(Source), bounded(faults)
	}
	return s, nil
}

func faultsOf(fields []aaa.Field) []Fault {
	list := make([]Fault, len(fields))
	for i, f := range fields {
		list[i] = Fault{Path: f.Path, Rule: f.Rule, Message: f.Message}
	}
	return bounded(list)
}

// eachLines calls f with the lines of every state, whatever shape the JSON has.
func eachLines(tree any, f func(state int, lines []any)) {
	top, _ := tree.(map[string]any)
	states, _ := top["states"].([]any)
	for i := range states {
		state, _ := states[i].(map[string]any)
		lines, _ := state["lines"].([]any)
		f(i, lines)
	}
}

func countLines(tree any) (n int) {
	eachLines(tree, func(_ int, lines []any) { n += len(lines) })
	return n
}

// exactIntegers refuses integers that are written as 1.0 or 1e3: they are integers to the
// schema, and none to Go.
func exactIntegers(tree any) []Fault {
	var list []Fault
	eachLines(tree, func(state int, lines []any) {
		for i := range lines {
			line, _ := lines[i].(map[string]any)
			if n, ok := line["xvalue"].(json.Number); ok && !isInteger(n.String()) {
				list = append(list, Fault{
					Path: fmt.Sprintf("states.%d.lines.%d.xvalue", state, i), Rule: "type", Message: "must be an integer, written in digits alone",
				})
			}
		}
	})
	return list
}

// checkShape finds what the schema can't say, and makes of lists and comments what reading text would.
func (s *Source) checkShape() []Fault {
	var list []Fault
	trim(&s.Events)
	trimComments(&s.Comments)
	for i := range s.Events {
		trimComments(&s.Events[i].Comments)
	}
	for i := range s.States {
		state := &s.States[i]
		trim(&state.Lines)
		trimComments(&state.Comments)
		if strings.EqualFold(state.Name, wordEnd) {
			list = append(list, Fault{Path: fmt.Sprintf("states.%d.name", i), Rule: "reserved", Message: "no state can be called " + state.Name})
		}
		for j := range state.Lines {
			trimComments(&state.Lines[j].Comments)
			if len(state.Lines[j].Xstring) > MaxXstring {
				list = append(list, Fault{
					Path: fmt.Sprintf("states.%d.lines.%d.xstring", i, j), Rule: "too_long", Message: fmt.Sprintf("Xstring may have %d octets", MaxXstring),
				})
			}
		}
	}
	if n := len(s.Text()); n > MaxText {
		list = append(list, Fault{Rule: "too_long", Message: fmt.Sprintf("as text the table has %d octets, at most %d are allowed", n, MaxText)})
	}
	return list
}

// trim makes an empty list nil.
func trim[T any](list *[]T) {
	if len(*list) == 0 {
		*list = nil
	}
}

// trimComments takes the white space from the ends of comments too.
func trimComments(list *[]string) {
	trim(list)
	for i, c := range *list {
		(*list)[i] = strings.TrimRight(c, " \t")
	}
}
