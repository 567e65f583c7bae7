// Package router takes a request through the documents and servers of its
// account's plan: sequential failover over an operation's servers, then over the
// documents that an inheriting account falls back to.
package router

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/authorizer"
	"aaa-api/internal/engines"
	"aaa-api/internal/tenant"
	"aaa-api/internal/translate"
)

// Authorizer asks an external authoriser.
type Authorizer interface {
	Ask(ctx context.Context, name string, p aaa.AuthzProvider, q authorizer.Question) (authorizer.Verdict, error)
}

// Router answers requests. It is safe for use by many goroutines.
type Router struct {
	authorizer Authorizer
	metrics    *Metrics
	std        Standard
	log        *slog.Logger
}

// Standard is the attributes that the router itself sets, whatever a server's dictionaries hold.
type Standard struct {
	UserName, UserPassword, State *aaa.Attribute
}

// The router's attributes by number (RFC 2865 §5.1, §5.2, §5.24).
const (
	userNameNumber     = 1
	userPasswordNumber = 2
	stateNumber        = 24
)

// StandardOf finds the router's attributes in a dictionary.
func StandardOf(d aaa.Dictionary) (Standard, error) {
	s := Standard{UserName: d.Standard(userNameNumber), UserPassword: d.Standard(userPasswordNumber), State: d.Standard(stateNumber)}
	if s.UserName == nil || s.UserPassword == nil || s.State == nil {
		return s, errors.New("the system dictionaries lack User-Name, User-Password or State")
	}
	return s, nil
}

// New makes a Router.
func New(a Authorizer, m *Metrics, std Standard, log *slog.Logger) *Router {
	return &Router{authorizer: a, metrics: m, std: std, log: log}
}

// run is one request on its way.
type run struct {
	*Router
	plan     *tenant.Plan
	req      *aaa.Request
	op       aaa.Op
	pin      *pin // of a request that goes on after a challenge
	trace    *aaa.Trace
	tracer   *translate.Tracer
	attempts int
	failure  *engines.Failure // of the last server that gave no answer
	asked    bool             // a server was tried
}

// Immediate answers a request that no server is needed for, nil otherwise.
func (r *Router) Immediate(plan *tenant.Plan, req *aaa.Request) *aaa.Result {
	route := &plan.Routes[req.Op]
	var res *aaa.Result
	switch {
	case route.Off:
		res = &aaa.Result{Outcome: aaa.Off, IsAuthorized: true}
	case len(route.Levels) == 0:
		return nil
	case blocked(route.Levels[0], req):
		res = &aaa.Result{Outcome: aaa.Bypassed, IsAuthorized: true, Document: route.Levels[0].Account}
	case route.LocalAccept:
		res = &aaa.Result{Outcome: aaa.Accept, IsAuthorized: true, Document: route.Levels[0].Account}
	default:
		return nil
	}
	if req.Trace {
		res.Trace = newTrace(route)
	}
	return res
}

// Run takes a request to the servers. The errors are *aaa.Error: KindBadInput, KindNoAnswer
// and KindBadReply; the last two carry the trace when one was asked for.
func (r *Router) Run(ctx context.Context, plan *tenant.Plan, req *aaa.Request) (*aaa.Result, error) {
	start := time.Now()
	x := run{Router: r, plan: plan, req: req, op: req.Op}
	route := &plan.Routes[req.Op]
	if req.Trace {
		x.trace = newTrace(route)
	}
	x.tracer = &translate.Tracer{Trace: x.trace, Dropped: r.metrics.dropped}
	var err error
	if x.pin, err = takePin(plan, req); err != nil {
		return nil, err
	}
	res, err := x.levels(ctx, route)
	if x.trace != nil {
		x.trace.Elapsed = aaa.MicrosOf(time.Since(start))
	}
	if err != nil {
		var e *aaa.Error
		if errors.As(err, &e) {
			e.Trace = x.trace
		}
		return nil, err
	}
	res.Attempts = x.attempts
	res.Trace = x.trace
	return res, nil
}

// levels tries one document after the other: a document all of whose servers
// were silent hands on to the next.
func (x *run) levels(ctx context.Context, route *tenant.Route) (*aaa.Result, error) {
	for i, level := range route.Levels {
		if x.pin != nil && x.pin.level != level {
			continue
		}
		if i > 0 && blocked(level, x.req) {
			return &aaa.Result{Outcome: aaa.Bypassed, IsAuthorized: true, Document: level.Account}, nil
		}
		res, err := x.level(ctx, level)
		if res != nil || err != nil {
			return res, err
		}
		x.note(i, "none answered")
	}
	return nil, x.noAnswer()
}

// level asks one document's servers, and for authz whoever else must agree.
// It returns neither result nor error where nobody answered.
func (x *run) level(ctx context.Context, level *tenant.Level) (*aaa.Result, error) {
	if x.op != aaa.Authz || len(level.AuthzApps) == 0 {
		return x.servers(ctx, level)
	}
	agreed := &aaa.Result{Outcome: aaa.Accept, IsAuthorized: true}
	for _, app := range level.AuthzApps {
		if app == aaa.Circlemaker {
			res, err := x.servers(ctx, level)
			if res == nil || err != nil || !res.IsAuthorized {
				return res, err
			}
			agreed = res
			continue
		}
		if !x.external(ctx, level, app) {
			agreed.Outcome, agreed.IsAuthorized, agreed.RefusedBy = aaa.Reject, false, app
			break
		}
	}
	agreed.Document = level.Account
	return agreed, nil
}

// external asks an authoriser other than this service's own servers.
func (x *run) external(ctx context.Context, level *tenant.Level, app string) bool {
	v := authorizer.Verdict{Outcome: "not registered"}
	if p, ok := x.plan.Providers[app]; ok {
		var err error
		v, err = x.authorizer.Ask(ctx, app, p, authorizer.Question{
			Account: x.req.Account, RequestID: x.req.ID, Op: x.op, Values: x.req.Values, Hidden: level.HiddenKeys,
		})
		if err != nil {
			x.log.WarnContext(ctx, "no answer of an external authoriser", "account", x.req.Account, "request_id", x.req.ID, "authorizer", app, "error", err)
		}
	}
	x.metrics.external(v.Outcome)
	if x.trace != nil {
		x.trace.Apps = append(x.trace.Apps, aaa.TraceApp{Name: app, Outcome: v.Outcome, Elapsed: aaa.MicrosOf(v.Elapsed)})
	}
	return v.Authorized
}

// servers tries the servers of a document in order. Dead ones are passed over
// at first; where all are dead they are tried anyway.
func (x *run) servers(ctx context.Context, level *tenant.Level) (*aaa.Result, error) {
	list := level.Lists[x.op]
	usable := 0
	for _, s := range list {
		if s.Client != nil && s.Client.Health().Usable() {
			usable++
		}
	}
	for _, s := range list {
		if x.pin != nil && x.pin.server != s {
			continue
		}
		if s.Client != nil && usable > 0 && x.pin == nil && !s.Client.Health().Usable() {
			x.traceServer(level, s, "dead, passed over", 0, 0)
			continue
		}
		res, err := x.server(ctx, level, s)
		if res != nil || err != nil {
			return res, err
		}
		if err := ctx.Err(); err != nil {
			return nil, x.noAnswer()
		}
	}
	return nil, nil
}

// avpBuffers lends the attribute lists, which live for one exchange.
var avpBuffers = sync.Pool{New: func() any { b := make([]aaa.AVP, 0, 32); return &b }}

// server asks one server. It returns neither result nor error where it gave no answer.
func (x *run) server(ctx context.Context, level *tenant.Level, s *tenant.Server) (*aaa.Result, error) {
	x.asked = true
	if s.Client == nil {
		x.failed(level, s, &engines.Failure{Reason: engines.NoEngine}, 0)
		return nil, nil
	}
	buf := avpBuffers.Get().(*[]aaa.AVP)
	defer func() {
		clear(*buf)
		*buf = (*buf)[:0]
		avpBuffers.Put(buf)
	}()
	x.tracer.Server = s.Name
	msg, err := x.message(*buf, level, s)
	if err != nil {
		return nil, err
	}
	*buf = msg.AVPs

	start := time.Now()
	reply, err := s.Client.Exchange(ctx, msg)
	elapsed := time.Since(start)
	if err != nil {
		return nil, x.exchangeError(level, s, err, elapsed)
	}
	x.attempts += reply.Attempts
	x.metrics.backend(s.Engine, s.Address, string(reply.Outcome), elapsed)
	x.traceServer(level, s, string(reply.Outcome), reply.Attempts, elapsed)
	res := &aaa.Result{
		Outcome: reply.Outcome, IsAuthorized: reply.Outcome == aaa.Accept,
		Document: level.Account, Server: s.Name,
	}
	if reply.Outcome == aaa.Challenge {
		res.State = pack(level.Account, s.Name, reply.State)
		reply.AVPs = slices.DeleteFunc(reply.AVPs, func(v aaa.AVP) bool { return isState(v.Attr) }) // it is in there
	}
	res.Keys, res.AVPs = s.Rules[x.op].Back(reply.AVPs, x.tracer)
	return res, nil
}

func isState(a *aaa.Attribute) bool {
	return a.Vendor == nil && a.Parent == nil && a.Number == stateNumber
}

// message translates the request for one server.
func (x *run) message(buf []aaa.AVP, level *tenant.Level, s *tenant.Server) (*engines.Request, error) {
	avps, err := s.Rules[x.op].Out(buf, x.req.Values, x.tracer)
	if err != nil {
		return nil, err
	}
	if x.op == aaa.Authz && level.AuthzUsername != "" {
		avps = x.credentials(avps, level)
	}
	if x.pin != nil && len(x.pin.state) > 0 {
		avps = append(avps, aaa.AVP{Attr: x.std.State, Value: x.pin.state})
	}
	return &engines.Request{
		Op: x.op, AVPs: avps, Dict: s.Dict,
		NASAddress: level.NASAddress, NASPort: level.NASPort, HasNASPort: level.HasNASPort,
	}, nil
}

// credentials adds the document's own to an authz request that brings none.
func (x *run) credentials(avps []aaa.AVP, level *tenant.Level) []aaa.AVP {
	var name, password bool
	for i := range avps {
		name = name || avps[i].Attr == x.std.UserName || avps[i].Attr.Name == x.std.UserName.Name
		password = password || avps[i].Attr.Hidden
	}
	if !name {
		avps = append(avps, aaa.AVP{Attr: x.std.UserName, Value: []byte(level.AuthzUsername)})
	}
	if !password && !level.AuthzPassword.IsZero() {
		avps = append(avps, aaa.AVP{Attr: x.std.UserPassword, Value: []byte(level.AuthzPassword.Reveal())})
	}
	return avps
}

// exchangeError sorts what an Exchange that gave no answer means: nil says go on to the next server.
func (x *run) exchangeError(level *tenant.Level, s *tenant.Server, err error, elapsed time.Duration) error {
	var failure *engines.Failure
	switch {
	case errors.As(err, &failure):
		x.failed(level, s, failure, elapsed)
		return nil
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		x.failed(level, s, &engines.Failure{Reason: engines.NoAnswer, Err: err}, elapsed)
		return x.noAnswer()
	default:
		x.traceServer(level, s, "not sent", 0, elapsed)
		return err
	}
}

func (x *run) failed(level *tenant.Level, s *tenant.Server, f *engines.Failure, elapsed time.Duration) {
	x.failure = f
	x.attempts += f.Attempts
	x.metrics.backend(s.Engine, s.Address, f.Reason.String(), elapsed)
	x.traceServer(level, s, f.Reason.String(), f.Attempts, elapsed)
}

// noAnswer says why the request ends without one.
func (x *run) noAnswer() error {
	switch {
	case !x.asked:
		return &aaa.Error{Kind: aaa.KindNoAnswer, Message: fmt.Sprintf(
			"no usable server for %s: name an enabled one in the account's AAA document or in a parent's", x.op)}
	case x.failure.Reason == engines.BadReply:
		return &aaa.Error{Kind: aaa.KindBadReply, Message: "the AAA servers' replies could not be verified: check the shared secret", Err: x.failure}
	default:
		return &aaa.Error{Kind: aaa.KindNoAnswer, Message: "no AAA server answered", Err: x.failure}
	}
}

func newTrace(route *tenant.Route) *aaa.Trace {
	t := &aaa.Trace{
		Documents: []aaa.TraceDocument{}, Rules: []aaa.TraceRule{}, Dropped: []aaa.TraceDropped{}, Servers: []aaa.TraceServer{},
	}
	for _, s := range route.Walk {
		t.Documents = append(t.Documents, aaa.TraceDocument{
			Account: s.Level.Account, Mode: s.Level.Mode, Revision: s.Level.Revision, Note: s.Note,
		})
	}
	return t
}

// note replaces the trace's word on the i-th document that was used.
func (x *run) note(i int, text string) {
	if x.trace == nil {
		return
	}
	for j := range x.trace.Documents {
		if x.trace.Documents[j].Account == x.plan.Routes[x.op].Levels[i].Account {
			x.trace.Documents[j].Note = text
		}
	}
}

func (x *run) traceServer(level *tenant.Level, s *tenant.Server, outcome string, attempts int, elapsed time.Duration) {
	if x.trace == nil {
		return
	}
	x.trace.Servers = append(x.trace.Servers, aaa.TraceServer{
		Account: level.Account, Name: s.Name, Address: s.Address, Outcome: outcome,
		Attempts: attempts, Elapsed: aaa.MicrosOf(elapsed),
	})
}
