package router

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/fsm"
	"aaa-api/internal/plans"
	"aaa-api/internal/translate"
)

// exchange is what an Answer tells of servers.
type exchange struct {
	asked    bool
	attempts int
	failures failures
	trace    *aaa.Tracing
}

// scratch is lent for one exchange.
type scratch struct {
	avps    []aaa.AVP
	used    int // places of avps that held something
	request engines.Request
	tracer  translate.Tracer
}

var scratches = sync.Pool{New: func() any { return &scratch{avps: make([]aaa.AVP, 0, 32)} }}

// giveBack clears the AVPs, passwords among them.
func (s *scratch) giveBack() {
	clear(s.avps[:min(s.used, cap(s.avps))])
	*s = scratch{avps: s.avps[:0]}
	scratches.Put(s)
}

// ask asks servers in order until one answers. Dead ones are passed over while another that is still to be asked lives;
// if these die too, they are asked in the end. It may run beside the machine.
func (m *Machine) ask(ctx context.Context, servers []*plans.Server) (a Answer) {
	a.trace = m.room.Tracing()
	a.Event = fsm.ERROR
	s := scratches.Get().(*scratch)
	defer s.giveBack()
	var passed uint64 // a bit for each
	for i, server := range servers {
		if isDead(server) && anyUsable(servers[i+1:], "") {
			passed |= 1 << i
			a.traceServer(m.level, server, deadPassedOver, 0, 0)
			continue
		}
		m.askOne(ctx, &a, s, server)
		if a.Event != fsm.ERROR || ctx.Err() != nil {
			return a
		}
	}
	for i := 0; passed != 0 && i < len(servers) && !anyUsable(servers, ""); i++ {
		if passed&(1<<i) == 0 {
			continue
		}
		m.askOne(ctx, &a, s, servers[i])
		if a.Event != fsm.ERROR || ctx.Err() != nil {
			return a
		}
	}
	return a
}

// askOne asks one server.
func (m *Machine) askOne(ctx context.Context, a *Answer, s *scratch, server *plans.Server) {
	a.asked = true
	if server.Client == nil {
		m.failed(ctx, a, server, &engines.Failure{Reason: engines.NoEngine}, 0)
		return
	}
	s.tracer = translate.Tracer{Server: server.Name, Trace: a.trace, Dropped: m.router.metrics.dropped}
	q := question{router: m.router, req: m.req, level: m.level, pin: m.pin, tracer: &s.tracer, mark: m.mark, allowance: &m.allowance, budget: &m.budget}
	if err := q.message(ctx, s, server); err != nil {
		a.refuse(ctx, err)
		return
	}
	start := time.Now()
	reply, err := server.Exchange(ctx, &s.request)
	elapsed := time.Since(start)
	if err != nil {
		m.exchangeError(ctx, a, server, err, elapsed)
		return
	}
	a.attempts += reply.Attempts
	server.Tally.Answered(reply.Outcome)
	m.router.metrics.backend(server.Engine, elapsed)
	outcome := string(reply.Outcome)
	if reply.Note != "" {
		outcome += ": " + reply.Note
	}
	a.traceServer(m.level, server, outcome, reply.Attempts, elapsed)
	a.Result = &aaa.Result{Server: server.Name}
	switch reply.Outcome {
	case aaa.Accept:
		a.Event = fsm.ACK
	case aaa.Challenge:
		a.Event = fsm.AccChal
		a.Result.State = pack(m.level.Account, server.Name, reply.State)
		a.Result.Prompt, a.Result.Echo = reply.Prompt, reply.Echo
		reply.AVPs = slices.DeleteFunc(reply.AVPs, func(v aaa.AVP) bool { return isStandard(v.Attr, stateNumber) }) // it is in there
	default:
		a.Event = fsm.NAK
	}
	if m.req.Device != nil {
		a.Result.Reply = deviceReply(server, reply)
		return
	}
	var unread error
	if a.Result.Keys, a.Result.AVPs, unread = server.Rules[m.req.Op].Back(ctx, reply.AVPs, &m.budget, &s.tracer); unread != nil {
		a.refuse(ctx, unread)
	}
}

// refuse makes a the answer to a request that the rules can't be applied to.
func (a *Answer) refuse(ctx context.Context, err error) {
	r := Refused(ctx, err)
	a.Event, a.Result, a.Err = r.Event, nil, r.Err
}

// Refused is the answer of an entry that the rules can't be applied to: FATAL with the error, but ERROR where ctx has ended.
func Refused(ctx context.Context, err error) Answer {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return Answer{Event: fsm.ERROR}
	}
	return Answer{Event: fsm.FATAL, Err: err}
}

// exchangeError sorts what an Exchange that gave no answer means. How far one had come that ctx
// ended, the engine tells; where it does not, nothing is known but the silence.
func (m *Machine) exchangeError(ctx context.Context, a *Answer, s *plans.Server, err error, elapsed time.Duration) {
	var failure *engines.Failure
	if !errors.As(err, &failure) && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)) {
		failure = &engines.Failure{Reason: engines.NoAnswer, Err: err}
	}
	switch {
	case failure == nil:
		a.traceServer(m.level, s, "not sent", 0, elapsed)
		a.Event, a.Err = fsm.FATAL, inKeys(m.level, s, m.req, err)
	case givenUp(ctx, err):
		a.Event = fsm.ERROR
		a.attempts += failure.Attempts
		s.Tally.Cancelled()
		m.router.metrics.backend(s.Engine, elapsed)
		a.traceServer(m.level, s, "cancelled", failure.Attempts, elapsed)
	default:
		m.failed(ctx, a, s, failure, elapsed)
	}
}

// givenUp reports whether an exchange ended since nobody waits for its answer any more: the caller went
// away, or another server was first. That says nothing of the server, whereas the end of the request's time does.
func givenUp(ctx context.Context, err error) bool {
	return errors.Is(err, context.Canceled) && errors.Is(ctx.Err(), context.Canceled)
}

func (m *Machine) failed(ctx context.Context, a *Answer, s *plans.Server, f *engines.Failure, elapsed time.Duration) {
	a.Event = fsm.ERROR
	a.failures.add(failure{m.level, s, f})
	a.attempts += f.Attempts
	s.Failed(f)
	m.complain(ctx, s, f, elapsed)
	m.router.metrics.backend(s.Engine, elapsed)
	outcome := f.Reason.String()
	if f.Reason == engines.ServerError {
		outcome = f.Error() // with the server's own words
	}
	a.traceServer(m.level, s, outcome, f.Attempts, elapsed)
}

func (a *Answer) traceServer(level *plans.CompiledDocument, s *plans.Server, outcome string, attempts int, elapsed time.Duration) {
	a.trace.AddServer(aaa.TraceServer{
		Account: level.Account, Name: s.Name, Address: s.Address, Outcome: outcome,
		Attempts: attempts, Elapsed: aaa.MicrosOf(elapsed),
	})
}
