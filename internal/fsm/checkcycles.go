package fsm

import (
	"fmt"
	"slices"
	"strings"
)

// flow is the graph of what goes on at once: an edge leads from a line to another when
// the first one's action may answer at once with what the second one takes.
type flow struct {
	first []int32 // of each line: where its edges begin; one more at the end
	to    []int32
}

// checkCycles tells of circles of lines which no event from outside breaks: a machine
// in one would never wait. Circles that share lines are told once.
func (c *compiler) checkCycles(ix index, reached, shadowed []bool) {
	f := c.flow(ix)
	entered := c.entered(f, reached, shadowed)
	for _, group := range f.groups(entered) {
		circle := f.circle(group)
		names := make([]string, 0, len(circle)+1)
		for _, i := range circle {
			names = append(names, c.nameLine(i))
		}
		const most = 20 // of a long circle's lines, the first
		if len(names) > most {
			names = append(names[:most], fmt.Sprintf("… (%d lines)", len(circle)))
		}
		names = append(names, names[0])
		c.fail(c.placeOf(circle[0], ""), "cycle", "no event from outside breaks this circle, in which each action answers at once: %s",
			strings.Join(names, " → "))
	}
}

// nameLine says for messages which line it is.
func (c *compiler) nameLine(i int32) string {
	if no := c.lines[i].No; no > 0 {
		return fmt.Sprintf("line %d", no)
	}
	return fmt.Sprintf("states.%d.lines.%d", c.owner[i], c.within[i])
}

// flow makes the graph. An action that may wait answers WAIT at once, which most tables
// ignore but a line may take.
func (c *compiler) flow(ix index) flow {
	f := flow{first: make([]int32, len(c.lines)+1)}
	for i := range c.lines {
		f.first[i] = int32(len(f.to))
		l := &c.lines[i]
		if l.Do < 0 || l.Next < 0 || c.ends(l) {
			continue
		}
		spec := c.actions.Spec(int(l.Do))
		follow := func(e Event) {
			if to := ix.find(happened{l.Next, c.owner[i], l.Do, e}); to != none && !slices.Contains(f.to[f.first[i]:], to) {
				f.to = append(f.to, to)
			}
		}
		for _, e := range spec.Answers {
			follow(e)
		}
		if len(spec.Later) > 0 {
			follow(WAIT)
		}
	}
	f.first[len(c.lines)] = int32(len(f.to))
	return f
}

// of are the lines that may follow a line at once.
func (f *flow) of(i int32) []int32 { return f.to[f.first[i]:f.first[i+1]] }

// entered finds the lines that can be taken at all: those that an event from outside
// may bring about, and those that follow at once.
func (c *compiler) entered(f flow, reached, shadowed []bool) []bool {
	later := make(map[happened]bool) // of actions in use, by action or Any
	for i := range c.lines {
		if l := &c.lines[i]; l.Do >= 0 && reached[c.owner[i]] {
			for _, e := range c.actions.Spec(int(l.Do)).Later {
				later[happened{by: l.Do, event: e}] = true
				later[happened{by: Any, event: e}] = true
			}
		}
	}
	entered := make([]bool, len(c.lines))
	var todo []int32
	for i := range c.lines {
		l := &c.lines[i]
		if !reached[c.owner[i]] || shadowed[i] {
			continue
		}
		switch l.Event {
		case WAIT, FATAL, DUP, TIMER, TIMEOUT, ABORT:
			entered[i] = true
		default:
			entered[i] = l.By == Plus && c.owner[i] == Start || later[happened{by: l.By, event: l.Event}]
		}
		if entered[i] {
			todo = append(todo, int32(i))
		}
	}
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, to := range f.of(at) {
			if !entered[to] {
				entered[to] = true
				todo = append(todo, to)
			}
		}
	}
	return entered
}

// groups finds the strongly connected parts that hold a circle (Tarjan, without recursion: a
// circle may be as long as a table has lines), in the order of their first lines.
func (f *flow) groups(within []bool) [][]int32 {
	n := len(within)
	number := make([]int32, n) // in the order of discovery, from 1
	low := make([]int32, n)
	edge := make([]int32, n) // the next edge to follow
	open := make([]bool, n)
	var stack, path []int32
	var groups [][]int32
	count := int32(0)
	enter := func(i int32) {
		count++
		number[i], low[i], open[i] = count, count, true
		stack, path = append(stack, i), append(path, i)
	}
	for root := range int32(n) {
		if !within[root] || number[root] != 0 {
			continue
		}
		for enter(root); len(path) > 0; {
			at := path[len(path)-1]
			if to := f.of(at); int(edge[at]) < len(to) {
				next := to[edge[at]]
				edge[at]++
				if number[next] == 0 {
					enter(next)
				} else if open[next] {
					low[at] = min(low[at], number[next])
				}
				continue
			}
			path = path[:len(path)-1]
			if len(path) > 0 {
				parent := path[len(path)-1]
				low[parent] = min(low[parent], low[at])
			}
			if low[at] != number[at] {
				continue
			}
			from := lastIndex(stack, at)
			group := slices.Clone(stack[from:])
			stack = stack[:from]
			for _, i := range group {
				open[i] = false
			}
			if len(group) > 1 || slices.Contains(f.of(at), at) {
				slices.Sort(group)
				groups = append(groups, group)
			}
		}
	}
	slices.SortFunc(groups, func(a, b []int32) int { return int(a[0] - b[0]) })
	return groups
}

// circle walks in a group until it comes to a line once more, and returns the lines from there on, the
// first in the table first.
func (f *flow) circle(group []int32) []int32 {
	var walk []int32
	seen := make(map[int32]int, len(group))
	at := group[0]
	for {
		if from, again := seen[at]; again {
			walk = walk[from:]
			break
		}
		seen[at] = len(walk)
		walk = append(walk, at)
		for _, to := range f.of(at) {
			if _, in := slices.BinarySearch(group, to); in {
				at = to
				break
			}
		}
	}
	start := slices.Index(walk, slices.Min(walk))
	return append(slices.Clone(walk[start:]), walk[:start]...)
}

// lastIndex looks from the end: what a stack holds of one group is its top.
func lastIndex(stack []int32, at int32) int {
	i := len(stack) - 1
	for stack[i] != at {
		i--
	}
	return i
}
