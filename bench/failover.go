package main

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"aaa-api/internal/aaa"
	"aaa-api/internal/actions"
	"aaa-api/internal/authorizer"
	"aaa-api/internal/dict"
	"aaa-api/internal/engines"
	"aaa-api/internal/limits"
	"aaa-api/internal/plans"
	"aaa-api/internal/pool"
	"aaa-api/internal/router"
	"aaa-api/internal/translate"
)

// quiet is a server that answers at once and costs nothing: what is left is the way to it and back.
type quiet struct {
	health  engines.Health
	reply   *engines.Reply
	failure *engines.Failure
}

// Exchange implements engines.Client.
func (q *quiet) Exchange(context.Context, *engines.Request) (*engines.Reply, error) {
	if q.failure != nil {
		return nil, q.failure
	}
	return q.reply, nil
}

// Encode implements engines.Client.
func (q *quiet) Encode(*engines.Request) ([]byte, error) { return nil, nil }

// Health implements engines.Client.
func (q *quiet) Health() *engines.Health { return &q.health }

// Retire implements engines.Client.
func (q *quiet) Retire() {}

// failover is an account with two quiet servers, a request to them, and the two ways to answer it.
type failover struct {
	router *router.Router
	plan   *plans.Plan
	req    *aaa.Request
}

// answer is a way to answer a request.
type answer func(context.Context, *plans.Plan, *aaa.Request) (*aaa.Result, error)

// newFailover makes the account. Of its servers the first one fails when told to.
func newFailover(firstFails bool) (*failover, error) {
	system, err := dict.LoadSystem("")
	if err != nil {
		return nil, err
	}
	set := system.Default()
	std, err := router.StandardOf(set)
	if err != nil {
		return nil, err
	}
	f := &failover{req: &aaa.Request{
		Op: aaa.Authn, Account: aaa.NewAccountID(), ID: "bench",
		Values: map[string]any{"User-Name": "bob@example.com", "User-Password": "hello-password"},
	}}
	if f.router, err = router.New(router.Options{
		Authorizer: authorizer.New(), Actions: actions.All(actions.Options{}), Metrics: router.NewMetrics(prometheus.NewRegistry()),
		Standard: std, Log: slog.New(slog.DiscardHandler),
	}); err != nil {
		return nil, err
	}
	program, err := translate.Compile("authn_avp_translation", []aaa.Rule{
		{RequestKey: "User-Name", Attribute: "User-Name", RequestValue: "^(.*)$", AttrValue: "^(.*)$"},
		{RequestKey: "User-Password", Attribute: "User-Password", RequestValue: "^(.*)$", AttrValue: "^(.*)$"},
	})
	if err != nil {
		return nil, err
	}
	level := &plans.CompiledDocument{Account: f.req.Account, Mode: aaa.ModeOn, Seldom: &plans.Seldom{}}
	for _, name := range []string{"first", "second"} {
		client := &quiet{reply: &engines.Reply{Outcome: aaa.Accept, Attempts: 1}}
		if name == "first" && firstFails {
			client.failure = &engines.Failure{Reason: engines.NoAnswer, Attempts: 3}
		}
		server := &plans.Server{Name: name, Address: name + ":1812", Engine: "radius", Traits: &engines.Traits{}, Client: client, Dict: set}
		server.Rules[aaa.Authn] = program.Bind(set, aaa.Strict)
		level.Servers = append(level.Servers, server)
	}
	level.Lists[aaa.Authn] = level.Servers
	f.plan = &plans.Plan{Account: f.req.Account, Enabled: true, Pool: pool.New(1, 0), Limits: limits.NewAccount(f.req.Account)}
	f.plan.Routes[aaa.Authn] = plans.Route{Bounded: time.Second, Levels: []*plans.CompiledDocument{level}, Walk: []plans.Step{{Level: level, Note: "used"}}}
	return f, nil
}

// ask answers the request once.
func (f *failover) ask(ctx context.Context, by answer) (*aaa.Result, error) {
	return by(ctx, f.plan, f.req)
}

// byTable answers by the built-in table.
func (f *failover) byTable(ctx context.Context, plan *plans.Plan, req *aaa.Request) (*aaa.Result, error) {
	return f.router.Handle(ctx, plan, req, time.Now())
}

// turn is how many requests in a row make one measurement: a few milliseconds' worth.
const turn = 5000

// contender measures a way to answer, in requests a second of this thread's processor time, which
// other work on the machine disturbs less than the time of day.
func (f *failover) contender(ctx context.Context, name string, by answer) contender {
	return contender{name, func() (float64, error) {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		var begun, ended unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &begun); err != nil {
			return 0, err
		}
		for range turn {
			if res, err := f.ask(ctx, by); err != nil || !res.IsAuthorized {
				return 0, fmt.Errorf("%s: %+v, %w", name, res, err)
			}
		}
		if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ended); err != nil {
			return 0, err
		}
		return turn * 1e9 / float64(ended.Nano()-begun.Nano()), nil
	}}
}

// added is what the table adds to one request, and what the plain way takes.
type added struct{ nanos, allocs, plainNanos, plainAllocs float64 }

// compare measures the built-in table against the plain way, in alternating turns.
func (f *failover) compare(turns int) (a added, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour) // as a request has one
	defer cancel()
	rates, err := alternate(turns, f.contender(ctx, "table", f.byTable), f.contender(ctx, "plain", plainFailover))
	if err != nil {
		return a, err
	}
	var nanos, plain []float64
	for i := range turns {
		plain = append(plain, 1e9/rates["plain"][i])
		nanos = append(nanos, 1e9/rates["table"][i]-plain[i])
	}
	a.nanos, a.plainNanos = median(nanos), median(plain)
	count := func(by answer) float64 {
		return testing.AllocsPerRun(turn, func() { _, _ = f.ask(ctx, by) })
	}
	a.plainAllocs = count(plainFailover)
	a.allocs = count(f.byTable) - a.plainAllocs
	return a, nil
}

// turnsPerRound makes a round of the run as many turns here, which are short.
const turnsPerRound = 20

// measureFailover tells what a request costs more through the built-in table than through plain failover.
func measureFailover(s settings) []row {
	rows := []row{
		{name: "built-in table over plain failover, time", format: "%.0f ns", target: 1000, atMost: true},
		{name: "built-in table over plain failover, memory", format: "%.0f allocs", target: 0, atMost: true},
	}
	for _, c := range []struct {
		what  string
		fails bool
	}{{"first server answers", false}, {"first one fails, second answers", true}} {
		f, err := newFailover(c.fails)
		if err != nil {
			rows[0].err, rows[1].err = err, err
			return rows
		}
		a, err := f.compare(turnsPerRound * s.rounds)
		if err != nil {
			rows[0].err, rows[1].err = err, err
			return rows
		}
		rows[0].worse(a.nanos, "%s: %.0f on top of %.0f", c.what, a.nanos, a.plainNanos)
		rows[1].worse(a.allocs, "%s: %.0f on top of %.0f", c.what, a.allocs, a.plainAllocs)
	}
	rows[0].detail += "; processor time"
	return rows
}

// worse takes the larger value of several cases, and the details of all.
func (r *row) worse(value float64, format string, args ...any) {
	if r.detail == "" || value > r.value {
		r.value = value
	}
	if r.detail != "" {
		r.detail += "; "
	}
	r.detail += fmt.Sprintf(format, args...)
}
