package router

import (
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/tenant"
	"aaa-api/internal/translate"
)

// Message is what one server of a plan would be sent.
type Message struct {
	Level   *tenant.Level
	Server  *tenant.Server
	Request *engines.Request
	Packet  []byte // under a throw-away secret
	Err     error
}

// DryRun translates a request for every server that it might go to, in order, and sends nothing.
func (r *Router) DryRun(plan *tenant.Plan, req *aaa.Request) ([]Message, *aaa.Trace, error) {
	start := time.Now()
	route := &plan.Routes[req.Op]
	x := run{Router: r, plan: plan, req: req, op: req.Op, trace: newTrace(route)}
	x.tracer = &translate.Tracer{Trace: x.trace}
	var err error
	if x.pin, err = takePin(plan, req); err != nil {
		return nil, nil, err
	}
	var messages []Message
	for _, level := range route.Levels {
		for _, s := range level.Lists[req.Op] {
			if x.pin != nil && x.pin.server != s {
				continue
			}
			m := Message{Level: level, Server: s}
			x.tracer.Server = s.Name
			if s.Client == nil {
				m.Err = &engines.Failure{Reason: engines.NoEngine}
			} else if m.Request, m.Err = x.message(nil, level, s); m.Err == nil {
				m.Packet, m.Err = s.Client.Encode(m.Request)
			}
			messages = append(messages, m)
		}
	}
	x.trace.Elapsed = aaa.MicrosOf(time.Since(start))
	return messages, x.trace, nil
}
