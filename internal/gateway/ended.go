package gateway

import (
	"context"
	"errors"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/plans"
	"aaa-api/internal/tail"
)

// ended counts a request that has ended, and keeps its summary. plan is nil if there was none.
func (g *Gateway) ended(ctx context.Context, plan *plans.Plan, req *aaa.Request, start time.Time, res *aaa.Result, err error) {
	took := time.Since(start)
	outcome := outcomeOf(ctx, res, err)
	g.metrics.count(req.Op, outcome, took)
	if g.tail == nil {
		return
	}
	e := tail.Entry{At: start, Took: took, Op: req.Op, Account: req.Account, ID: req.ID, User: userOf(plan, req), Outcome: outcome}
	if err == nil {
		e.Server, e.Reason = res.Server, reasonOf(res)
	} else {
		e.Server, e.Reason = faultOf(err)
	}
	g.tail.Add(&e)
}

// userOf is the user that a request names: by the key that the rules make a User-Name of, else by its usual names.
func userOf(plan *plans.Plan, req *aaa.Request) string {
	if plan != nil {
		if levels := plan.Routes[req.Op].Levels; len(levels) > 0 {
			if key := levels[0].Key(req.Op, "User-Name"); key != "" {
				name, _ := req.Values[key].(string)
				return name
			}
		}
	}
	name, ok := req.Values["User-Name"].(string)
	if !ok {
		name, _ = req.Values["user"].(string)
	}
	return name
}

// reasonOf says why an answer is what it is. An accept needs no reason.
func reasonOf(res *aaa.Result) string {
	switch {
	case res.RefusedBy != "":
		return "refused by the authoriser " + res.RefusedBy
	case res.Reason != "":
		return res.Reason
	case res.Outcome == aaa.Off:
		return "aaa_mode is off"
	case res.Outcome == aaa.Challenge:
		return "the server asks for more"
	case res.Outcome != aaa.Reject:
		return ""
	case res.Server != "":
		return "the server rejects"
	default:
		return "the document rejects"
	}
}

// faultOf says which server failed last and why the request did. The text of an internal error is for the log alone.
func faultOf(err error) (server, reason string) {
	var e *aaa.Error
	switch {
	case errors.As(err, &e) && e.Kind == aaa.KindInternal:
		return e.Server, "an internal error: the log has it"
	case errors.As(err, &e) && len(e.Fields) > 1:
		return e.Server, e.Message + ": " + e.Fields[0].Path + ": " + e.Fields[0].Message + ", and more"
	case errors.As(err, &e):
		return e.Server, e.Error()
	case errors.Is(err, context.Canceled):
		return "", "the caller went away"
	case errors.Is(err, context.DeadlineExceeded):
		return "", "its time was over"
	default:
		return "", "an internal error: the log has it"
	}
}
