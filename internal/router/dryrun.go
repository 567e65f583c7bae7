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
	trace := newTrace(route)
	pin, err := takePin(plan, req)
	if err != nil {
		return nil, nil, err
	}
	var messages []Message
	for _, level := range route.Levels {
		for _, s := range level.Lists[req.Op] {
			if pin != nil && pin.servers[0] != s {
				continue
			}
			m := Message{Level: level, Server: s}
			if s.Client == nil {
				m.Err = &engines.Failure{Reason: engines.NoEngine}
			} else {
				var made scratch
				q := question{router: r, req: req, level: level, pin: pin, tracer: &translate.Tracer{Server: s.Name, Trace: trace}}
				if m.Err = q.message(&made, s); m.Err == nil {
					m.Request = &made.request
					m.Packet, m.Err = s.Client.Encode(m.Request)
				}
			}
			messages = append(messages, m)
		}
	}
	trace.Elapsed = aaa.MicrosOf(time.Since(start))
	return messages, trace, nil
}
