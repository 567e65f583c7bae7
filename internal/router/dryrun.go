package router

import (
	"context"
	"fmt"
	"slices"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/plans"
	"aaa-api/internal/translate"
)

// Message is what one server of a plan would be sent.
type Message struct {
	Level   *plans.CompiledDocument
	Server  *plans.Server
	Request *engines.Request // without the AVPs that the protocol does not carry
	Packet  []byte           // under a throw-away secret
	Err     error
}

// Rehearsal is what Handle would do.
type Rehearsal struct {
	Outcome  aaa.Outcome // of a request that is answered with no server asked
	Messages []Message
	Trace    *aaa.Trace
}

// DryRun translates a request for every server that it might go to, in order, and sends nothing. It costs at most what
// the request itself may.
func (r *Router) DryRun(ctx context.Context, plan *plans.Plan, req *aaa.Request) (*Rehearsal, error) {
	traced := *req
	traced.Trace = true
	if res := r.Immediate(plan, &traced); res != nil {
		return &Rehearsal{Outcome: res.Outcome, Trace: res.Trace}, nil
	}
	route := &plan.Routes[req.Op]
	mark := newMark(req, time.Now())
	trace := newTrace(route, req)
	pin, err := takePin(plan, req)
	if err != nil {
		return nil, err
	}
	var budget translate.Budget
	budget.Begin(plan.Limits, r.processor, plan.Limits.Of(aaa.LimitExpressionSteps))
	var messages []Message
	for i, level := range route.Levels {
		if pin != nil && pin.level != level {
			continue
		}
		if i > 0 && blocked(level, req) {
			note(trace, level, bypassed)
			break
		}
		if !level.AsksServers(req.Op) {
			break // who is asked in their place has the last word
		}
		for _, s := range level.Lists[req.Op] {
			if pin != nil && pin.servers[0] != s {
				continue
			}
			q := question{
				router: r, req: req, level: level, pin: pin, mark: mark, budget: &budget,
				tracer: &translate.Tracer{Server: s.Name, Trace: trace}, hides: level.Account != req.Account,
			}
			m := q.dryRun(ctx, s)
			switch {
			case ctx.Err() != nil:
				return nil, &aaa.Error{Kind: aaa.KindNoAnswer, Message: "the caller went away", Err: ctx.Err()}
			case aaa.KindOf(m.Err) == aaa.KindBusy:
				return nil, m.Err
			}
			messages = append(messages, m)
		}
	}
	return &Rehearsal{Messages: messages, Trace: trace.End(mark.begun)}, nil
}

// dryRun makes the message for one server.
func (q *question) dryRun(ctx context.Context, server *plans.Server) Message {
	m := Message{Level: q.level, Server: server}
	if server.Client == nil {
		m.Err = &engines.Failure{Reason: engines.NoEngine}
		return m
	}
	var made scratch
	if m.Err = q.message(ctx, &made, server); m.Err != nil {
		return m
	}
	m.Request = &made.request
	m.Packet, m.Err = server.Client.Encode(m.Request)
	m.Err = inKeys(q.level, server, q.req, m.Err)
	m.Request.AVPs = slices.DeleteFunc(m.Request.AVPs, func(v aaa.AVP) bool { return omits(server, q.req.Op, v.Attr) })
	return m
}

// added notes in the trace what an engine puts into the server's packet.
func (q *question) added(server *plans.Server) func(attribute, value string) {
	tracer := translate.Tracer{Server: server.Name, Trace: q.tracer.Trace}
	return tracer.Added
}

// omits reports whether the packets of a server's protocol go without an attribute, though a rule feeds it.
func omits(server *plans.Server, op aaa.Op, attr *aaa.Attribute) bool {
	o, ok := server.Client.(engines.Omitter)
	return ok && o.Omits(op, attr)
}

// tellOmitted notes in the trace what the server's packet goes without.
func (q *question) tellOmitted(server *plans.Server, avps []aaa.AVP) {
	for i := range avps {
		if omits(server, q.req.Op, avps[i].Attr) {
			q.tracer.Trace.AddDropped(aaa.TraceDropped{
				Server: server.Name, Attribute: avps[i].Name(),
				Reason: fmt.Sprintf("not sent by %s in a request of %s", server.Engine, q.req.Op),
			})
		}
	}
}
