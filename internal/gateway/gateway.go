package gateway

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/bans"
	"aaa-api/internal/document"
	"aaa-api/internal/logging"
	"aaa-api/internal/plans"
	"aaa-api/internal/router"
	"aaa-api/internal/secmod"
	"aaa-api/internal/session"
	"aaa-api/internal/store"
	"aaa-api/internal/tail"
	"aaa-api/internal/usersfile"
)

// Gateway is the Service in this process. Its sessions are the Manager's, whose own requests come back through the Gateway.
type Gateway struct {
	*session.Manager
	tenants *plans.Cache
	router  *router.Router
	vault   secmod.SealOpener
	spool   Spool
	clock   func() time.Time
	metrics *Metrics
	tail    *tail.Tail
	bans    *bans.Board
	lines   *logging.Requests
	logUser bool

	hashCost usersfile.Cost
	log      *slog.Logger
}

var _ Service = (*Gateway)(nil)

// Options are the parts that a Gateway works with. All but the ones marked optional must be there.
type Options struct {
	Tenants  *plans.Cache
	Router   *router.Router
	Vault    secmod.SealOpener
	Spool    Spool            // keeps accounting records
	Sessions store.Sessions   // where sessions are kept
	Peers    session.Peers    // asks the other nodes; optional: this one is the only one
	Node     string           // this node's name
	URL      string           // at which other nodes reach it; optional: they don't
	Now      func() time.Time // the clock of sessions and of accounting records; optional: time.Now
	Metrics  *Metrics
	Tail     *tail.Tail        // keeps a summary of each request; optional: nothing does
	Bans     *bans.Board       // optional: nobody is banned
	Devices  session.Devices   // asks network devices to end sessions; optional: nobody does
	HashCost usersfile.Cost    // ceiling of a hash in a users file that is written; 0: the default
	Requests *logging.Requests // the lines of network devices' requests; optional: there are none
	LogUser  bool              // those lines name the user
	Log      *slog.Logger
}

// New makes a Gateway. RunSessions is what its sessions need beside the requests.
func New(o Options) *Gateway {
	if o.Now == nil {
		o.Now = time.Now
	}
	g := &Gateway{
		tenants: o.Tenants, router: o.Router, vault: o.Vault, spool: o.Spool, clock: o.Now, metrics: o.Metrics, bans: o.Bans, tail: o.Tail, lines: o.Requests, logUser: o.LogUser,
		hashCost: o.HashCost, log: o.Log,
	}
	g.Manager = session.New(session.Options{
		Store: o.Sessions, Vault: o.Vault, AAA: sessionAAA{g}, Peers: o.Peers, Devices: o.Devices, Deadline: o.Router.Deadline(),
		Node: o.Node, URL: o.URL, Now: o.Now, Metrics: o.Metrics.sessions, Log: o.Log,
	})
	return g
}

// now is the time as stores keep it.
func (g *Gateway) now() time.Time { return g.clock().UTC().Truncate(time.Microsecond) }

// Handle implements Service.
func (g *Gateway) Handle(ctx context.Context, req *aaa.Request) (*aaa.Result, error) {
	start := time.Now()
	plan, err := g.plan(ctx, req.Account)
	if err == nil {
		err = plan.Limits.Take(aaa.LimitRequestsPerSecond, time.Now()) // making the plan may have taken long
	}
	return g.finish(ctx, plan, req, start, err)
}

// finish runs a request unless err keeps it from that, and counts it. plan is nil if there is none.
func (g *Gateway) finish(ctx context.Context, plan *plans.Plan, req *aaa.Request, start time.Time, err error) (*aaa.Result, error) {
	var res *aaa.Result
	if err == nil {
		if req.Op == aaa.Accounting {
			res, err = g.account(ctx, plan, req, start)
		} else {
			res, err = g.router.Handle(ctx, plan, req, start)
		}
	}
	g.ended(ctx, plan, req, start, res, err)
	return res, err
}

// plan is the Plan of an account that is enabled.
func (g *Gateway) plan(ctx context.Context, id aaa.AccountID) (*plans.Plan, error) {
	plan, err := g.tenants.Plan(ctx, id)
	if err != nil {
		return nil, err
	}
	if !plan.Enabled {
		return nil, aaa.Errorf(aaa.KindForbidden, "the account or one of its ancestors is disabled")
	}
	return plan, nil
}

// Wait waits until no request goes on in the background any more, or until ctx ends.
func (g *Gateway) Wait(ctx context.Context) error { return g.router.Wait(ctx) }

// DryRun implements Service.
func (g *Gateway) DryRun(ctx context.Context, req *aaa.Request) (*DryRun, error) {
	plan, err := g.plan(ctx, req.Account)
	if err != nil {
		return nil, err
	}
	if err := plan.Limits.Take(aaa.LimitRequestsPerSecond, time.Now()); err != nil {
		return nil, err
	}
	r, err := g.router.DryRun(ctx, plan, req)
	if err != nil {
		return nil, err
	}
	d := &DryRun{Outcome: r.Outcome, Packets: make([]DryRunPacket, 0, len(r.Messages)), Trace: r.Trace}
	for _, m := range r.Messages {
		d.Packets = append(d.Packets, packet(m))
	}
	return d, nil
}

func packet(m router.Message) DryRunPacket {
	p := DryRunPacket{
		Account: m.Level.Account, Server: m.Server.Name, Address: m.Server.Address, Engine: m.Server.Engine,
		Packet: m.Packet,
	}
	if m.Err != nil {
		p.Error = m.Err.Error()
	}
	if m.Request == nil {
		return p
	}
	for _, avp := range m.Request.AVPs {
		named := aaa.NamedAVP{AVP: avp, As: avp.Name()}
		if avp.Attr.Hidden || avp.Clear {
			named.Value, named.Word = nil, aaa.Mask
		} else {
			named.Word = m.Server.Dict.Word(avp.Attr, avp.Value)
		}
		p.AVPs = append(p.AVPs, named)
	}
	return p
}

// Workers implements Service.
func (g *Gateway) Workers(ctx context.Context, account aaa.AccountID) (int, error) {
	plan, err := g.plan(ctx, account)
	if err != nil {
		return 0, err
	}
	return plan.Workers, nil
}

// Repeat implements Service.
func (g *Gateway) Repeat(_ context.Context, account aaa.AccountID, repeatID string) error {
	g.router.Repeat(account, repeatID)
	return nil
}

// Learnt implements Service.
func (g *Gateway) Learnt(_ context.Context, account aaa.AccountID) (map[string]Learnt, error) {
	all := make(map[string]Learnt)
	for name, kinds := range g.tenants.Learnt(account) {
		all[name] = Learnt{MessageAuthenticator: kinds}
	}
	return all, nil
}

// Effective implements Service.
func (g *Gateway) Effective(ctx context.Context, account aaa.AccountID, op aaa.Op) (*Effective, error) {
	plan, err := g.tenants.Plan(ctx, account)
	if err != nil {
		return nil, err
	}
	route := &plan.Routes[op]
	e := &Effective{
		Account: account, Op: op, Outcome: string(route.Outcome), Levels: []EffectiveLevel{},
		Workers: EffectiveWorkers{Value: plan.Workers, Account: plan.WorkersOf},
	}
	for _, p := range route.Bans {
		e.Bans = append(e.Bans, EffectiveBans{p.Document, p.By})
	}
	levels := route.Levels
	if route.Off() { // whose document says so is the last step of the walk
		levels = []*plans.CompiledDocument{route.Walk[len(route.Walk)-1].Level}
	}
	for _, l := range levels {
		level, err := g.effectiveLevel(account, l, op)
		if err != nil {
			return nil, err
		}
		e.Levels = append(e.Levels, level)
	}
	return e, nil
}

func (g *Gateway) effectiveLevel(asked aaa.AccountID, l *plans.CompiledDocument, op aaa.Op) (EffectiveLevel, error) {
	e := EffectiveLevel{
		Account: l.Account, Revision: l.Revision, Mode: l.Mode, Servers: []string{},
		Sources: map[string]aaa.AccountID{}, Dicts: map[string]DictionarySource{},
		FSM: TableSource{Name: plans.DefaultTable, Owner: aaa.SystemConfig},
	}
	if t := l.Tables[op]; t != nil {
		e.FSM = TableSource{Name: t.Name, Owner: t.Owner, Revision: t.Revision}
	}
	if l.Mode != aaa.ModeOff {
		for _, s := range l.Lists[op] {
			e.Servers = append(e.Servers, s.Name)
		}
	}
	for _, d := range l.Dicts {
		e.Dicts[d.Name] = DictionarySource{Owner: d.Owner, Revision: d.Revision}
	}
	stored, err := g.tenants.Document(l.Account)
	if err != nil { // it went since the plan was made
		return e, &aaa.Error{Kind: aaa.KindUnavailable, Message: "a document changed in this very moment: ask again", RetryAfter: time.Second, Err: err}
	}
	masked, err := document.Mask(stored.Body)
	if err != nil {
		return e, err
	}
	e.Document = masked
	var members map[string]json.RawMessage
	if err := json.Unmarshal(masked, &members); err != nil {
		return e, err
	}
	for m := range members {
		if m != "workers" || l.Account == asked { // which an ancestor's document has for its own account alone
			e.Sources[m] = l.Account
		}
	}
	return e, nil
}
