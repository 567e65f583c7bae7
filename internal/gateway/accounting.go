package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/plans"
	"aaa-api/internal/session"
	"aaa-api/internal/spool"
	"aaa-api/internal/store"
)

// Spool keeps accounting records until a server has taken them. Package spool has the one of the service.
type Spool interface {
	// Store returns when a record is safe.
	Store(ctx context.Context, r *spool.Record) error
	// Take stores a record and makes the first attempt to deliver it. kept: it waits for another one, and err, if any, says why.
	Take(ctx context.Context, r *spool.Record, run spool.Run) (res *aaa.Result, kept bool, err error)
}

// account runs an accounting request. Its record is stored before a server is asked, and from then on it does not depend on the caller. A
// request that needs no server, or has none, is not stored. A device's is answered once it is stored: it would send it again meanwhile.
func (g *Gateway) account(ctx context.Context, plan *plans.Plan, req *aaa.Request, start time.Time) (*aaa.Result, error) {
	if res := g.router.Immediate(plan, req); res != nil {
		return res, nil
	}
	route := &plan.Routes[aaa.Accounting]
	if !route.Usable(aaa.Accounting) {
		if req.Device != nil && !namesServers(route) {
			if err := g.trackAlone(ctx, route, req); err != nil {
				return nil, err
			}
			return &aaa.Result{Outcome: aaa.Off, IsAuthorized: true}, nil // else the device takes this service for dead
		}
		return g.router.Handle(ctx, plan, req, start) // it says what is missing
	}
	level := route.Levels[0]
	r, err := recordOf(level, req, g.now())
	if err != nil {
		return nil, err
	}
	res, err := g.keep(ctx, plan, req, r, start, req.Stored || level.StoredAccounting || req.Device != nil)
	if err == nil && res.Outcome != aaa.Reject {
		g.track(ctx, level, req, r)
	}
	return res, err
}

// namesServers reports whether a document in force has servers for accounting, be they enabled or not.
func namesServers(route *plans.Route) bool {
	return slices.ContainsFunc(route.Walk, func(s plans.Step) bool { return s.Level.Named[aaa.Accounting] })
}

// keep stores a record, and sends it at once unless the caller asked only for that.
func (g *Gateway) keep(ctx context.Context, plan *plans.Plan, req *aaa.Request, r *spool.Record, start time.Time, stored bool) (*aaa.Result, error) {
	ctx = context.WithoutCancel(ctx)
	if stored {
		if err := g.router.Check(ctx, plan, sendable(req, r, r.Values)); err != nil {
			return nil, err
		}
		return g.store(ctx, r)
	}
	res, kept, err := g.spool.Take(ctx, r, func(ctx context.Context, values aaa.Values) (*aaa.Result, error) {
		return g.send(ctx, plan, sendable(req, r, values), r, start)
	})
	if !kept {
		return res, err
	}
	return resultOf(err), nil
}

// store keeps a record to be delivered later.
func (g *Gateway) store(ctx context.Context, r *spool.Record) (*aaa.Result, error) {
	if err := g.spool.Store(ctx, r); err != nil {
		return nil, err
	}
	return resultOf(nil), nil
}

// resultOf is the answer to a request whose record is stored. err is the failure of its first attempt, nil if none was made.
func resultOf(err error) *aaa.Result {
	res := &aaa.Result{Outcome: aaa.Stored, IsAuthorized: true}
	var e *aaa.Error
	switch {
	case err == nil:
	case errors.As(err, &e) && e.Kind != aaa.KindInternal:
		res.Reason, res.Attempts, res.Trace = e.Error(), e.Attempts, e.Trace
	default:
		res.Reason = "an internal error" // the log has it
	}
	return res
}

// sendable is the request that sends a record. Each attempt has the same time of the event and the same session identifier, even if the record
// brings none.
func sendable(req *aaa.Request, r *spool.Record, values aaa.Values) *aaa.Request {
	out := *req
	out.Values, out.Happened = values, r.EventAt
	out.Device = deviceAt(r, values)
	if r.ID != "" {
		out.SessionID = hashed("session of", r.ID)[:16]
	}
	return &out
}

// send asks the servers that take a record. A NAS that began or ended its accounting has lost its sessions: they are closed first, so that a
// node that dies in between repeats it.
func (g *Gateway) send(ctx context.Context, plan *plans.Plan, req *aaa.Request, r *spool.Record, start time.Time) (*aaa.Result, error) {
	if r.Reboot != "" {
		if err := g.Rebooted(ctx, r.Account, r.Reboot, r.EventAt); err != nil {
			return nil, err
		}
	}
	return g.router.Handle(ctx, plan, req, start)
}

// Deliver is the spool.Deliver of the service. A disabled account's records are delivered too: they belong to sessions that began before.
// While an account's servers are off or not enabled, its records wait.
func (g *Gateway) Deliver(ctx context.Context, r *spool.Record, values aaa.Values) (*aaa.Result, error) {
	start := time.Now()
	plan, err := g.tenants.Plan(ctx, r.Account)
	if err != nil {
		return nil, err
	}
	if plan.Routes[aaa.Accounting].Off() {
		return nil, aaa.Errorf(aaa.KindNoAnswer, "the account's aaa_mode is off: its records wait")
	}
	req := &aaa.Request{ID: r.RequestID, Account: r.Account, Op: aaa.Accounting}
	return g.send(ctx, plan, sendable(req, r, values), r, start)
}

// Width is the spool.Width of the service: some of an account's workers are left to its other requests.
func (g *Gateway) Width(account aaa.AccountID) int {
	plan, err := g.tenants.Plan(context.Background(), account)
	if err != nil {
		return 1
	}
	return max(plan.Workers*3/4, 1)
}

// Account implements session.AAA. A caller waits for a Start alone: what follows is delivered when it can be.
func (g sessionAAA) Account(ctx context.Context, rec *session.Record) (res *aaa.Result, err error) {
	start := time.Now()
	req := &aaa.Request{ID: rec.RequestID, Account: rec.Account, Op: aaa.Accounting, Values: rec.Values}
	plan, err := g.tenants.Plan(ctx, rec.Account)
	defer func() { g.ended(ctx, plan, req, start, res, err) }()
	if err != nil {
		return nil, err
	}
	route := &plan.Routes[aaa.Accounting]
	if !route.Usable(aaa.Accounting) {
		return &aaa.Result{Outcome: aaa.Off, IsAuthorized: true}, nil
	}
	if res := g.router.Immediate(plan, req); res != nil {
		return res, nil
	}
	r := recordOfSession(route.Levels[0], rec)
	if rec.Kind == store.SpoolStart {
		return g.keep(ctx, plan, req, r, start, route.Levels[0].StoredAccounting)
	}
	return g.store(context.WithoutCancel(ctx), r)
}

// hashed makes a short name of texts that a caller chose.
func hashed(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write(append([]byte(p), 0))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
