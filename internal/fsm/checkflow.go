package fsm

import "strings"

// checkFlow looks at the table as a graph: which states are referenced and reached, which reach
// End, which lines can never match, and which go in circles.
func (c *compiler) checkFlow() {
	reached := c.reachable()
	c.checkReferences(reached)
	c.checkEnds()
	c.checkAnswered()
	ix := c.index()
	shadowed := c.checkShadows(ix)
	c.checkCycles(ix, reached, shadowed)
}

// first is where the lines of each state begin among all; one more than there are states.
func (c *compiler) first() []int32 {
	first := make([]int32, len(c.src.States)+1)
	for i := range c.src.States {
		first[i+1] = first[i] + int32(len(c.src.States[i].Lines))
	}
	return first
}

// line's place among the Source's.
func (c *compiler) placeOf(line int32, member string) place {
	return place{int(c.owner[line]), c.within[line], member}
}

// ends reports whether a line leaves the machine.
func (c *compiler) ends(l *Line) bool {
	return l.Next == End || l.Do >= 0 && c.actions.Spec(int(l.Do)).Ends
}

// reachable follows all lines from the first state.
func (c *compiler) reachable() []bool {
	first := c.first()
	reached := make([]bool, len(c.src.States))
	reached[Start] = true
	for todo := []int32{Start}; len(todo) > 0; {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for i := first[at]; i < first[at+1]; i++ {
			if l := &c.lines[i]; l.Next >= 0 && !reached[l.Next] {
				reached[l.Next] = true
				todo = append(todo, l.Next)
			}
		}
	}
	return reached
}

// checkReferences tells of states that no line goes to, and of those that only such states go to.
func (c *compiler) checkReferences(reached []bool) {
	referenced := make([]bool, len(c.src.States))
	for i := range c.lines {
		l := &c.lines[i]
		if l.Next >= 0 && (l.Next != c.owner[i] || !strings.EqualFold(c.src.States[c.owner[i]].Lines[c.within[i]].Next, wordSame)) {
			referenced[l.Next] = true
		}
	}
	for i := range c.src.States {
		switch {
		case i == Start || c.twice[i]:
		case !referenced[i]:
			c.fail(place{i, -1, "name"}, "unreferenced", "no line goes to the state %s", c.src.States[i].Name)
		case !reached[i]:
			c.warn(place{i, -1, "name"}, "unreachable", "no way leads from the first state to the state %s", c.src.States[i].Name)
		}
	}
}

// checkEnds tells of states from which no line leads to End, however many states it takes. A state with
// a line whose next state could not be read may lead anywhere.
func (c *compiler) checkEnds() {
	n := len(c.src.States)
	from := make([][]int32, n) // by state: the states with a line to it
	done := make([]bool, n)
	var todo []int32
	mark := func(at int32) {
		if !done[at] {
			done[at] = true
			todo = append(todo, at)
		}
	}
	for i := range c.lines {
		switch l := &c.lines[i]; {
		case c.ends(l) || l.Next == unknown:
			mark(c.owner[i])
		case l.Next >= 0:
			from[l.Next] = append(from[l.Next], c.owner[i])
		}
	}
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, f := range from[at] {
			mark(f)
		}
	}
	for i := range c.src.States {
		if !done[i] && !c.twice[i] {
			c.fail(place{i, -1, "name"}, "no_end", "the state %s can't reach End by the table's own lines", c.src.States[i].Name)
		}
	}
}

// checkAnswered tells of lines that wait for an action that nothing starts there.
func (c *compiler) checkAnswered() {
	type start struct{ state, action int32 }
	started := make(map[start]bool, len(c.lines))
	for i := range c.lines {
		if do := c.lines[i].Do; do != unknown {
			started[start{c.owner[i], do}] = true
			started[start{Any, do}] = true
		} else {
			started[start{c.owner[i], unknown}] = true // may be any action
			started[start{Any, unknown}] = true
		}
	}
	for i := range c.lines {
		l := &c.lines[i]
		if l.By < 0 || l.From == unknown || started[start{l.From, l.By}] || started[start{l.From, unknown}] {
			continue
		}
		where := "no line"
		if l.From >= 0 {
			where = "no line of " + c.src.States[l.From].Name
		}
		c.warn(c.placeOf(int32(i), "action"), "never", "%s starts %s", where, c.actions.Spec(int(l.By)).Name)
	}
}

// happened is an event in a state, as a key of the index.
type happened struct {
	at, from, by int32
	event        Event
}

// index finds lines as Next does, in a time that does not grow with the lines of a state.
type index map[happened]int32

// index is of all lines that could be read; of several with one key it holds the first.
func (c *compiler) index() index {
	ix := make(index, len(c.lines))
	for i := range c.lines {
		l := &c.lines[i]
		if !c.complete(l) {
			continue
		}
		key := happened{c.owner[i], l.From, l.By, l.Event}
		if _, taken := ix[key]; !taken {
			ix[key] = int32(i)
		}
	}
	return ix
}

// complete reports whether a line's event is known.
func (c *compiler) complete(l *Line) bool {
	return l.From != unknown && l.By != unknown && l.Event != None && !(l.No > 0 && c.told[int(l.No)])
}

// none is no line.
const none = int32(-1)

// find returns the first line for what happened, none without one.
func (ix index) find(h happened) int32 {
	best := none
	for _, from := range [...]int32{h.from, Any} {
		for _, by := range [...]int32{h.by, Any} {
			if i, ok := ix[happened{h.at, from, by, h.event}]; ok && (best == none || i < best) {
				best = i
			}
		}
	}
	return best
}

// checkShadows tells of lines whose every event an earlier line of the state takes.
func (c *compiler) checkShadows(ix index) []bool {
	shadowed := make([]bool, len(c.lines))
	for i := range c.lines {
		l := &c.lines[i]
		if !c.complete(l) {
			continue
		}
		by := ix.find(happened{c.owner[i], l.From, l.By, l.Event})
		if by == int32(i) {
			continue
		}
		shadowed[i] = true
		c.warn(c.placeOf(int32(i), ""), "shadowed", "never matches: %s takes the same event before it", c.nameLine(by))
	}
	return shadowed
}
