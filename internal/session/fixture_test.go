package session

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"aaa-api/internal/aaa"
	"aaa-api/internal/limits"
	"aaa-api/internal/secmod"
	"aaa-api/internal/store"
	"aaa-api/internal/store/pgtest"
	"aaa-api/internal/store/postgres"
	"aaa-api/internal/store/sqlite"
	"aaa-api/internal/store/storetest"
)

// world is a store with two accounts, a clock that stands still, and an AAA service that answers by script.
type world struct {
	t             testing.TB
	ctx           context.Context
	store         store.Store
	vault         *secmod.Vault
	path          string
	mine, foreign aaa.AccountID
	aaa           *scripted
	clock         *clock
	log           *bytes.Buffer
}

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// scripted answers requests: authn as the script says, one function a request and the last one for all further
// ones, accounting by acct.
type scripted struct {
	mu     sync.Mutex
	script []func(*aaa.Request) (*aaa.Result, error)
	acct   func(*aaa.Request) (*aaa.Result, error)
	sent   []aaa.Request
	told   []Record // accounting records
	terms  Terms
	off    bool  // the account is disabled
	lost   error // of Terms, as where the store is away
}

var errDisabled = aaa.Errorf(aaa.KindForbidden, "the account is disabled")

func (s *scripted) disable() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.off = true
}

// note keeps what is sent. Its caller holds mu.
func (s *scripted) note(req *aaa.Request) {
	kept := *req
	kept.Values = maps.Clone(req.Values)
	s.sent = append(s.sent, kept)
}

func (s *scripted) Handle(ctx context.Context, req *aaa.Request) (*aaa.Result, error) {
	s.mu.Lock()
	if s.off {
		s.mu.Unlock()
		return nil, errDisabled
	}
	s.note(req)
	f := s.script[0]
	if len(s.script) > 1 {
		s.script = s.script[1:]
	}
	s.mu.Unlock()
	res, err := f(req)
	if ctx.Err() != nil {
		return nil, &aaa.Error{Kind: aaa.KindNoAnswer, Message: "the caller went away", Err: ctx.Err()}
	}
	return res, err
}

// used reports counters in their order.
func used(counts ...uint64) (u aaa.Usage) {
	for k, n := range counts {
		u[k] = aaa.Reported{Count: n, Path: aaa.CounterTable[k].Attribute}
	}
	return u
}

// keepsDialogues says whether the server's engine keeps dialogues in memory.
func (s *scripted) keepsDialogues(keeps bool) {
	s.terms.Documents[0].Dialogues = nil
	if keeps {
		s.terms.Documents[0].Dialogues = []string{"one"}
	}
}

// lose lets Terms fail from now on.
func (s *scripted) lose(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = err
}

func (s *scripted) Account(_ context.Context, r *Record) (*aaa.Result, error) {
	req := &aaa.Request{ID: r.RequestID, Account: r.Account, Op: aaa.Accounting, Values: r.Values}
	s.mu.Lock()
	s.note(req)
	s.told = append(s.told, *r)
	f := s.acct
	s.mu.Unlock()
	if f == nil {
		return &aaa.Result{Outcome: aaa.Accept, IsAuthorized: true}, nil
	}
	return f(req)
}

func (s *scripted) Terms(context.Context, aaa.AccountID) (Terms, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.off {
		return Terms{}, errDisabled
	}
	if s.lost != nil {
		return Terms{}, s.lost
	}
	terms := s.terms
	bounds := limits.NewAccount("account")
	terms.Live, terms.Stored = bounds.Excess(aaa.LimitSessions), bounds.Excess(aaa.LimitSessionRecords)
	return terms, nil
}

func (s *scripted) Hidden(context.Context, aaa.AccountID) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.terms.Hidden, nil
}

// records returns the accounting records since the last call.
func (s *scripted) records() []Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.told
	s.sent, s.told = nil, nil
	return list
}

// take returns the values of the accounting records since the last call.
func (s *scripted) take() []aaa.Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []aaa.Values
	for _, r := range s.sent {
		if r.Op == aaa.Accounting {
			list = append(list, r.Values)
		}
	}
	s.sent, s.told = nil, nil
	return list
}

func (s *scripted) last() aaa.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent[len(s.sent)-1]
}

func challenge(state string) func(*aaa.Request) (*aaa.Result, error) {
	return func(*aaa.Request) (*aaa.Result, error) {
		return &aaa.Result{Outcome: aaa.Challenge, Server: "one", State: state, Prompt: "code?", Echo: true}, nil
	}
}

// reply makes the attributes of a reply of what an answer shows of them.
func reply(shown aaa.Values) (avps aaa.AVPs) {
	for name, v := range shown {
		list, several := v.([]any)
		if !several {
			list = []any{v}
		}
		for _, text := range list {
			avps.Add(name, fmt.Sprint(text))
		}
	}
	return avps
}

// accept has a reply with attributes by name.
func accept(avps aaa.Values) func(*aaa.Request) (*aaa.Result, error) {
	return func(*aaa.Request) (*aaa.Result, error) {
		return &aaa.Result{Outcome: aaa.Accept, IsAuthorized: true, Server: "one", AVPs: reply(avps), Keys: aaa.Values{"ip": "192.0.2.7"}}, nil
	}
}

func rejects(*aaa.Request) (*aaa.Result, error) {
	return &aaa.Result{Outcome: aaa.Reject, Server: "one"}, nil
}

func fails(kind aaa.Kind, fields ...aaa.Field) func(*aaa.Request) (*aaa.Result, error) {
	return func(*aaa.Request) (*aaa.Result, error) {
		return nil, &aaa.Error{Kind: kind, Message: "as the script says", Fields: fields}
	}
}

func newWorld(t testing.TB) *world {
	t.Helper()
	path := storetest.File(t, sqlite.Migrate)
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorldIn(t, s)
	w.path = path
	return w
}

// onBothStores runs a test in a world of each store.
func onBothStores(t *testing.T, test func(w *world)) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(newWorld(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		s, err := postgres.Open(t.Context(), pgtest.Migrated(t, postgres.Migrate), postgres.Options{MaxConns: 4})
		if err != nil {
			t.Fatal(err)
		}
		test(newWorldIn(t, s))
	})
}

func TestMain(m *testing.M) {
	code := m.Run()
	if err := pgtest.DropTemplate(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// newWorldIn makes a world in an empty store, and closes it when the test is over.
func newWorldIn(t testing.TB, s store.Store) *world {
	t.Helper()
	w := &world{t: t, ctx: t.Context(), store: s, clock: &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}, log: new(bytes.Buffer)}
	keys := map[string]string{"User-Name": "login", "User-Password": "code", "Class": "class"}
	w.aaa = &scripted{
		script: []func(*aaa.Request) (*aaa.Result, error){accept(nil)},
		terms:  Terms{Hidden: []string{"code"}, Documents: []Document{{Keys: keys}}},
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	kek, err := secmod.CreateKeyFile(filepath.Join(t.TempDir(), "key"))
	w.must(err)
	w.vault = secmod.New(kek, s.Keys())
	root, err := s.Accounts().Create(w.ctx, store.Account{ID: aaa.NewAccountID(), Name: "root", Enabled: true})
	w.must(err)
	other, err := s.Accounts().Create(w.ctx, store.Account{ID: aaa.NewAccountID(), Name: "other", ParentID: root.ID, Enabled: true})
	w.must(err)
	w.mine, w.foreign = root.ID, other.ID
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// manager makes the Manager of a node.
func (w *world) manager(node string, more ...func(*Options)) *Manager {
	o := Options{
		Store: w.store.Sessions(), Vault: w.vault, AAA: w.aaa, Node: node, URL: "https://" + node, Now: w.clock.now,
		Metrics: NewMetrics(prometheus.NewRegistry()), Log: slog.New(slog.NewTextHandler(w.log, nil)),
	}
	for _, f := range more {
		f(&o)
	}
	return New(o)
}

// start begins a session of alice's.
func (w *world) start(m *Manager) *aaa.SessionAnswer {
	w.t.Helper()
	a, err := m.StartSession(w.ctx, &aaa.Request{ID: aaa.NewID(), Account: w.mine, Values: aaa.Values{"login": "alice", "code": "wonderland", "port": "tty1"}})
	w.must(err)
	return a
}

// opened is the SID of a session that was opened after an accept with these attributes.
func (w *world) opened(m *Manager, avps aaa.Values) string {
	w.t.Helper()
	w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){accept(avps)}
	sid := w.start(m).SID
	_, err := m.OpenSession(w.ctx, w.mine, sid, nil)
	w.must(err)
	w.aaa.take()
	return sid
}

// settle lets a node do all that is due.
func (m *Manager) settle(ctx context.Context) {
	for {
		m.look(ctx)
		select {
		case <-m.scheduler.Again():
		default:
			return
		}
	}
}

// look lets a node do what it finds to be due at once.
func (m *Manager) look(ctx context.Context) {
	var under sync.WaitGroup
	m.scheduler.Look(ctx, &under)
	under.Wait()
}

// is checks a session's place and cause.
func (w *world) is(m *Manager, sid string, want Place, cause string) *aaa.Session {
	w.t.Helper()
	s, err := m.Session(w.ctx, w.mine, sid)
	w.must(err)
	if got := placeOf(s.State, s.Open, s.SuspendedAt, s.EndedAt); got != want || s.Cause != cause {
		w.t.Fatalf("the session is %v of cause %q, want %v, %q", got, s.Cause, want, cause)
	}
	return s
}

// suspend suspends a session.
func (w *world) suspend(m *Manager, sid string) {
	w.t.Helper()
	_, err := m.SuspendSession(w.ctx, w.mine, sid, aaa.Usage{}, nil)
	w.must(err)
}

func (w *world) refused(err error, kind aaa.Kind) {
	w.t.Helper()
	var e *aaa.Error
	if !errors.As(err, &e) || e.Kind != kind {
		w.t.Fatalf("got %v, want an error of kind %d", err, kind)
	}
}

// rows is all that the database holds of sessions, as text.
func (w *world) rows() string {
	w.t.Helper()
	db, err := sql.Open("sqlite", w.path)
	w.must(err)
	defer db.Close() //nolint:errcheck // it only read
	rows, err := db.QueryContext(w.ctx, "SELECT * FROM sessions")
	w.must(err)
	defer rows.Close() //nolint:errcheck // Err tells
	columns, err := rows.Columns()
	w.must(err)
	var out bytes.Buffer
	for rows.Next() {
		row, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		w.must(rows.Scan(into...))
		fmt.Fprintf(&out, "%s\n", row)
	}
	w.must(rows.Err())
	return out.String()
}
