package router

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/fsm"
	"aaa-api/internal/plans"
)

// pending is a request's event list: what was started and has yet to answer.
type pending struct {
	entries []entry
	timers  []timer
	lastID  uint32

	// Where one entry is all that is pending, the machine's own goroutine does it. Only
	// what must go on side by side gets goroutines, a context and the channel.
	ctx      context.Context //nolint:containedctx // of this request's goroutines
	cancel   context.CancelFunc
	arrivals chan arrival
	running  int // goroutines that have yet to report
	clock    *time.Timer

	over     bool // the deadline has passed or the caller is gone
	detached bool // the answer went out; what is pending goes on
}

// entry is one pending event: servers to ask, one after the other, or a job.
type entry struct {
	id       uint32
	from, by int32
	servers  []*plans.Server
	job      Job
	running  bool
}

type timer struct {
	at       time.Time
	from, by int32
}

type arrival struct {
	id     uint32
	answer Answer
}

// Job is work beside the machine (the forking kind of the Merit server): it must not touch the
// Machine, and ends soon after ctx does.
type Job func(ctx context.Context) Answer

// Answer is what came of an entry.
type Answer struct {
	Event  fsm.Event
	Result *aaa.Result // with ACK, NAK, ACC_CHAL: what goes to the caller beside the outcome
	Err    error       // with FATAL: what the request fails with; with ERROR: the same, where no server is asked either

	exchange
}

// maxEntries bounds what one request has pending at once.
const maxEntries = 256

func (m *Machine) add(e entry) fsm.Event {
	p := &m.pending
	if p.over || len(p.entries) >= maxEntries {
		return fsm.ERROR
	}
	p.lastID++
	e.id, e.from, e.by = p.lastID, m.from, m.by
	p.entries = append(p.entries, e)
	return fsm.WAIT
}

// await returns the next event from outside, false where there was only the end of
// something no longer wanted. Something is pending.
func (m *Machine) await(ctx context.Context) (fsm.Happening, bool) {
	p := &m.pending
	switch {
	case p.over:
		m.kill() // the table had its TIMEOUT or ABORT: what it started since is too late
		return fsm.Happening{}, false
	case len(p.entries) == 1 && p.running == 0 && len(p.timers) == 0 && m.again == nil && !p.detached:
		e := p.entries[0]
		p.entries[0] = entry{}
		p.entries = p.entries[:0]
		a := m.perform(ctx, e)
		if ctx.Err() != nil && a.Event == fsm.ERROR {
			m.merge(&a)
			return m.interrupted(ctx), true
		}
		return m.arrived(e, &a), true
	}
	m.fork(ctx)
	var gone <-chan struct{}
	if !p.detached {
		gone = ctx.Done()
	}
	select {
	case a := <-p.arrivals:
		p.running--
		i := slices.IndexFunc(p.entries, func(e entry) bool { return e.id == a.id })
		if i < 0 {
			return fsm.Happening{}, false // killed meanwhile
		}
		e := p.entries[i]
		p.entries = slices.Delete(p.entries, i, i+1)
		if p.ctx.Err() != nil { // too late to be an event, but the answer tells of it
			if !p.detached {
				m.merge(&a.answer)
			}
			m.collect(p.ctx)
			return m.interrupted(p.ctx), true
		}
		return m.arrived(e, &a.answer), true
	case <-m.alarm():
		return m.expired()
	case <-m.again:
		return fsm.Happening{From: m.state, By: fsm.Any, Event: fsm.DUP}, true
	case <-gone:
		m.collect(ctx)
		return m.interrupted(ctx), true
	case <-p.ctx.Done():
		m.collect(p.ctx)
		return m.interrupted(p.ctx), true
	}
}

// arrived turns an entry's answer into the event that it is.
func (m *Machine) arrived(e entry, a *Answer) fsm.Happening {
	m.merge(a)
	if m.router.actions.specs.Spec(int(e.by)).Decides {
		m.decide(a.Event, a.Result)
	}
	switch {
	case a.Event == fsm.FATAL:
		m.err = a.Err
	case a.Event == fsm.ERROR && a.Err != nil:
		m.busy = a.Err
	}
	return fsm.Happening{From: e.from, By: e.by, Event: a.Event}
}

// collectTime bounds how long what the deadline cut off is waited for: it ends as soon as it sees that.
const collectTime = 100 * time.Millisecond

// collect learns from the exchanges that the deadline cut off how far they had come, for the
// answer tells of that. Their events come too late.
func (m *Machine) collect(ctx context.Context) {
	p := &m.pending
	if p.detached || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return // nobody is told
	}
	end := time.NewTimer(collectTime)
	defer end.Stop()
	for p.running > 0 {
		select {
		case a := <-p.arrivals:
			p.running--
			if slices.ContainsFunc(p.entries, func(e entry) bool { return e.id == a.id }) {
				m.merge(&a.answer)
			}
		case <-end.C:
			return
		}
	}
}

// interrupted is the event of the deadline, or of a caller who went away.
func (m *Machine) interrupted(ctx context.Context) fsm.Happening {
	m.pending.over = true
	event := fsm.ABORT
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		event = fsm.TIMEOUT
	}
	return fsm.Happening{From: m.state, By: fsm.Any, Event: event}
}

// fork starts what is pending and not yet under way, each in a goroutine.
func (m *Machine) fork(ctx context.Context) {
	p := &m.pending
	if p.ctx == nil {
		// What is pending may outlive the answer, and with it the caller's context, but not the deadline, of which Handle
		// spares most contexts.
		deadline, ok := ctx.Deadline()
		if !ok {
			deadline = m.mark.begun.Add(m.router.deadline)
		}
		p.ctx, p.cancel = context.WithDeadline(context.WithoutCancel(ctx), deadline)
		if p.arrivals == nil {
			p.arrivals = make(chan arrival, 8)
		}
	}
	for i := range p.entries {
		if e := &p.entries[i]; !e.running {
			e.running = true
			p.running++
			go func(ctx context.Context, e entry) {
				p.arrivals <- arrival{e.id, m.perform(ctx, e)}
			}(p.ctx, *e)
		}
	}
}

// perform does an entry's work. It may run beside the machine, where a panic would end the whole node: it fails
// this request alone.
func (m *Machine) perform(ctx context.Context, e entry) (a Answer) {
	if ctx.Err() != nil {
		return Answer{Event: fsm.ERROR} // killed before it began
	}
	defer func() {
		if v := recover(); v != nil {
			a = Answer{Event: fsm.FATAL, Err: m.router.panicked(ctx, m.req, v)}
		}
	}()
	if e.job == nil {
		return m.ask(ctx, e.servers)
	}
	return e.job(ctx)
}

// panicked logs a panic. Its error is not for callers.
func (r *Router) panicked(ctx context.Context, req *aaa.Request, v any) error {
	r.log.ErrorContext(ctx, "a request panicked", "account", req.Account, "request_id", req.ID,
		"panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	return errPanicked
}

var errPanicked = errors.New("the request panicked")

// kill cancels all that is pending.
func (m *Machine) kill() {
	p := &m.pending
	clear(p.entries)
	p.entries, p.timers = p.entries[:0], p.timers[:0]
	if p.cancel != nil {
		p.cancel()
		p.ctx, p.cancel = nil, nil
	}
}

// alarm receives when the next timer is due; never without one.
func (m *Machine) alarm() <-chan time.Time {
	p := &m.pending
	if len(p.timers) == 0 {
		return nil
	}
	at := p.timers[0].at
	for _, t := range p.timers[1:] {
		if t.at.Before(at) {
			at = t.at
		}
	}
	if p.clock == nil {
		p.clock = time.NewTimer(time.Until(at))
	} else {
		p.clock.Reset(time.Until(at))
	}
	return p.clock.C
}

// expired takes the timer that is due.
func (m *Machine) expired() (fsm.Happening, bool) {
	p := &m.pending
	now := time.Now()
	for i, t := range p.timers {
		if !t.at.After(now) {
			p.timers = slices.Delete(p.timers, i, i+1)
			return fsm.Happening{From: t.from, By: t.by, Event: fsm.TIMER}, true
		}
	}
	return fsm.Happening{}, false
}
