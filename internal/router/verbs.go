package router

import (
	"context"
	"log/slog"
	"math/bits"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/egress"
	"aaa-api/internal/fsm"
	"aaa-api/internal/plans"
	"aaa-api/internal/translate"
)

// What actions do to a request. All of it belongs to the goroutine that drives the
// Machine: a Job is given what it needs.

// Request is the request. It must not be changed.
func (m *Machine) Request() *aaa.Request { return m.req }

// Level is the document that the request runs on. It must not be changed.
func (m *Machine) Level() *plans.CompiledDocument { return m.level }

// Context ends with the request's time or its caller.
func (m *Machine) Context() context.Context {
	if m.pending.ctx != nil {
		return m.pending.ctx
	}
	return m.ctx
}

// Budget is what the request may spend on expressions. It may be used beside the machine.
func (m *Machine) Budget() *translate.Budget { return &m.budget }

// Log is the service's log with the request's marks.
func (m *Machine) Log() *slog.Logger {
	return m.router.log.With("account", m.req.Account, "request_id", m.req.ID, "operation", m.req.Op.String(),
		"table", m.name, "state", m.table.StateName(m.from))
}

// Reach is where the document's servers, and what its tables ask, may be.
func (m *Machine) Reach() *egress.Account { return m.level.Reach }

// AskNext leaves an entry for the next server of the operation's list, or of those of it
// that an engine speaks to, where engine is not empty. Dead servers are passed over
// while another that is still to be asked lives, be it one of a document after this one; if all of these die too, they are
// asked in the end. RC1 where none is left.
func (m *Machine) AskNext(engine string) fsm.Event {
	if m.pin != nil {
		if m.pinAsked {
			return fsm.RC(1)
		}
		m.pinAsked = true
		return m.add(entry{servers: m.pin.servers[:]})
	}
	list := m.level.Lists[m.req.Op]
	for m.place < len(list) {
		i := m.place
		m.place++
		if engine != "" && list[i].Engine != engine {
			continue
		}
		if isDead(list[i]) && (anyUsable(list[m.place:], engine) || m.laterUsable()) {
			m.passed |= 1 << i
			m.traceServer(list[i], deadPassedOver)
			continue
		}
		return m.add(entry{servers: list[i : i+1]})
	}
	if m.passed != 0 && !anyUsable(list, engine) && !m.laterUsable() {
		for i := range list {
			if m.passed&(1<<i) != 0 && (engine == "" || list[i].Engine == engine) {
				m.passed &^= 1 << i
				return m.add(entry{servers: list[i : i+1]})
			}
		}
	}
	return fsm.RC(1)
}

// AskNamed leaves an entry for a server of the document or for a list of it (authentication,
// authorization, accounting, custom): one entry that asks them in order with
// failover, or with all one for each. RC1 where there is none that is enabled. A request that
// answers a challenge goes to the server that sent it, whatever the name.
func (m *Machine) AskNamed(name string, all bool) fsm.Event {
	if m.pin != nil {
		return m.add(entry{servers: m.pin.servers[:]})
	}
	list := m.Named(name)
	if len(list) == 0 {
		return fsm.RC(1)
	}
	if !all {
		return m.add(entry{servers: list})
	}
	var dead uint64 // looked at once for each, so that not every server is passed over for another
	for i, s := range list {
		if isDead(s) {
			dead |= 1 << i
		}
	}
	if bits.OnesCount64(dead) == len(list) {
		dead = 0
	}
	event := fsm.RC(1)
	for i, s := range list {
		if dead&(1<<i) != 0 {
			m.traceServer(s, deadPassedOver)
			continue
		}
		event = m.add(entry{servers: list[i : i+1]})
	}
	return event
}

// Named returns the enabled servers of a list of the document, or the one server of that name.
func (m *Machine) Named(name string) []*plans.Server {
	switch name {
	case "authentication":
		return m.level.Lists[aaa.Authn]
	case "authorization":
		return m.level.Lists[aaa.Authz]
	case "accounting":
		return m.level.Lists[aaa.Accounting]
	case "custom":
		return m.level.Lists[aaa.Custom]
	}
	for i, s := range m.level.Servers {
		if s.Name == name {
			return m.level.Servers[i : i+1]
		}
	}
	return nil
}

// Do leaves an entry for a job: WAIT now, its answer later.
func (m *Machine) Do(job Job) fsm.Event { return m.add(entry{job: job}) }

// Pending is how many entries have yet to answer, without timers.
func (m *Machine) Pending() int { return len(m.pending.entries) }

// Kill clears the list of pending events and cancels what is out.
func (m *Machine) Kill() { m.kill() }

// Redo issues all that is pending anew.
func (m *Machine) Redo() {
	p := &m.pending
	if p.cancel != nil {
		p.cancel()
		p.ctx, p.cancel = nil, nil
	}
	for i := range p.entries {
		p.lastID++ // what comes of the earlier one is ignored
		p.entries[i].id, p.entries[i].running = p.lastID, false
	}
}

// Timer makes a TIMER event arrive after d.
func (m *Machine) Timer(d time.Duration) {
	if p := &m.pending; len(p.timers) < maxEntries && !p.over {
		p.timers = append(p.timers, timer{time.Now().Add(d), m.from, m.by})
	}
}

// Reply answers the request with its result. Only the first reply counts: with a result
// of ERROR, or none, it says that nobody answered.
func (m *Machine) Reply() {
	if m.replied {
		return
	}
	m.replied = true
	res := m.answer
	if res == nil {
		res = &aaa.Result{}
	}
	switch m.result {
	case fsm.ACK:
		res.Outcome, res.IsAuthorized = aaa.Accept, true
	case fsm.NAK:
		res.Outcome = aaa.Reject
	case fsm.AccChal:
		res.Outcome = aaa.Challenge
	default:
		return
	}
	res.Document = m.level.Account
	m.out = res
}

// Decide makes the result of a deciding action that answers at once, with what goes to the
// caller beside the outcome.
func (m *Machine) Decide(event fsm.Event, res *aaa.Result) {
	m.chosen = true
	m.decide(event, res)
}

// Result is what Reply would send now: ACK, NAK, ERROR, ACC_CHAL or None.
func (m *Machine) Result() fsm.Event { return m.result }

// merge takes over what an entry's answer tells beside its event.
func (m *Machine) merge(a *Answer) {
	m.attempts += a.attempts
	m.asked = m.asked || a.asked
	m.failures.merge(&a.failures)
	if m.trace != nil && a.trace != nil {
		m.trace.Take(a.trace)
	}
}

func (m *Machine) traceServer(s *plans.Server, outcome string) {
	m.trace.AddServer(aaa.TraceServer{Account: m.level.Account, Name: s.Name, Address: s.Address, Outcome: outcome})
}
