package router

import (
	"errors"

	"aaa-api/internal/aaa"
	"aaa-api/internal/plans"
)

// Banned is the error of a request that a ban answers, nil of any other one. It is *aaa.Error of KindBanned, or of KindBadInput if
// it can't be told who is asking. Only authn is scored and banned: a user who is logged in already goes on, and is accounted for.
func (r *Router) Banned(plan *plans.Plan, req *aaa.Request) error {
	route := &plan.Routes[req.Op]
	if len(route.Bans) == 0 {
		return nil
	}
	err := r.bans.Refuse(req.Account, route.Bans, req.Values)
	var e *aaa.Error
	if req.Trace && errors.As(err, &e) && e.Kind == aaa.KindBanned {
		trace := newTrace(route, req)
		for i := range trace.Documents {
			if trace.Documents[i].Note == used {
				trace.Documents[i].Note = banned
			}
		}
		e.Trace = &trace.Trace
	}
	return err
}
