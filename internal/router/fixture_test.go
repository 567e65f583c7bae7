package router_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"aaa-api/internal/aaa"
	"aaa-api/internal/actions"
	"aaa-api/internal/authorizer"
	"aaa-api/internal/dict"
	"aaa-api/internal/engines"
	"aaa-api/internal/fsm"
	"aaa-api/internal/limits"
	"aaa-api/internal/plans"
	"aaa-api/internal/pool"
	"aaa-api/internal/router"
	"aaa-api/internal/tenantlog"
	"aaa-api/internal/translate"
)

var dictionaries = sync.OnceValues(func() (*dict.Catalog, error) { return dict.LoadSystem("") })

// lab is a router with an account whose servers answer as told.
type lab struct {
	t       testing.TB
	router  *router.Router
	actions *router.Actions
	level   *plans.CompiledDocument
	plan    *plans.Plan
	servers map[string]*backend
	log     bytes.Buffer // to be read once all is quiet
}

// newLab makes a document with the servers given, all in the list of every operation.
func newLab(t testing.TB, deadline time.Duration, names ...string) *lab {
	t.Helper()
	return newLabOf(t, actions.All(actions.Options{}), deadline, names...)
}

// newLabOf makes it with actions of the test's own.
func newLabOf(t testing.TB, acts *router.Actions, deadline time.Duration, names ...string) *lab {
	t.Helper()
	system, err := dictionaries()
	if err != nil {
		t.Fatal(err)
	}
	std, err := router.StandardOf(system.Default())
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, actions: acts, servers: map[string]*backend{}}
	l.router, err = router.New(router.Options{
		ProxyState: []byte("the mark"),
		Authorizer: nobody{}, Actions: l.actions, Metrics: router.NewMetrics(prometheus.NewRegistry()),
		Standard: std, Deadline: deadline, Log: slog.New(tenantlog.New(slog.NewJSONHandler(&l.log, &slog.HandlerOptions{Level: slog.LevelDebug}))),
	})
	if err != nil {
		t.Fatal(err)
	}
	rules := []aaa.Rule{
		{RequestKey: "User-Name", Attribute: "User-Name", RequestValue: "^(.*)$", AttrValue: "^(.*)$"},
		{RequestKey: "classes", Attribute: "Class", RequestValue: "^(.*)$", AttrValue: "^(.*)$"},
	}
	program, err := translate.Compile("authn_avp_translation", rules)
	if err != nil {
		t.Fatal(err)
	}
	set := system.Default()
	l.level = &plans.CompiledDocument{Account: "0123456789abcdef0123456789abcdef", Mode: aaa.ModeOn, Seldom: &plans.Seldom{}}
	for _, name := range names {
		b := &backend{}
		l.servers[name] = b
		s := &plans.Server{Name: name, Address: name + ":1812", Engine: "radius", Traits: &engines.Traits{DropsUnverified: true}, Client: b, Dict: set, Tally: &plans.Tally{}}
		for op := range s.Rules {
			s.Rules[op] = program.Bind(set, aaa.Strict)
		}
		l.level.Servers = append(l.level.Servers, s)
	}
	l.plan = &plans.Plan{Account: l.level.Account, Enabled: true, Pool: pool.New(64, 64), Limits: limits.NewAccount(l.level.Account)}
	for op := range l.plan.Routes {
		l.level.Lists[op] = l.level.Servers
		l.plan.Routes[op] = plans.Route{Levels: []*plans.CompiledDocument{l.level}, Walk: []plans.Step{{Level: l.level, Note: "used"}}}
	}
	return l
}

// use makes all operations run on a table.
func (l *lab) use(text string) {
	l.t.Helper()
	table, faults, _ := fsm.Check([]byte(text), l.actions.Specs())
	if len(faults) > 0 {
		l.t.Fatalf("table: %v", faults)
	}
	for op := range l.level.Tables {
		l.level.Tables[op] = &plans.Table{Name: "test", FSM: table}
	}
}

// ask runs a request as the gateway does.
func (l *lab) ask(ctx context.Context, req *aaa.Request) (*aaa.Result, error) {
	if req.Values == nil {
		req.Values = map[string]any{"User-Name": "alice"}
	}
	req.Account = l.plan.Account
	return l.router.Handle(ctx, l.plan, req, time.Now())
}

// quiet waits for what goes on in the background and checks that nothing is left.
func (l *lab) quiet() {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := l.router.Wait(ctx); err != nil {
		l.t.Fatal("a request goes on in the background for ever")
	}
	if running, waiting := l.plan.Pool.Depth(); running+waiting != 0 {
		l.t.Fatalf("%d places of the pool were not given back", running+waiting)
	}
	for name, b := range l.servers {
		if n := b.busy.Load(); n != 0 {
			l.t.Fatalf("%d exchanges are still at server %s", n, name)
		}
	}
}

// tallied are the outcomes that were counted of a server.
func (l *lab) tallied(name string) map[string]uint64 {
	all := map[string]uint64{}
	l.level.Server(name).Tally.Each(func(outcome string, n uint64) { all[outcome] = n })
	return all
}

// backend is a server: an answer after a time.
type backend struct {
	health  engines.Health
	after   time.Duration
	until   <-chan struct{} // nil, or what each answer waits for to receive or to be closed
	outcome aaa.Outcome     // empty: silence
	forever bool            // silence that lasts until it is cancelled
	err     error           // what Exchange fails with, in place of silence
	cut     engines.Reason  // how far an Exchange that is cut off had come; 0: the engine does not say
	has     chan<- struct{} // nil, or where each exchange tells that it has begun
	counts  bool            // each exchange sends a packet of the request's allowance
	sent    atomic.Int32    // packets, with counts
	asked   atomic.Int32
	busy    atomic.Int32

	mu  sync.Mutex
	got []engines.Request // without their AVPs
}

// requests are those that the server was asked.
func (b *backend) requests() []engines.Request {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.got)
}

func (b *backend) Exchange(ctx context.Context, req *engines.Request) (*engines.Reply, error) {
	b.mu.Lock()
	kept := *req
	kept.AVPs = nil
	b.got = append(b.got, kept)
	b.mu.Unlock()
	b.asked.Add(1)
	b.busy.Add(1)
	defer b.busy.Add(-1)
	if b.has != nil {
		b.has <- struct{}{}
	}
	if b.counts {
		if err := req.Allowance.Send(limits.Destination{}); err != nil {
			return nil, &engines.Failure{Reason: engines.HeldBack, Err: err}
		}
		b.sent.Add(1)
	}
	if b.forever {
		<-ctx.Done()
		if b.cut != 0 {
			return nil, &engines.Failure{Reason: b.cut, Attempts: 3, Err: fmt.Errorf("cut off: %w", ctx.Err())}
		}
		return nil, ctx.Err()
	}
	if b.until != nil {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-b.until:
		}
	}
	if b.after > 0 {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(b.after):
		}
	}
	switch {
	case b.err != nil:
		return nil, b.err
	case b.outcome == "":
		return nil, &engines.Failure{Reason: engines.NoAnswer, Attempts: 1}
	}
	return &engines.Reply{Outcome: b.outcome, Attempts: 1, State: []byte("s")}, nil
}

func (b *backend) Encode(*engines.Request) ([]byte, error) { return nil, nil }
func (b *backend) Health() *engines.Health                 { return &b.health }
func (b *backend) Retire()                                 {}

type nobody struct{}

func (nobody) Ask(context.Context, string, aaa.AuthzProvider, authorizer.Question) (authorizer.Verdict, error) {
	return authorizer.Verdict{}, nil
}
