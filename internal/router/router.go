// Package router takes a request through the documents and servers of its account's
// plan. Of each document it is the state machine table that says what is asked, in
// which order or side by side, and what is answered: a Machine interprets it, and
// Actions do what its lines say. Without a table of its own a document runs on
// the built-in one, sequential failover. Over the documents that an inheriting account
// falls back to, the router goes in order.
package router

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/authorizer"
	"aaa-api/internal/bans"
	"aaa-api/internal/engines"
	"aaa-api/internal/fsm"
	"aaa-api/internal/limits"
	"aaa-api/internal/plans"
)

// Authorizer asks an external authoriser.
type Authorizer interface {
	Ask(ctx context.Context, name string, p aaa.AuthzProvider, q authorizer.Question) (authorizer.Verdict, error)
}

// DefaultDeadline bounds a whole AAA request, all servers and attempts together.
const DefaultDeadline = 30 * time.Second

// Router answers requests. It is safe for use by many goroutines.
type Router struct {
	authorizer   Authorizer
	actions      *Actions
	defaultTable *fsm.Table
	metrics      *Metrics
	std          Standard
	processor    *limits.Processor
	bans         *bans.Board
	deadline     time.Duration
	log          *slog.Logger
	proxyState   []byte

	repeats    repeats
	background sync.WaitGroup // requests that go on after their answer
}

// Standard is the attributes that the router itself sets, whatever a server's dictionaries hold.
type Standard struct {
	UserName, UserPassword, State *aaa.Attribute

	all aaa.Dictionary // by which devices' packets are read
}

// The router's attributes by number (RFC 2865 §5.1, §5.2, §5.24).
const (
	userNameNumber     = 1
	userPasswordNumber = 2
	stateNumber        = 24
)

// StandardOf finds the router's attributes in a dictionary.
func StandardOf(d aaa.Dictionary) (Standard, error) {
	s := Standard{UserName: d.Standard(userNameNumber), UserPassword: d.Standard(userPasswordNumber), State: d.Standard(stateNumber), all: d}
	if s.UserName == nil || s.UserPassword == nil || s.State == nil {
		return s, errors.New("the system dictionaries lack User-Name, User-Password or State")
	}
	return s, nil
}

// Options are the parts that a Router works with.
type Options struct {
	Authorizer Authorizer
	Actions    *Actions
	Metrics    *Metrics
	Standard   Standard
	Processor  *limits.Processor // shares the node's cores between accounts; optional: it bounds nothing
	Bans       *bans.Board       // optional: nobody is banned
	Deadline   time.Duration     // of a whole request; 0 means DefaultDeadline
	Log        *slog.Logger
	ProxyState []byte // of requests for devices: engines.Request.ProxyState; optional
}

// New makes a Router. It fails where the actions do not suffice for the built-in table.
func New(o Options) (*Router, error) {
	table, err := o.Actions.builtIn(plans.DefaultTable)
	if err != nil {
		return nil, err
	}
	if o.Deadline == 0 {
		o.Deadline = DefaultDeadline
	}
	return &Router{
		authorizer: o.Authorizer, actions: o.Actions, defaultTable: table, metrics: o.Metrics,
		std: o.Standard, processor: o.Processor, bans: o.Bans, deadline: o.Deadline, log: o.Log, proxyState: o.ProxyState,
	}, nil
}

// Deadline is how long a whole request may take. Handle enforces it.
func (r *Router) Deadline() time.Duration { return r.deadline }

// run is one request on its way over the documents.
type run struct {
	*Router
	plan     *plans.Plan
	req      *aaa.Request
	pin      *pin // of a request that goes on after a challenge
	mark     mark
	trace    *aaa.Tracing
	attempts int
	packets  int64 // that may still be sent
	steps    int64 // that may still be spent on expressions
	busy     error // why an entry was not done, of KindBusy
	failures failures
	asked    bool   // a server was tried
	why      string // the last table's, where it came to no answer
	spared   []spared
	place    *place          // nil while nothing of the request goes on in the background
	again    <-chan struct{} // receives when the request is repeated; nil where that can't be told
}

// spared is a document some of whose servers were passed over for those of the documents after it.
type spared struct {
	level   *plans.CompiledDocument
	later   []*plans.CompiledDocument
	servers uint64 // a bit for each of the operation's list
}

// Immediate answers a request that no server is needed for, nil otherwise.
func (r *Router) Immediate(plan *plans.Plan, req *aaa.Request) *aaa.Result {
	route := &plan.Routes[req.Op]
	var res *aaa.Result
	switch {
	case route.Off():
		res = &aaa.Result{Outcome: aaa.Off, IsAuthorized: true}
	case len(route.Levels) == 0:
		return nil
	case blocked(route.Levels[0], req):
		res = &aaa.Result{Outcome: aaa.Bypassed, IsAuthorized: true, Document: route.Levels[0].Account}
	case route.LocalAccept():
		res = &aaa.Result{Outcome: aaa.Accept, IsAuthorized: true, Document: route.Levels[0].Account}
	default:
		return nil
	}
	if req.Trace {
		trace := newTrace(route, req)
		res.Trace = &trace.Trace
		if res.Outcome == aaa.Bypassed {
			note(trace, route.Levels[0], bypassed)
		}
	}
	return res
}

// Handle answers a request that arrived at a time: at once where no server is needed, else by its documents' tables, with a
// place of the account's pool and within the deadline. The errors are *aaa.Error: KindBusy, KindBadInput, KindBanned, KindNoAnswer and
// KindBadReply; the last three carry the trace when one was asked for; or ctx's, where the caller goes away while the request
// waits for its place. A panic becomes an error of no kind, as not every caller recovers.
func (r *Router) Handle(ctx context.Context, plan *plans.Plan, req *aaa.Request, arrived time.Time) (*aaa.Result, error) {
	if res := r.Immediate(plan, req); res != nil {
		return res, nil
	}
	if err := r.Banned(plan, req); err != nil {
		return nil, err
	}
	var again <-chan struct{}
	if req.RepeatID != "" && r.heedsDup(plan, req) {
		key := repeatKey{req.Account, req.RepeatID}
		if again = r.repeats.begin(key); again != nil {
			defer r.repeats.end(key)
		}
	}
	// No timer is needed if the request does not wait and its servers' timeouts end before the deadline.
	if b := plan.Routes[req.Op].Bounded; b == 0 || b >= r.deadline || !plan.Pool.TryAcquire() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, arrived.Add(r.deadline))
		defer cancel()
		if err := plan.Pool.Acquire(ctx); err != nil {
			return nil, err
		}
	}
	return r.run(ctx, plan, req, arrived, again)
}

// heedsDup reports whether a repetition of the request matters. Where it does not, nothing has to listen for one while a server is asked.
func (r *Router) heedsDup(plan *plans.Plan, req *aaa.Request) bool {
	if req.Trace { // which shows it
		return true
	}
	for _, level := range plan.Routes[req.Op].Levels {
		table := r.defaultTable
		if t := level.Tables[req.Op]; t != nil {
			table = t.FSM
		}
		if table.HeedsDup() {
			return true
		}
	}
	return false
}

// run takes a request with a place of its account's pool through its documents' tables. It gives the place back when
// nothing of the request is pending any more, which may be after the answer.
func (r *Router) run(ctx context.Context, plan *plans.Plan, req *aaa.Request, arrived time.Time, again <-chan struct{}) (res *aaa.Result, err error) {
	x := run{Router: r, plan: plan, req: req, again: again, mark: newMark(req, arrived), packets: plan.Limits.Of(aaa.LimitPacketsPerRequest), steps: plan.Limits.Of(aaa.LimitExpressionSteps)}
	defer func() {
		if v := recover(); v != nil {
			res, err = nil, r.panicked(ctx, req, v)
		}
		if x.place != nil {
			x.place.leave()
		} else {
			plan.Pool.Release()
		}
	}()
	route := &plan.Routes[req.Op]
	if req.Trace {
		x.trace = newTrace(route, req)
	}
	if x.pin, err = takePin(plan, req); err != nil {
		return nil, err
	}
	res, err = x.levels(ctx, route)
	var trace *aaa.Trace
	if x.trace != nil {
		trace = x.trace.End(x.mark.begun)
	}
	if err != nil {
		var e *aaa.Error
		if errors.As(err, &e) {
			e.Trace = trace
		}
		return nil, err
	}
	res.Attempts = x.attempts
	res.Trace = trace
	if res.Outcome == aaa.Reject && len(route.Bans) > 0 {
		r.bans.Rejected(req.Account, route.Bans, req.Values)
	}
	return res, nil
}

// levels tries one document after the other: one that came to no answer hands on to the next.
func (x *run) levels(ctx context.Context, route *plans.Route) (*aaa.Result, error) {
	for i, level := range route.Levels {
		if x.pin != nil && x.pin.level != level {
			continue
		}
		if i > 0 && blocked(level, x.req) {
			note(x.trace, level, bypassed)
			return &aaa.Result{Outcome: aaa.Bypassed, IsAuthorized: true, Document: level.Account}, nil
		}
		res, err := x.level(ctx, level, route.Levels[i+1:], 0)
		if res != nil || err != nil {
			return res, err
		}
		if level.Usable(x.req.Op) {
			note(x.trace, level, noneAnswered)
		}
		if ctx.Err() != nil {
			return nil, x.noAnswer(ctx)
		}
	}
	for _, s := range x.spared { // those for which they were passed over may have died since
		if anyUsable(s.level.Lists[x.req.Op], "") {
			continue
		}
		res, err := x.level(ctx, s.level, s.later, s.servers)
		if res != nil {
			note(x.trace, s.level, used)
		}
		if res != nil || err != nil {
			return res, err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, x.noAnswer(ctx)
}

// level runs one document's table, and asks for authz whoever else must agree. Where only is not 0, no servers are
// asked but those, which were passed over before.
// It returns neither result nor error where that came to no answer.
func (x *run) level(ctx context.Context, level *plans.CompiledDocument, later []*plans.CompiledDocument, only uint64) (*aaa.Result, error) {
	if x.req.Op != aaa.Authz || len(level.AuthzApps) == 0 {
		return x.machine(ctx, level, later, only)
	}
	agreed := &aaa.Result{Outcome: aaa.Accept, IsAuthorized: true}
	for _, app := range level.AuthzApps {
		if app == aaa.Circlemaker {
			res, err := x.machine(ctx, level, later, only)
			if res == nil || err != nil || !res.IsAuthorized {
				return res, err
			}
			agreed = res
			continue
		}
		if !x.external(ctx, level, app) {
			if errors.Is(ctx.Err(), context.Canceled) {
				return nil, x.noAnswer(ctx)
			}
			// A new result: what the servers' accept configures, its keys above all, is for nobody now.
			agreed = &aaa.Result{Outcome: aaa.Reject, Server: agreed.Server, RefusedBy: app}
			break
		}
	}
	agreed.Document = level.Account
	return agreed, nil
}

// machine runs one document's table.
func (x *run) machine(ctx context.Context, level *plans.CompiledDocument, later []*plans.CompiledDocument, only uint64) (*aaa.Result, error) {
	m := newMachine(x, level, later)
	if only != 0 {
		m.passed, m.place = only, len(level.Lists[x.req.Op])
	}
	walking := true
	defer func() {
		if walking { // it panicked: what is pending must end all the same
			m.kill()
			x.detach(m, true)
		}
	}()
	ended := m.walk(ctx)
	walking = false
	x.attempts += m.attempts
	x.packets, x.steps = m.allowance.Left(), m.budget.Left()
	if m.busy != nil {
		x.busy = m.busy
	}
	x.asked = x.asked || m.asked
	x.why = m.why
	x.failures.merge(&m.failures)
	if only == 0 && m.passed != 0 && m.table == x.defaultTable && len(later) > 0 {
		x.spared = append(x.spared, spared{level, later, m.passed})
	}
	res, err := m.out, m.err
	if ended {
		m.kill()
	}
	if ended && m.pending.running == 0 {
		m.recycle()
	} else {
		x.detach(m, ended)
	}
	if res != nil {
		return res, nil
	}
	return nil, err
}

// detach lets the rest of a machine's work go on in the background, holding the request's place in the pool: the rest of
// the walk after the answer, or, where the walk has ended, what takes a moment to see that it is cancelled.
func (x *run) detach(m *Machine, ended bool) {
	if x.place == nil {
		x.place = &place{pool: x.plan.Pool}
		x.place.holders.Add(1) // of the request itself
	}
	x.place.holders.Add(1)
	background, place := &x.background, x.place // not x itself, which would then be on the heap for every request
	background.Add(1)
	go func() {
		defer background.Done()
		defer place.leave()
		if !ended {
			m.rest()
		}
		m.drain()
		m.recycle()
	}()
}

// external asks an authoriser other than this service's own servers.
func (x *run) external(ctx context.Context, level *plans.CompiledDocument, app string) bool {
	v := authorizer.Verdict{Outcome: "not registered"}
	if p, ok := x.plan.Providers[app]; ok {
		var err error
		v, err = x.authorizer.Ask(ctx, app, p, authorizer.Question{
			Account: x.req.Account, RequestID: x.req.ID, Op: x.req.Op, Values: x.req.Values, Hidden: hiddenKeys(level, x.req),
		})
		switch {
		case err == nil:
		case givenUp(ctx, err):
			v.Outcome = "cancelled"
		default:
			x.log.WarnContext(ctx, "no answer of an external authoriser", "account", x.req.Account, "request_id", x.req.ID, "authorizer", app, "error", err)
		}
	}
	x.metrics.external(v.Outcome)
	x.trace.AddApp(aaa.TraceApp{Name: app, Outcome: v.Outcome, Elapsed: aaa.MicrosOf(v.Elapsed)})
	return v.Authorized
}

// noAnswer says why the request ends without one.
func (x *run) noAnswer(ctx context.Context) error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return &aaa.Error{Kind: aaa.KindNoAnswer, Message: "the caller went away", Err: ctx.Err()}
	case !x.asked && x.busy != nil:
		return x.busy
	case !x.asked && x.why != "":
		return &aaa.Error{Kind: aaa.KindNoAnswer, Message: "no answer: " + x.why}
	case !x.asked && ctx.Err() != nil:
		return &aaa.Error{Kind: aaa.KindNoAnswer, Message: "the request's time ran out before a server was asked"}
	case !x.asked:
		return &aaa.Error{Kind: aaa.KindNoAnswer, Message: fmt.Sprintf(
			"no usable server for %s: name an enabled one in the account's AAA document or in a parent's", x.req.Op)}
	case x.failures.worst == nil:
		return &aaa.Error{Kind: aaa.KindNoAnswer, Message: "no answer: the document's table ended without one"}
	case x.failures.worst.Reason == engines.HeldBack:
		return &aaa.Error{
			Kind: aaa.KindBusy, Message: "no AAA server was asked: " + x.failures.describe(x.req.Account),
			RetryAfter: time.Second, Err: x.failures.worst,
		}
	case x.failures.worst.Reason == engines.BadReply:
		return &aaa.Error{Kind: aaa.KindBadReply, Message: badReplies(x.failures.worst) + " (" + x.failures.describe(x.req.Account) + ")", Server: x.failures.last(), Attempts: x.attempts, Err: x.failures.worst}
	default:
		return &aaa.Error{Kind: aaa.KindNoAnswer, Message: "no AAA server answered: " + x.failures.describe(x.req.Account), Server: x.failures.last(), Attempts: x.attempts, Err: x.failures.worst}
	}
}
