package operations

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"aaa-api/internal/aaa"
	"aaa-api/internal/actions"
	"aaa-api/internal/admin"
	"aaa-api/internal/admission"
	"aaa-api/internal/authorizer"
	"aaa-api/internal/bans"
	"aaa-api/internal/dict"
	"aaa-api/internal/document"
	"aaa-api/internal/engines"
	"aaa-api/internal/gateway"
	"aaa-api/internal/idempotency"
	"aaa-api/internal/line"
	"aaa-api/internal/plans"
	"aaa-api/internal/router"
	"aaa-api/internal/schema"
	"aaa-api/internal/secmod"
	"aaa-api/internal/spool"
	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlite"
	"aaa-api/internal/store/storetest"
	"aaa-api/internal/tally"
	"aaa-api/internal/token"
)

// site is a security module on a real store. Its servers are never asked.
type site struct {
	t     testing.TB
	parts *Parts
	store store.Store
	key   token.Key
	vault *secmod.Vault
	sync  func(context.Context) error

	root, tenant, child, sibling aaa.AccountID
}

var systemDictionaries = sync.OnceValues(func() (*dict.Catalog, error) { return dict.LoadSystem("") })

// memoryKEK wraps keys by hiding nothing: the sealing itself is tested in secmod.
type memoryKEK struct{}

func (memoryKEK) Current([]byte) bool { return true }

func (memoryKEK) Wrap(_ context.Context, _ aaa.AccountID, key []byte) ([]byte, error) {
	return bytes.Clone(key), nil
}

func (memoryKEK) Unwrap(_ context.Context, _ aaa.AccountID, wrapped []byte) ([]byte, error) {
	return bytes.Clone(wrapped), nil
}

// noServers is an engine whose servers don't answer.
type noServers struct{}

func (noServers) Name() string                                { return "radius" }
func (noServers) Traits() engines.Traits                      { return engines.Traits{} }
func (noServers) Open(engines.Config) (engines.Client, error) { return &noServer{}, nil }

type noServer struct{ health engines.Health }

func (*noServer) Exchange(context.Context, *engines.Request) (*engines.Reply, error) {
	return nil, &engines.Failure{Reason: engines.NoAnswer}
}
func (*noServer) Encode(*engines.Request) ([]byte, error) { return []byte{1, 0, 0, 20}, nil }
func (s *noServer) Health() *engines.Health               { return &s.health }
func (*noServer) Retire()                                 {}

// noSpool takes no record.
type noSpool struct{}

func (noSpool) Store(context.Context, *spool.Record) error {
	return aaa.Errorf(aaa.KindBusy, "no record is taken")
}

func (noSpool) Take(context.Context, *spool.Record, spool.Run) (*aaa.Result, bool, error) {
	return nil, false, aaa.Errorf(aaa.KindBusy, "no record is taken")
}

// newSite starts a security module with a root account, a tenant, the tenant's child and its sibling.
func newSite(t testing.TB) *site {
	t.Helper()
	ctx := t.Context()
	system, err := systemDictionaries()
	ok(t, err)
	st, err := sqlite.Open(ctx, storetest.File(t, sqlite.Migrate))
	ok(t, err)
	log := slog.New(slog.DiscardHandler)
	vault := secmod.New(memoryKEK{}, st.Keys())
	registry := engines.NewRegistry(noServers{})
	every := actions.All(actions.Options{})
	tenants := plans.New(plans.Options{Store: st, Opener: vault, System: system, Engines: registry, Actions: every.Specs(), Log: log})
	key, err := token.LoadKey(ctx, st.Tokens())
	ok(t, err)
	verifier := token.NewVerifier(st.Tokens(), key, time.Now)
	follower := store.NewFollower(st.Changes(), log, store.FollowerOptions{})
	follower.Subscribe(tenants.Changed)
	follower.Subscribe(verifier.Changed)
	standard, err := router.StandardOf(system.Default())
	ok(t, err)
	metrics := prometheus.NewRegistry()
	board := bans.New(bans.Options{Store: st.Bans(), Node: aaa.NewID(), Log: log, Metrics: bans.NewMetrics(metrics)})
	routes, err := router.New(router.Options{
		Authorizer: authorizer.New(), Actions: every, Metrics: router.NewMetrics(metrics), Standard: standard, Bans: board, Deadline: 5 * time.Second, Log: log,
	})
	ok(t, err)
	service := gateway.New(gateway.Options{
		Tenants: tenants, Router: routes, Vault: vault, Spool: noSpool{}, Sessions: st.Sessions(), Node: "node1", Bans: board,
		Metrics: gateway.NewMetrics(metrics, tenants, follower.Lag), Log: log,
	})
	s := &site{t: t, store: st, key: key, vault: vault, sync: follower.Sync, parts: &Parts{
		Tree: tenants, Verifier: verifier, Service: service, Log: log,
		Keys:      idempotency.New(idempotency.Options{Store: st.Idempotency(), Vault: vault, Node: aaa.NewID(), Log: log}),
		Heavy:     admission.NewHeavy(admission.HeavyAtOnce()),
		Readiness: NewReadiness(st, tenants.Warm, nil), Metrics: tally.New("secmod", metrics), RADIUS: &scripted{}, TACACS: &scripted{},
		Admin: admin.New(admin.Options{
			Store: st, Opener: service, Banner: service, Tree: tenants, Users: service, TokenKey: key, System: system, Actions: every.Specs(), Log: log,
			Preparer: document.NewPreparer(tenants, vault, registry), Sync: follower.Sync,
		}),
	}}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	var done sync.WaitGroup
	done.Go(func() { _ = follower.Run(running) })
	t.Cleanup(func() {
		stop()
		done.Wait()
		ok(t, st.Close())
	})
	s.root = s.account("")
	s.tenant = s.account(s.root)
	s.child = s.account(s.tenant)
	s.sibling = s.account(s.root)
	ok(t, follower.Sync(ctx))
	return s
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *site) account(parent aaa.AccountID) aaa.AccountID {
	s.t.Helper()
	a, err := s.store.Accounts().Create(s.t.Context(), store.Account{ID: aaa.NewAccountID(), Name: "account", ParentID: parent, Enabled: true})
	ok(s.t, err)
	return a.ID
}

// token makes a credential of an account, straight in the store.
func (s *site) token(account aaa.AccountID, scopes ...string) string {
	return s.mint(store.Token{Account: account, Kind: token.KindToken, Scopes: scopes})
}

func (s *site) mint(t store.Token) string {
	s.t.Helper()
	t.ID, t.CreatedAt = aaa.NewID(), time.Now()
	text := s.key.Mint(&t)
	ok(s.t, s.store.Tokens().Create(s.t.Context(), t))
	ok(s.t, s.sync(s.t.Context()))
	return text
}

// named finds an operation by its name.
func named(t testing.TB, name string) served {
	t.Helper()
	for _, o := range all {
		if o.Name() == name {
			return o
		}
	}
	t.Fatalf("there is no operation %s", name)
	return nil
}

// last is the newest change of configuration, by which a test sees that nothing was stored.
func (s *site) last() store.Change {
	s.t.Helper()
	c, err := s.store.Changes().Last(s.t.Context())
	ok(s.t, err)
	return c
}

// decoded is a text as a front sends what it parsed.
func decoded(text string) aaa.Decoded {
	v, err := schema.Parse([]byte(text), schema.MaxDepth)
	if err != nil {
		panic(err)
	}
	return aaa.Decoded{Value: v}
}

// about is a call with a token, about an account.
func about(text string, account aaa.AccountID) *line.From {
	return &line.From{Token: text, Account: account, RequestID: "r", At: time.Now()}
}
