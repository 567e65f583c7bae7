package router

import (
	"context"

	"aaa-api/internal/aaa"
	"aaa-api/internal/plans"
	"aaa-api/internal/translate"
)

// Check refuses a request that can't be encoded for a server that it may go to, by the error that Handle has then. It sends
// nothing. What a document's own table does with a request is not known before, so its servers are not looked at.
func (r *Router) Check(ctx context.Context, plan *plans.Plan, req *aaa.Request) error {
	pin, err := takePin(plan, req)
	if err != nil {
		return err
	}
	var budget translate.Budget
	budget.Begin(plan.Limits, r.processor, plan.Limits.Of(aaa.LimitExpressionSteps))
	s := scratches.Get().(*scratch)
	defer s.giveBack()
	q := question{router: r, req: req, pin: pin, tracer: &s.tracer, mark: mark{session: req.ID}, budget: &budget}
	for i, level := range plan.Routes[req.Op].Levels {
		if i > 0 && blocked(level, req) {
			break
		}
		if level.Tables[req.Op] != nil || pin != nil && pin.level != level {
			continue
		}
		q.level = level
		for _, server := range level.Lists[req.Op] {
			if server.Client == nil || pin != nil && pin.servers[0] != server {
				continue
			}
			switch err := q.encodable(ctx, s, server); aaa.KindOf(err) {
			case aaa.KindBadInput, aaa.KindBusy:
				return err
			}
		}
	}
	return ctx.Err()
}

// encodable makes the message for one server, and throws it away.
func (q *question) encodable(ctx context.Context, s *scratch, server *plans.Server) error {
	s.tracer = translate.Tracer{Server: server.Name}
	if err := q.message(ctx, s, server); err != nil {
		return err
	}
	_, err := server.Client.Encode(&s.request)
	return inKeys(q.level, server, q.req, err)
}
