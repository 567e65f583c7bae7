package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
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
	"aaa-api/internal/limits"
	"aaa-api/internal/line"
	"aaa-api/internal/logging"
	"aaa-api/internal/operations"
	"aaa-api/internal/peer"
	"aaa-api/internal/plans"
	"aaa-api/internal/router"
	"aaa-api/internal/secmod"
	"aaa-api/internal/spool"
	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlite"
	"aaa-api/internal/store/storetest"
	"aaa-api/internal/tally"
	"aaa-api/internal/token"
	"aaa-api/internal/web"
)

// world is the whole service but for the network behind it: real store, tenants,
// documents and gateway, and an engine that answers by the user's name.
type world struct {
	t        testing.TB
	api      *API
	parts    *operations.Parts
	apart    bool // a line leads to the parts
	admin    *admin.Service
	store    store.Store
	backend  *backend
	server   *httptest.Server
	log      *syncBuffer
	contract *checker
	key      token.Key
	vault    *secmod.Vault
	bans     *bans.Board
	sync     func(context.Context) error

	root, tenant, child, sibling aaa.AccountID
	rootToken, tenantToken       string
}

// worldOptions are what a test may change.
type worldOptions struct {
	Options
	inside
	config admin.Options
}

// inside is the security module, as far as tests change it.
type inside struct {
	Tree     Tree
	Verifier Verifier
	Service  gateway.Service
	Keys     *idempotency.Keys
	Stale    func() bool
	Store    operations.Pinger
	Ready    []Check
	// ModuleLacks are protections that it does without.
	ModuleLacks []string
	Peers       peer.Messages
}

// What tests stand in for.
type (
	Tree interface {
		operations.Tree
		Warm() int
	}
	Verifier = operations.Verifier
	Check    = operations.Check
)

// syncBuffer is a log that may be read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

var systemDictionaries = sync.OnceValues(func() (*dict.Catalog, error) { return dict.LoadSystem("") })

// memoryKEK wraps keys by hiding nothing: the sealing itself is tested in secmod.
type memoryKEK struct{}

func (memoryKEK) Wrap(_ context.Context, _ aaa.AccountID, key []byte) ([]byte, error) {
	return bytes.Clone(key), nil
}

func (memoryKEK) Current([]byte) bool { return true }

func (memoryKEK) Unwrap(_ context.Context, _ aaa.AccountID, wrapped []byte) ([]byte, error) {
	return bytes.Clone(wrapped), nil
}

// everyAction is what tables may take.
var everyAction = actions.All(actions.Options{})

// newWorld starts the service with a root account, a tenant, the tenant's child and its sibling.
func newWorld(t testing.TB, change ...func(*worldOptions)) *world {
	t.Helper()
	st, err := sqlite.Open(t.Context(), storetest.File(t, sqlite.Migrate))
	ok(t, err)
	return newWorldOn(t, st, change...)
}

// newWorldOn is newWorld on a store that is migrated and empty. The end of the test closes it.
func newWorldOn(t testing.TB, st store.Store, change ...func(*worldOptions)) *world {
	t.Helper()
	return newWorldAs(t, st, across(), change...)
}

// newWorldApart is newWorld with the API in a process of its own, as far as a test can tell.
func newWorldApart(t testing.TB, change ...func(*worldOptions)) *world {
	t.Helper()
	st, err := sqlite.Open(t.Context(), storetest.File(t, sqlite.Migrate))
	ok(t, err)
	return newWorldAs(t, st, true, change...)
}

func newWorldAs(t testing.TB, st store.Store, apart bool, change ...func(*worldOptions)) *world {
	t.Helper()
	ctx := t.Context()
	system, err := systemDictionaries()
	ok(t, err)

	w := &world{t: t, store: st, backend: &backend{}, log: &syncBuffer{}, apart: apart}
	log := slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	vault := secmod.New(memoryKEK{}, st.Keys())
	registry := engines.NewRegistry(w.backend)
	tenants := plans.New(plans.Options{
		Store: st, Opener: vault, System: system, Engines: registry, Actions: everyAction.Specs(), Log: log,
	})
	key, err := token.LoadKey(ctx, st.Tokens())
	ok(t, err)
	verifier := token.NewVerifier(st.Tokens(), key, time.Now)
	follower := store.NewFollower(st.Changes(), log, store.FollowerOptions{})
	follower.Subscribe(tenants.Changed)
	follower.Subscribe(verifier.Changed)
	standard, err := router.StandardOf(system.Default())
	ok(t, err)
	metrics := prometheus.NewRegistry()
	w.bans = bans.New(bans.Options{Store: st.Bans(), Node: aaa.NewID(), Log: log, Metrics: bans.NewMetrics(metrics)})
	routes, err := router.New(router.Options{
		Authorizer: authorizer.New(), Actions: everyAction, Metrics: router.NewMetrics(metrics),
		Standard: standard, Bans: w.bans, Deadline: 5 * time.Second, Log: log,
	})
	ok(t, err)
	own, refusals := metrics, tenants.Refusals() // of the API's process
	if w.apart {
		own, refusals = prometheus.NewRegistry(), &limits.Counts{}
		own.MustRegister(refusals.Collector())
	}
	records := &direct{}
	service := gateway.New(gateway.Options{
		Tenants: tenants, Router: routes, Vault: vault, Spool: records, Sessions: st.Sessions(), Node: "node1", Bans: w.bans,
		Metrics: gateway.NewMetrics(metrics, tenants, follower.Lag), Log: log,
	})
	records.service = service
	o := worldOptions{
		Options: Options{
			Log:      log,
			Meter:    web.NewMeter(own),
			Requests: logging.NewRequests(w.log, slog.LevelDebug, "node1"),
			Refusals: refusals, Apart: w.apart,
			Bad:  web.NewBadMeter(own),
			Node: "node1", Version: "test",
		},
		inside: inside{
			Store: st, Tree: tenants, Service: service, Verifier: verifier,
			Keys: idempotency.New(idempotency.Options{Store: st.Idempotency(), Vault: vault, Node: aaa.NewID(), Log: log}),
		},
		config: admin.Options{
			Store: st, Opener: service, Banner: service, Tree: tenants, Users: service, TokenKey: key, System: system, Actions: everyAction.Specs(), Log: log,
			Preparer: document.NewPreparer(tenants, vault, registry),
			Sync:     follower.Sync,
		},
	}
	for _, fn := range change {
		fn(&o)
	}
	w.admin = admin.New(o.config)
	o.Limits.TextBody = w.admin.Bounds().TextBody
	o.Heavy = admission.NewHeavy(admission.HeavyAtOnce())
	if o.Budget == nil {
		o.Budget = admission.NewBudget(admission.OctetsFor(0), nil)
	}
	w.parts = &operations.Parts{
		Tree: o.Tree, Verifier: o.Verifier, Service: o.Service, Admin: w.admin, Keys: o.Keys, Heavy: o.Heavy, Budget: o.Budget, Stale: o.Stale, Log: log,
		Readiness: operations.NewReadiness(o.Store, o.Tree.Warm, o.ModuleLacks, o.Ready...), Peers: o.Peers, Metrics: tally.New("secmod", metrics),
	}
	o.Line = w.lineTo(w.parts)
	if w.apart {
		o.Own = own
	}
	w.api = New(o.Options)
	w.key, w.vault, w.sync = key, vault, follower.Sync
	w.contract = contractChecker(t)

	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	var done sync.WaitGroup
	done.Go(func() { _ = follower.Run(running) })
	w.server = httptest.NewServer(w.api)
	t.Cleanup(func() {
		w.server.Close()
		stop()
		done.Wait()
		if err := st.Close(); err != nil && !errors.Is(err, store.ErrUnavailable) {
			t.Error(err)
		}
	})

	w.root = w.account("root", "")
	w.rootToken = w.token(w.root, token.Scopes()...)
	w.tenant = w.account("tenant", w.root)
	w.child = w.account("child", w.tenant)
	w.sibling = w.account("sibling", w.root)
	w.tenantToken = w.token(w.tenant, token.Scopes()...)
	ok(t, follower.Sync(ctx))
	return w
}

// across reports tests in which the API reaches the security module over a line, as processes of their own do.
func across() bool { return os.Getenv("AAA_API_TEST_LINE") == "across" }

// lineTo is how the API reaches the security module.
func (w *world) lineTo(parts *operations.Parts) line.Caller {
	if !w.apart {
		return parts
	}
	front, back := pair(w.t)
	here, leave := parts.For("front1")
	log := slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	serves := line.New(back, line.Options{Handler: here, Log: log, Peer: "front1", NameOf: operations.NameOf})
	calls := line.New(front, line.Options{Log: log, Peer: "secmod"})
	w.t.Cleanup(func() {
		calls.Close()
		calls.Wait()
		serves.Wait()
		leave()
	})
	return calls
}

// pair are the two ends of a socketpair.
func pair(t testing.TB) (one, other net.Conn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	ok(t, err)
	var ends [2]net.Conn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "line")
		ends[i], err = net.FileConn(f)
		ok(t, err)
		ok(t, f.Close())
	}
	return ends[0], ends[1]
}

// direct is a Spool that keeps nothing: each record has one attempt.
type direct struct{ service *gateway.Gateway }

func (d *direct) Store(ctx context.Context, r *spool.Record) error {
	_, err := d.service.Deliver(ctx, r, r.Values)
	return err
}

func (*direct) Take(ctx context.Context, r *spool.Record, run spool.Run) (*aaa.Result, bool, error) {
	res, err := run(ctx, r.Values)
	return res, false, err
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) account(name string, parent aaa.AccountID) aaa.AccountID {
	w.t.Helper()
	a, err := w.store.Accounts().Create(w.t.Context(), store.Account{ID: aaa.NewAccountID(), Name: name, ParentID: parent, Enabled: true})
	ok(w.t, err)
	return a.ID
}

// token makes a token of an account, straight in the store.
func (w *world) token(account aaa.AccountID, scopes ...string) string {
	w.t.Helper()
	t := store.Token{ID: aaa.NewID(), Account: account, Kind: token.KindToken, Scopes: scopes, CreatedAt: time.Now()}
	text := w.key.Mint(&t)
	ok(w.t, w.store.Tokens().Create(w.t.Context(), t))
	return text
}

// ask is one request of a test.
type ask struct {
	method, path string
	token        string
	body         string
	header       map[string]string // an empty value leaves the header away
	unchecked    bool              // the request is not one that the contract describes
}

// reply is what came back.
type reply struct {
	t      testing.TB
	status int
	header http.Header
	text   string
}

// do sends a request and holds both sides of the exchange against the contract.
func (w *world) do(a ask) reply {
	w.t.Helper()
	var body io.Reader
	if a.body != "" {
		body = strings.NewReader(a.body)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), a.method, w.server.URL+a.path, body)
	ok(w.t, err)
	if a.token != "" {
		req.Header.Set("X-Auth-Token", a.token)
	}
	if a.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range a.header {
		if v == "" {
			req.Header.Del(k)
		} else {
			req.Header.Set(k, v)
		}
	}
	resp, err := w.server.Client().Do(req)
	ok(w.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	ok(w.t, err)
	w.contract.check(w.t, a, req, resp, text)
	return reply{w.t, resp.StatusCode, resp.Header, string(text)}
}

// call is do with a token and no more.
func (w *world) call(token, method, path, body string) reply {
	w.t.Helper()
	return w.do(ask{method: method, path: path, token: token, body: body})
}

// want checks the status.
func (r reply) want(status int) reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("got %d, want %d: %s", r.status, status, r.text)
	}
	return r
}

// refused checks the status and the word for the error.
func (r reply) refused(status int, slug string) reply {
	r.t.Helper()
	r.want(status)
	if got := r.at("message"); got != slug {
		r.t.Fatalf("message is %v, want %s: %s", got, slug, r.text)
	}
	return r
}

// at is a member of the answer, named by its path; nil where there is none.
func (r reply) at(path ...string) any {
	r.t.Helper()
	var v any
	if err := json.Unmarshal([]byte(r.text), &v); err != nil {
		r.t.Fatalf("the answer is no JSON: %q", r.text)
	}
	for _, name := range path {
		switch in := v.(type) {
		case map[string]any:
			v = in[name]
		case []any:
			if len(name) != 1 || int(name[0]-'0') >= len(in) {
				return nil
			}
			v = in[name[0]-'0']
		default:
			return nil
		}
	}
	return v
}

func (r reply) str(path ...string) string {
	r.t.Helper()
	s, isText := r.at(path...).(string)
	if !isText {
		r.t.Fatalf("%v is no text in %s", path, r.text)
	}
	return s
}

// backend is an engine with no network: the user's name says how a server answers.
type backend struct {
	mu   sync.Mutex
	sent []*engines.Request
	hold chan struct{} // where it is set, every exchange sends on it and then waits to receive
}

func (b *backend) Name() string { return "radius" }
func (b *backend) Traits() engines.Traits {
	return engines.Traits{Members: []string{"previous_secret"}}
}
func (b *backend) Open(engines.Config) (engines.Client, error) { return &client{b: b}, nil }

func (b *backend) requests() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.sent)
}

type client struct {
	b      *backend
	health engines.Health
	used   atomic.Bool
}

// Learnt implements engines.Learner.
func (c *client) Learnt() map[string]string {
	if !c.used.Load() {
		return nil
	}
	return map[string]string{"accept": engines.MustBeSigned, "eap_reject": engines.NotSigned, "status_server": engines.SignedSoFar}
}

func (c *client) Exchange(ctx context.Context, req *engines.Request) (*engines.Reply, error) {
	c.used.Store(true)
	c.b.mu.Lock()
	c.b.sent = append(c.b.sent, req)
	hold := c.b.hold
	c.b.mu.Unlock()
	if hold != nil {
		hold <- struct{}{}
		<-hold
	}
	user, answered := "", false
	for _, avp := range req.AVPs {
		switch avp.Attr.Name {
		case "User-Name":
			user = string(avp.Value)
		case "State":
			answered = true
		}
	}
	if user == "twice" && !answered {
		return &engines.Reply{Outcome: aaa.Challenge, State: []byte{4, 5}, Prompt: "Code?", Echo: true, Attempts: 1}, nil
	}
	message := func(text string) []aaa.AVP {
		return []aaa.AVP{{Attr: req.Dict.ByName("Reply-Message"), Value: []byte(text)}}
	}
	switch user {
	case "challenge":
		return &engines.Reply{Outcome: aaa.Challenge, State: []byte{1, 2, 3}, AVPs: message("code?"), Attempts: 1}, nil
	case "reject":
		return &engines.Reply{Outcome: aaa.Reject, AVPs: message("no"), Attempts: 1}, nil
	case "unfit":
		return nil, aaa.Invalid(aaa.Field{Path: "User-Name", Rule: "maxLength", Message: "is too long"})
	case "silent":
		return nil, &engines.Failure{Reason: engines.NoAnswer, Attempts: 4}
	case "nonsense":
		return nil, &engines.Failure{Reason: engines.BadReply, Attempts: 4}
	}
	return &engines.Reply{Outcome: aaa.Accept, AVPs: message("hello " + user), Attempts: 1}, nil
}

func (c *client) Encode(*engines.Request) ([]byte, error) { return []byte{1, 0, 0, 20}, nil }
func (c *client) Health() *engines.Health                 { return &c.health }
func (c *client) Retire()                                 {}

// aDocument is a document with one server and rules for names and passwords.
var aDocument = `{"aaa_mode":"on","servers":[{"enabled":true,"name":"server1","address":"127.0.0.1","port":1812,
"secret":"sesame-open-up","aaa_engine":"radius","dicts":["dictionary"],"avp":"strict","retries":1,"timeout":100}],
"authentication":["server1"],"authorization":["server1"],"accounting":["server1"],"custom":["server1"],
"workers":5,"nas_address":"127.0.0.1","nas_port":"2000","authz_apps":["circlemaker"],` + rules + `}`

var rules = strings.Join([]string{
	section("authn"), section("authz"), section("accounting"), section("custom"),
}, ",")

func section(op string) string {
	rule := func(name string) string {
		return `{"request_key":"` + name + `","attribute":"` + name + `","request_value_regexp":"^(.*)$","attr_value_regexp":"^(.*)$"}`
	}
	return `"` + op + `_avp_translation":[` + rule("User-Name") + "," + rule("User-Password") + "," + rule("Reply-Message") + `]`
}

func data(text string) string { return `{"data":` + text + `}` }

func at(id aaa.AccountID, rest string) string { return "/v2/accounts/" + string(id) + rest }

// document gives an account a document through the API.
func (w *world) document(id aaa.AccountID) {
	w.t.Helper()
	w.call(w.rootToken, "PUT", at(id, "/aaa"), data(aDocument)).want(http.StatusCreated)
}
