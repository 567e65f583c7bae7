package gateway

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/logging"
	"aaa-api/internal/plans"
	"aaa-api/internal/tail"
)

// ended counts a request that has ended, and keeps its summary. plan is nil if there was none.
func (g *Gateway) ended(ctx context.Context, plan *plans.Plan, req *aaa.Request, start time.Time, res *aaa.Result, err error) {
	took := time.Since(start)
	outcome := outcomeOf(ctx, res, err)
	g.metrics.count(req.Op, outcome, took)
	if req.Device != nil {
		g.endedOf(req.Device, plan, req, start.Add(took), took, outcome, res, err)
	}
	if g.tail == nil {
		return
	}
	e := tail.Entry{At: start, Took: took, Op: req.Op, Account: req.Account, ID: req.ID, User: userOf(plan, req), Outcome: outcome}
	e.Server, e.Reason = endOf(res, err)
	if d := req.Device; d != nil {
		e.Device = d.Protocol.String() + " " + d.Client + " " + d.From.String()
	}
	g.tail.Add(&e)
}

// endedOf counts a device's request, and writes its line.
func (g *Gateway) endedOf(d *aaa.Device, plan *plans.Plan, req *aaa.Request, at time.Time, took time.Duration, outcome string, res *aaa.Result, err error) {
	if c := g.metrics.devices[d.Protocol][outcome]; c != nil {
		c.Inc()
	}
	if !g.lines.Enabled(slog.LevelInfo) {
		return
	}
	r := logging.Request{
		ID: req.ID, Operation: req.Op.String(), Account: string(req.Account), Took: took, Result: outcome,
		Protocol: d.Protocol.String(), Client: aaa.Shorten(d.Client), Caller: d.From.String(),
	}
	if g.logUser {
		r.User = aaa.Shorten(userOf(plan, req))
	}
	r.Server, r.Reason = endOf(res, err)
	r.Reason = aaa.Shorten(r.Reason)
	if err == nil {
		r.Attempts = res.Attempts
	}
	g.lines.Write(slog.LevelInfo, at, &r)
}

// endOf says which server answered or failed last, and why the outcome is what it is.
func endOf(res *aaa.Result, err error) (server, reason string) {
	if err != nil {
		return faultOf(err)
	}
	return res.Server, reasonOf(res)
}

// userOf is the user that a request names: by the key that the rules make a User-Name of, else by its usual names.
func userOf(plan *plans.Plan, req *aaa.Request) string {
	if req.Device != nil {
		name, _ := req.Device.User()
		return aaa.Text([]byte(name))
	}
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
