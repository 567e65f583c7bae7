package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"aaa-api/internal/aaa"
	"aaa-api/internal/actions"
	"aaa-api/internal/authorizer"
	"aaa-api/internal/bans"
	"aaa-api/internal/dict"
	"aaa-api/internal/document"
	"aaa-api/internal/engines"
	"aaa-api/internal/plans"
	"aaa-api/internal/router"
	"aaa-api/internal/secmod"
	"aaa-api/internal/spool"
	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlite"
	"aaa-api/internal/store/storetest"
	"aaa-api/internal/tail"
)

// fixture is the service on a real store, with an engine that answers by script.
type fixture struct {
	t        testing.TB
	ctx      context.Context
	store    store.Store
	tenants  *plans.Cache
	gateway  *Gateway
	preparer *document.Preparer
	follower *store.Follower
	engine   *scripted
	asked    *scriptedAuthorizer
	metrics  *prometheus.Registry
	ids      map[string]aaa.AccountID
	passed   time.Duration // of the clock of bans, beside the time that passes by itself
}

var systemDictionaries = sync.OnceValues(func() (*dict.Catalog, error) { return dict.LoadSystem("") })

// newFixture makes the tree system → root → reseller → customer, with a sibling beside the customer.
func newFixture(t testing.TB, change ...func(*Options)) *fixture {
	t.Helper()
	return newFixtureOver(t, nil, change...)
}

// newFixtureOver is newFixture with an engine in place of the scripted one.
func newFixtureOver(t testing.TB, engine engines.Engine, change ...func(*Options)) *fixture {
	t.Helper()
	if engine == nil {
		return newFixtureOf(t, nil, change...)
	}
	return newFixtureOf(t, []engines.Engine{engine}, change...)
}

// newFixtureOf is newFixtureOver with several engines.
func newFixtureOf(t testing.TB, list []engines.Engine, change ...func(*Options)) *fixture {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	f := &fixture{t: t, ctx: ctx, engine: newScripted(), asked: &scriptedAuthorizer{}, ids: map[string]aaa.AccountID{"system": aaa.SystemConfig}}
	db, err := sqlite.Open(ctx, storetest.File(t, sqlite.Migrate))
	f.must(err)
	f.store = db
	system, err := systemDictionaries()
	f.must(err)
	kek, err := secmod.CreateKeyFile(filepath.Join(t.TempDir(), "key"))
	f.must(err)
	vault := secmod.New(kek, db.Keys())
	log := slog.New(slog.DiscardHandler)
	if list == nil {
		list = []engines.Engine{f.engine}
	}
	registry := engines.NewRegistry(list...)
	acts := actions.All(actions.Options{})
	f.tenants = plans.New(plans.Options{Store: db, Opener: vault, System: system, Engines: registry, Actions: acts.Specs(), Log: log})
	f.preparer = document.NewPreparer(f.tenants, vault, registry)
	f.follower = store.NewFollower(db.Changes(), log, store.FollowerOptions{})
	f.follower.Subscribe(f.tenants.Changed)
	done := make(chan error, 1)
	go func() { done <- f.follower.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	std, err := router.StandardOf(system.Default())
	f.must(err)
	reg := prometheus.NewRegistry()
	f.metrics = reg
	routes, err := router.New(router.Options{
		Authorizer: f.asked, Actions: acts, Metrics: router.NewMetrics(reg), Standard: std, Log: log,
		Bans: bans.New(bans.Options{Store: db.Bans(), Node: "a", Now: f.clock, Log: log, Metrics: bans.NewMetrics(reg)}),
	})
	f.must(err)
	o := Options{
		Tenants: f.tenants, Router: routes, Vault: vault, Spool: direct{f}, Sessions: db.Sessions(), Node: "a",
		Metrics: NewMetrics(reg, f.tenants, f.follower.Lag), Tail: tail.New(), Log: log,
	}
	for _, fn := range change {
		fn(&o)
	}
	f.gateway = New(o)
	f.account("root", "")
	f.account("reseller", "root")
	f.account("customer", "reseller")
	f.account("sibling", "reseller")
	return f
}

// clock is what bans go by.
func (f *fixture) clock() time.Time { return time.Now().Add(f.passed) }

// direct is a Spool that keeps nothing: each record has one attempt.
type direct struct{ *fixture }

func (d direct) Store(ctx context.Context, r *spool.Record) error {
	_, err := d.gateway.Deliver(ctx, r, r.Values)
	return err
}

func (d direct) Take(ctx context.Context, r *spool.Record, run spool.Run) (*aaa.Result, bool, error) {
	res, err := run(ctx, r.Values)
	return res, false, err
}

func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) account(name, parent string) {
	f.t.Helper()
	a, err := f.store.Accounts().Create(f.ctx, store.Account{
		ID: aaa.NewAccountID(), Name: name, ParentID: f.ids[parent], Enabled: true,
	})
	f.must(err)
	f.ids[name] = a.ID
}

// sync waits until this node uses every write so far.
func (f *fixture) sync() { f.t.Helper(); f.must(f.follower.Sync(f.ctx)) }

// put stores a document, as its first or its next revision.
func (f *fixture) put(account, body string) {
	f.t.Helper()
	id := f.ids[account]
	p, err := f.preparer.Prepare(f.ctx, id, json.RawMessage(body), nil)
	if err != nil {
		f.t.Fatalf("document of %s: %v", account, describe(err))
	}
	d := store.Document{Account: id, Body: p.Body}
	if _, err = f.store.Documents().Create(f.ctx, d, p.Uses); errors.Is(err, store.ErrExists) {
		_, err = f.store.Documents().Replace(f.ctx, d, store.AnyRevision, p.Uses)
	}
	f.must(err)
	f.sync()
}

func describe(err error) string {
	var e *aaa.Error
	if errors.As(err, &e) {
		return fmt.Sprintf("%s %v", e.Message, e.Fields)
	}
	return err.Error()
}

func (f *fixture) ask(account string, op aaa.Op, values map[string]any) (*aaa.Result, error) {
	if values == nil {
		values = map[string]any{"User-Name": "alice", "User-Password": "wonderland"}
	}
	return f.gateway.Handle(f.ctx, &aaa.Request{Account: f.ids[account], Op: op, Values: values, Trace: true})
}

// counted are a counter's series that have the labels given, by their outcome; series at 0 are left out.
func (f *fixture) counted(name string, labels map[string]string) map[string]float64 {
	f.t.Helper()
	families, err := f.metrics.Gather()
	f.must(err)
	found := map[string]float64{}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			outcome, fits := "", 0
			for _, l := range m.GetLabel() {
				if l.GetName() == "outcome" {
					outcome = l.GetValue()
				}
				if labels[l.GetName()] == l.GetValue() {
					fits++
				}
			}
			if n := m.GetCounter().GetValue(); n > 0 && fits == len(labels) {
				found[outcome] += n
			}
		}
	}
	return found
}

// doc writes a document of a mode whose op lists name the servers given. "!x" is a
// server that is not enabled, "x@diameter" one of another engine.
func doc(mode string, servers ...string) string {
	type server map[string]any
	list := []server{}
	names := []string{}
	for _, s := range servers {
		enabled, engine := true, "radius"
		if s[0] == '!' {
			enabled, s = false, s[1:]
		}
		if n := len(s) - len("@diameter"); n > 0 && s[n:] == "@diameter" {
			s, engine = s[:n], "diameter"
		}
		names = append(names, s)
		list = append(list, server{
			"enabled": enabled, "name": s, "address": "192.0.2.1", "port": 1812, "secret": "s3cr3t-" + s, "aaa_engine": engine,
			"dicts": []string{"dictionary"}, "avp": "strict", "retries": 0, "timeout": 1000,
		})
	}
	rules := []map[string]string{
		{"attribute": "User-Name", "request_key": "User-Name", "request_value_regexp": "^(.*)$", "attr_value_regexp": "^(.*)$"},
		{"attribute": "User-Password", "request_key": "User-Password", "request_value_regexp": "^(.*)$", "attr_value_regexp": "^(.*)$"},
	}
	b, err := json.Marshal(map[string]any{
		"aaa_mode": mode, "nas_address": "127.0.0.1", "nas_port": 0, "workers": plans.DefaultWorkers, "servers": list, "authentication": names, "authorization": names, "accounting": names, "custom": names,
		"authn_avp_translation": rules, "authz_avp_translation": rules, "accounting_avp_translation": rules,
	})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// with adds members to a document.
func with(document, members string) string {
	return document[:len(document)-1] + "," + members + "}"
}

// scripted is an engine whose servers answer as told.
type scripted struct {
	mu     sync.Mutex
	script map[string]func(*engines.Request) (*engines.Reply, error) // by server; default accept
	calls  []string
	sent   []*engines.Request
	opened map[string]int
	client map[string]*scriptedClient

	opening func(server string) // optional: is called before a server is opened
}

type scriptedClient struct {
	engine  *scripted
	name    string
	health  engines.Health
	longest time.Duration
	retired bool
}

func newScripted() *scripted {
	return &scripted{
		script: map[string]func(*engines.Request) (*engines.Reply, error){},
		opened: map[string]int{}, client: map[string]*scriptedClient{},
	}
}

func (s *scripted) Name() string { return "radius" }

func (s *scripted) Traits() engines.Traits {
	return engines.Traits{Dictionary: "dictionary_tacacs", DropsUnverified: true, Members: []string{"previous_secret"}}
}

func (s *scripted) Open(cfg engines.Config) (engines.Client, error) {
	if s.opening != nil {
		s.opening(cfg.Server.Name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if want := "s3cr3t-" + cfg.Server.Name; cfg.Server.Secret.Reveal() != want {
		return nil, fmt.Errorf("server %s was opened with another secret than was written", cfg.Server.Name)
	}
	s.opened[cfg.Server.Name]++
	c := &scriptedClient{
		engine: s, name: cfg.Server.Name,
		longest: time.Duration(cfg.Server.Timeout*(1+cfg.Server.Retries)) * time.Millisecond,
	}
	s.client[cfg.Server.Name] = c
	return c, nil
}

func (c *scriptedClient) Exchange(_ context.Context, req *engines.Request) (*engines.Reply, error) {
	s := c.engine
	s.mu.Lock()
	s.calls = append(s.calls, c.name)
	kept := *req
	kept.AVPs = slices.Clone(req.AVPs)
	s.sent = append(s.sent, &kept)
	f := s.script[c.name]
	s.mu.Unlock()
	if f == nil {
		return &engines.Reply{Outcome: aaa.Accept, Attempts: 1}, nil
	}
	return f(req)
}

// Omits is true of passwords in accounting, as in RADIUS.
func (c *scriptedClient) Omits(op aaa.Op, a *aaa.Attribute) bool {
	return op == aaa.Accounting && a.Name == "User-Password"
}

func (c *scriptedClient) Encode(r *engines.Request) ([]byte, error) {
	packet := []byte{1, 2, 3}
	for i := range r.AVPs {
		packet = append(packet, r.AVPs[i].Value...)
	}
	return packet, nil
}

func (c *scriptedClient) Health() *engines.Health { return &c.health }
func (c *scriptedClient) Longest() time.Duration  { return c.longest }
func (c *scriptedClient) Retire()                 { c.engine.mu.Lock(); c.retired = true; c.engine.mu.Unlock() }

func (s *scripted) set(name string, f func(*engines.Request) (*engines.Reply, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script[name] = f
}

// take returns the servers asked since the last call.
func (s *scripted) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls, s.sent = nil, nil
	return calls
}

func (s *scripted) last() *engines.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent[len(s.sent)-1]
}

func silent(*engines.Request) (*engines.Reply, error) {
	return nil, &engines.Failure{Reason: engines.NoAnswer, Attempts: 1}
}

func badReply(*engines.Request) (*engines.Reply, error) {
	return nil, &engines.Failure{Reason: engines.BadReply, Attempts: 1}
}

func rejects(*engines.Request) (*engines.Reply, error) {
	return &engines.Reply{Outcome: aaa.Reject, Attempts: 1}, nil
}

// scriptedAuthorizer agrees with whom it was told to.
type scriptedAuthorizer struct {
	yes   map[string]bool
	got   []authorizer.Question
	leave func() // makes the caller go away; nil: the caller stays
}

func (a *scriptedAuthorizer) Ask(ctx context.Context, name string, _ aaa.AuthzProvider, q authorizer.Question) (authorizer.Verdict, error) {
	a.got = append(a.got, q)
	if a.leave != nil {
		a.leave()
		return authorizer.Verdict{}, ctx.Err()
	}
	return authorizer.Verdict{Authorized: a.yes[name]}, nil
}
