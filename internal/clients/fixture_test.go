package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"aaa-api/internal/aaa"
	"aaa-api/internal/secmod"
	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlite"
	"aaa-api/internal/store/storetest"
)

// fixture is a Registry on a real store, with the tree root → provider → (shop, bar), and other below the root.
type fixture struct {
	t        testing.TB
	ctx      context.Context
	store    store.Store
	vault    *secmod.Vault
	faulty   *faulty
	opener   *countingOpener
	registry *Registry
	clock    atomic.Int64 // seconds that have passed
	log      *lines
	last     store.Change
	ids      map[string]aaa.AccountID
}

// faulty is the store as the registry sees it. It fails while err is set.
type faulty struct {
	store.Clients
	store.Accounts
	err   atomic.Pointer[error]
	asked atomic.Int64
	fails chan struct{} // receives at each failure, if there is room
}

func (f *faulty) check() error {
	f.asked.Add(1)
	if err := f.err.Load(); err != nil {
		select {
		case f.fails <- struct{}{}:
		default:
		}
		return *err
	}
	return nil
}

type faultyClients struct{ *faulty }

func (f faultyClients) Each(ctx context.Context, visit func(store.Client) error) error {
	n := 0
	err := f.Clients.Each(ctx, func(c store.Client) error {
		if n++; n > 1 && f.err.Load() != nil {
			return f.check()
		}
		return visit(c)
	})
	return errors.Join(err, f.check())
}

func (f faultyClients) Get(ctx context.Context, account aaa.AccountID, name string) (store.Client, error) {
	if err := f.check(); err != nil {
		return store.Client{}, err
	}
	return f.Clients.Get(ctx, account, name)
}

type faultyTree struct{ *faulty }

func (f faultyTree) Get(ctx context.Context, id aaa.AccountID) (store.Account, error) {
	if err := f.check(); err != nil {
		return store.Account{}, err
	}
	return f.Accounts.Get(ctx, id)
}

func (f faultyTree) ByRealm(ctx context.Context, top aaa.AccountID, realm string) (store.Account, error) {
	if err := f.check(); err != nil {
		return store.Account{}, err
	}
	return f.Accounts.ByRealm(ctx, top, realm)
}

// countingOpener counts what is opened. It waits for gate, if there is one, and then fails while err is set.
type countingOpener struct {
	secmod.Opener
	opened atomic.Int64
	gate   chan struct{}
	err    error
}

func (o *countingOpener) Open(ctx context.Context, account aaa.AccountID, purpose, sealed string) (aaa.Secret, error) {
	o.opened.Add(1)
	if o.gate != nil {
		<-o.gate
	}
	if o.err != nil {
		return aaa.Secret{}, o.err
	}
	return o.Opener.Open(ctx, account, purpose, sealed)
}

type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{t: t, ctx: t.Context(), log: &lines{}, ids: make(map[string]aaa.AccountID)}
	db, err := sqlite.Open(f.ctx, storetest.File(t, sqlite.Migrate))
	f.must(err)
	t.Cleanup(func() { _ = db.Close() })
	kek, err := secmod.CreateKeyFile(filepath.Join(t.TempDir(), "key"))
	f.must(err)
	f.store, f.vault = db, secmod.New(kek, db.Keys())
	f.faulty = &faulty{Clients: db.Clients(), Accounts: db.Accounts(), fails: make(chan struct{}, 1)}
	f.opener = &countingOpener{Opener: f.vault}
	f.registry = f.new()
	for _, a := range [][3]string{
		{"root"}, {"provider", "root"}, {"shop", "provider", "shop.example"}, {"bar", "provider"}, {"deep", "bar", "deep.example"}, {"other", "root", "other.example"},
	} {
		f.account(a[0], a[1], a[2])
	}
	f.sync()
	return f
}

func (f *fixture) new() *Registry {
	r := New(Options{
		Store: faultyClients{f.faulty}, Tree: faultyTree{f.faulty}, Opener: f.opener,
		Log: slog.New(slog.NewTextHandler(f.log, nil)), Metrics: prometheus.NewRegistry(),
	})
	r.retry = time.Millisecond
	r.now = func() time.Time { return time.Unix(1_800_000_000+f.clock.Load(), 0) }
	return r
}

func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) account(name, parent, realm string) {
	f.t.Helper()
	a := store.Account{ID: f.ids[name], Name: name, ParentID: f.ids[parent], Realm: realm, Enabled: true}
	if parent != "" {
		a.ClientNetworks = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	}
	a, err := f.store.Accounts().Create(f.ctx, a)
	f.must(err)
	f.ids[name] = a.ID
}

// put writes a client as the API does. Secrets of doc are sealed. at is ACCOUNT/NAME.
func (f *fixture) put(at, doc string) {
	f.t.Helper()
	account, name, _ := strings.Cut(at, "/")
	id := f.ids[account]
	var body map[string]any
	f.must(json.Unmarshal([]byte(doc), &body))
	seal := func(in map[string]any, member, place string) {
		if clear, ok := in[member].(string); ok && clear != "damaged" {
			var err error
			in[member], err = f.vault.Seal(f.ctx, id, "clients/"+name+"/"+place, clear)
			f.must(err)
		}
	}
	seal(body, "secret", "secret")
	seal(body, "previous_secret", "previous_secret")
	if coa, ok := body["coa"].(map[string]any); ok {
		seal(coa, "secret", "coa.secret")
	}
	address, _ := body["address"].(string)
	network, _ := prefixOf(address)
	text, err := json.Marshal(body)
	f.must(err)
	c := store.Client{Account: id, Name: name, Body: text, Network: network}
	if _, err = f.store.Clients().Create(f.ctx, c); errors.Is(err, store.ErrExists) {
		_, err = f.store.Clients().Replace(f.ctx, c, store.AnyRevision)
	}
	f.must(err)
}

func (f *fixture) remove(at string) {
	f.t.Helper()
	account, name, _ := strings.Cut(at, "/")
	f.must(f.store.Clients().Delete(f.ctx, f.ids[account], name, store.AnyRevision))
}

// changes reads the log since the last time.
func (f *fixture) changes() []store.Change {
	f.t.Helper()
	list, _, err := f.store.Changes().Since(f.ctx, f.last, 1000)
	f.must(err)
	if len(list) > 0 {
		f.last = list[len(list)-1]
	}
	return list
}

// sync applies every write so far.
func (f *fixture) sync() { f.registry.Changed(f.ctx, f.changes(), false) }

// reset has the registry read everything.
func (f *fixture) reset() {
	f.changes()
	f.registry.Changed(f.ctx, nil, true)
}

// client is what ACCOUNT/NAME is in the registry.
func (f *fixture) client(at string) *Client {
	f.t.Helper()
	account, name, _ := strings.Cut(at, "/")
	c := f.registry.Find(f.ids[account], name)
	if c == nil {
		f.t.Fatalf("no client %s", at)
	}
	return c
}

// by checks which clients an address finds.
func (f *fixture) by(p aaa.ClientProtocol, address string, want ...string) {
	f.t.Helper()
	var got []string
	for _, c := range f.registry.ByAddress(p, netip.MustParseAddr(address)) {
		got = append(got, c.Name)
	}
	if !slices.Equal(got, want) {
		f.t.Errorf("%s from %s finds %v, want %v", p, address, got, want)
	}
}
