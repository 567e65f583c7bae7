package router

import (
	"context"
	"fmt"
	"sync"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/fsm"
	"aaa-api/internal/limits"
	"aaa-api/internal/plans"
	"aaa-api/internal/translate"
)

// maxTransitions bounds the lines that one request takes of one table.
const maxTransitions = 1000

// Machine takes one request through the table of one document. One goroutine drives it
// at a time; the exchanges that run beside it read only what does not change while they do.
type Machine struct {
	router *Router
	plan   *plans.Plan
	req    *aaa.Request
	level  *plans.CompiledDocument
	later  []*plans.CompiledDocument // the documents that are asked where this one comes to no answer
	table  *fsm.Table
	name   string // the table's
	pin    *pin   // of a request that goes on after a challenge
	mark   mark

	state  int32
	from   int32 // state in which the action that runs was started
	by     int32 // the action that runs
	steps  int
	result fsm.Event // ACK, NAK, ERROR, ACC_CHAL or None: what REPLY would send
	answer *aaa.Result
	chosen bool // the action that runs has said itself what the result is

	replied  bool
	out      *aaa.Result // what REPLY sent; nil where that is no answer
	err      error       // of FATAL: what the request fails with
	why      string      // how the walk ended, where that is the table's doing
	busy     error       // why an entry was not done, of KindBusy
	failures failures
	asked    bool // a server was tried
	attempts int
	trace    *aaa.Tracing
	room     *aaa.TraceRoom // of the trace; nil without one

	place    int    // RADIUS: how far the operation's list was gone through
	passed   uint64 // RADIUS: the servers of the list that were passed over, a bit each
	pinAsked bool   // RADIUS: the server that the request is held to was asked

	again <-chan struct{} // receives when the request is repeated; nil where that can't be told

	pending pending

	allowance limits.Allowance // of packets, for what is left of the request's
	budget    translate.Budget // of expressions, alike
	ctx       context.Context  //nolint:containedctx // of the request, while the machine is driven
}

var machines = sync.Pool{New: func() any { return new(Machine) }}

// newMachine makes the machine of a document, after which later are asked.
func newMachine(x *run, level *plans.CompiledDocument, later []*plans.CompiledDocument) *Machine {
	m := machines.Get().(*Machine)
	m.router, m.plan, m.req, m.level, m.later, m.pin, m.trace, m.mark = x.Router, x.plan, x.req, level, later, x.pin, x.trace, x.mark
	m.again, m.room = x.again, x.trace.Room()
	m.allowance.Begin(x.plan.Limits, x.packets)
	m.budget.Begin(x.plan.Limits, x.processor, x.steps)
	m.table, m.name = x.defaultTable, plans.DefaultTable
	if t := level.Tables[x.req.Op]; t != nil {
		m.table, m.name = t.FSM, t.Name
	}
	return m
}

// walk drives the machine until the request is at its end. It returns false where
// the request was answered and something is pending still: rest then goes on.
func (m *Machine) walk(ctx context.Context) (ended bool) {
	h := fsm.Happening{From: fsm.Start, By: fsm.Plus, Event: kindOf(m.req, m.pin != nil)}
	if general := h.Event.General(); general != fsm.None && m.table.Next(fsm.Start, h) == nil {
		h.Event = general
	}
	return m.drive(ctx, h)
}

// drive takes one event after the other, beginning with h, or with what comes from outside where h is none.
func (m *Machine) drive(ctx context.Context, h fsm.Happening) (ended bool) {
	m.ctx = ctx
	for {
		if h.Event != fsm.None {
			line := m.table.Next(m.state, h)
			if line != nil {
				if h, ended = m.step(line, h); ended {
					return true
				}
				continue
			}
			m.ignored(h)
		}
		if h, ended = m.next(ctx); ended || h.Event == fsm.None {
			return ended
		}
	}
}

// next waits for an event from outside; none where nothing can come any more (ended), or
// where the answer is to go out first.
func (m *Machine) next(ctx context.Context) (h fsm.Happening, ended bool) {
	p := &m.pending
	for {
		if len(p.entries) == 0 && len(p.timers) == 0 {
			if !m.replied && m.why == "" {
				m.why = fmt.Sprintf("the table %s stays in state %s with nothing pending", m.name, m.table.StateName(m.state))
			}
			return h, true
		}
		if m.replied && !p.detached {
			return h, false
		}
		if h, ok := m.await(ctx); ok {
			return h, false
		}
	}
}

// step takes a line: the action first, whose answer is the next event.
func (m *Machine) step(line *fsm.Line, h fsm.Happening) (next fsm.Happening, ended bool) {
	if m.steps++; m.steps > maxTransitions {
		m.why = fmt.Sprintf("the table %s took more than %d lines", m.name, maxTransitions)
		m.router.metrics.endless.Inc()
		return next, true
	}
	m.from, m.by = m.state, line.Do
	if line.Next != fsm.Same {
		m.state = line.Next
	}
	m.chosen = false
	step := m.traceLine(line, h)
	event := m.router.actions.list[line.Do].Run(m, line)
	if step != nil {
		step.Answer = m.table.EventName(event)
	}
	spec := m.router.actions.specs.Spec(int(line.Do))
	if spec.Decides && !m.chosen {
		m.decide(event, nil)
	}
	return fsm.Happening{From: m.from, By: m.by, Event: event}, spec.Ends || m.state == fsm.End
}

// decide keeps what REPLY would send.
func (m *Machine) decide(event fsm.Event, res *aaa.Result) {
	switch event {
	case fsm.ACK, fsm.NAK, fsm.ERROR, fsm.AccChal:
		m.result, m.answer = event, res
	}
}

// ignored counts an event that the state has no line for.
func (m *Machine) ignored(h fsm.Happening) {
	if h.Event == fsm.WAIT || h.Event == fsm.ACK && h.By >= 0 && !m.router.actions.specs.Spec(int(h.By)).Decides {
		return // that something is under way or was done: few tables have a line for it
	}
	m.router.metrics.ignored.Inc()
	if m.trace != nil {
		m.trace.AddStep(aaa.TraceStep{
			Account: m.level.Account, Table: m.name, State: m.table.StateName(m.state),
			Event: m.table.Describe(m.state, h), Note: "no line for it: ignored", At: aaa.MicrosOf(time.Since(m.mark.begun)),
		})
	}
}

// traceLine notes a line that is taken; nil where nobody asked.
func (m *Machine) traceLine(line *fsm.Line, h fsm.Happening) *aaa.TraceStep {
	if m.trace == nil {
		return nil
	}
	step := aaa.TraceStep{
		Account: m.level.Account, Table: m.name, State: m.table.StateName(m.from), Event: m.table.Describe(m.from, h),
		Line: int(line.No), Action: m.router.actions.specs.Spec(int(line.Do)).Name, Next: m.table.StateName(m.state),
		Xvalue: line.Xvalue, Xstring: line.Xstring, At: aaa.MicrosOf(time.Since(m.mark.begun)),
	}
	if line.No == 0 {
		step.Note = "default table"
	}
	return m.trace.AddStep(step)
}

// rest goes on after the answer went out. A panic ends what is left of this request, as it does before the answer.
func (m *Machine) rest() {
	defer m.kill()
	defer func() {
		if v := recover(); v != nil {
			_ = m.router.panicked(context.Background(), m.req, v) // the answer is out: the log alone can tell
		}
	}()
	m.pending.detached, m.trace = true, nil
	m.drive(context.Background(), fsm.Happening{})
}

// drain waits for what was cancelled.
func (m *Machine) drain() {
	for ; m.pending.running > 0; m.pending.running-- {
		<-m.pending.arrivals
	}
}

func (m *Machine) recycle() {
	p := &m.pending
	if p.clock != nil {
		p.clock.Stop()
	}
	clear(p.entries)
	*m = Machine{pending: pending{entries: p.entries[:0], timers: p.timers[:0], arrivals: p.arrivals, clock: p.clock}}
	machines.Put(m)
}
