package plans

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
	"aaa-api/internal/document"
	"aaa-api/internal/egress"
	"aaa-api/internal/engines"
	"aaa-api/internal/fsm"
	"aaa-api/internal/secmod"
	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlite"
	"aaa-api/internal/store/storetest"
)

var systemDictionaries = sync.OnceValues(func() (*dict.Catalog, error) { return dict.LoadSystem("") })

// actions are what the tests' tables and the built-in ones do.
func actions() *fsm.Actions {
	all := []fsm.Event{fsm.ACK, fsm.NAK, fsm.AccChal, fsm.ERROR, fsm.FATAL}
	asks := func(name, xstring string) fsm.Spec {
		return fsm.Spec{Name: name, Answers: []fsm.Event{fsm.RC1}, Later: all, Decides: true, Xstring: xstring, Xvalue: "n"}
	}
	at := func(name string, answers ...fsm.Event) fsm.Spec {
		return fsm.Spec{Name: name, Answers: answers, Xstring: "text"}
	}
	return fsm.NewActions(
		asks("RADIUS", ""), asks("RAD2RAD", "server"), asks("REALM", "rule"), asks("FILE", "users file"), asks("ACCT", ""), asks("AUTHENTICATE", ""),
		at("REPLY", fsm.ACK), at("LOG", fsm.ACK), at("KILL", fsm.ACK), at("PENDING", fsm.ACK, fsm.NAK), at("TIMEOUT", fsm.ACK), at("ACK", fsm.ACK),
		fsm.Spec{Name: "TIMER", Answers: []fsm.Event{fsm.ACK}, Later: []fsm.Event{fsm.TIMER}, Xvalue: "ms"},
		fsm.Spec{Name: "NULL", Silent: true}, fsm.Spec{Name: "REDO", Silent: true}, fsm.Spec{Name: "END", Ends: true},
	)
}

// fixture is the cache on a real store, with the tree system → root → reseller → customer, and sibling.
type fixture struct {
	t        testing.TB
	ctx      context.Context
	store    store.Store
	vault    *secmod.Vault
	tenants  *Cache
	preparer *document.Preparer
	log      *lockedBuffer
	last     store.Change
	ids      map[string]aaa.AccountID
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{t: t, ctx: t.Context(), log: &lockedBuffer{}, ids: map[string]aaa.AccountID{"system": aaa.SystemConfig}}
	db, err := sqlite.Open(f.ctx, storetest.File(t, sqlite.Migrate))
	f.must(err)
	t.Cleanup(func() { _ = db.Close() })
	f.store = db
	kek, err := secmod.CreateKeyFile(filepath.Join(t.TempDir(), "key"))
	f.must(err)
	f.vault = secmod.New(kek, db.Keys())
	f.tenants = f.cache(actions())
	f.preparer = document.NewPreparer(f.tenants, f.vault, engines.NewRegistry(idle{}))
	for _, a := range [][2]string{{"root", ""}, {"reseller", "root"}, {"customer", "reseller"}, {"sibling", "reseller"}} {
		created, err := db.Accounts().Create(f.ctx, store.Account{ID: aaa.NewAccountID(), Name: a[0], ParentID: f.ids[a[1]], Enabled: true})
		f.must(err)
		f.ids[a[0]] = created.ID
	}
	f.sync()
	return f
}

// cache makes an empty one on the fixture's store.
func (f *fixture) cache(a *fsm.Actions) *Cache {
	f.t.Helper()
	system, err := systemDictionaries()
	f.must(err)
	return New(Options{
		Egress: &egress.Rules{},
		Store:  f.store, Opener: f.vault, System: system, Engines: engines.NewRegistry(idle{}), Actions: a,
		Log: slog.New(slog.NewTextHandler(f.log, nil)),
	})
}

func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// sync applies every write so far.
func (f *fixture) sync() {
	f.t.Helper()
	list, _, err := f.store.Changes().Since(f.ctx, f.last, 1000)
	f.must(err)
	if len(list) > 0 {
		f.last = list[len(list)-1]
		f.tenants.Changed(f.ctx, list, false)
	}
}

// put stores a document; the members given replace those of a plain one with the servers a (usable) and b (not enabled).
func (f *fixture) put(account, members string) {
	f.t.Helper()
	p, err := f.preparer.Prepare(f.ctx, f.ids[account], documentWith(f.t, members), nil)
	if err != nil {
		var e *aaa.Error
		if errors.As(err, &e) {
			f.t.Fatalf("%v %+v", err, e.Fields)
		}
		f.t.Fatal(err)
	}
	f.putAs(account, p.Body, p.Uses)
}

// putAs stores a document with the uses given: what an import could do, too.
func (f *fixture) putAs(account string, body json.RawMessage, uses []store.Ref) {
	f.t.Helper()
	d := store.Document{Account: f.ids[account], Body: body}
	_, err := f.store.Documents().Create(f.ctx, d, uses)
	if errors.Is(err, store.ErrExists) {
		_, err = f.store.Documents().Replace(f.ctx, d, store.AnyRevision, uses)
	}
	f.must(err)
	f.sync()
}

func documentWith(t testing.TB, members string) json.RawMessage {
	t.Helper()
	server := `{"enabled":true,"name":"a","address":"192.0.2.1","port":1812,"secret":"s3cr3t","aaa_engine":"radius","dicts":["dictionary"],"retries":0,"timeout":1000}`
	second := strings.NewReplacer(`true`, `false`, `"a"`, `"b"`).Replace(server)
	var base, patch any
	for text, into := range map[string]*any{
		`{"aaa_mode":"on","servers":[` + server + `,` + second + `],"authentication":["a"],"authorization":["a"],"accounting":["a"],"custom":["a"],
			"nas_address":"127.0.0.1","nas_port":0,"workers":4}`: &base,
		`{` + members + `}`: &patch,
	} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	body, err := json.Marshal(document.MergePatch(base, patch))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// text stores a table or a users file, sealed as the service would.
func (f *fixture) text(account string, kind store.TextKind, name, body string) {
	f.t.Helper()
	if kind == store.TextUsers {
		sealed, err := f.vault.Seal(f.ctx, f.ids[account], "users/"+name, body)
		f.must(err)
		body = sealed
	}
	f.raw(store.Text{Account: f.ids[account], Kind: kind, Name: name, Body: body})
}

func (f *fixture) raw(text store.Text) {
	f.t.Helper()
	_, err := f.store.Texts().Create(f.ctx, text)
	if errors.Is(err, store.ErrExists) {
		_, err = f.store.Texts().Replace(f.ctx, text, store.AnyRevision)
	}
	f.must(err)
	f.sync()
}

func (f *fixture) remove(account string, kind store.TextKind, name string) {
	f.t.Helper()
	f.must(f.store.Texts().Delete(f.ctx, f.ids[account], kind, name, store.AnyRevision))
	f.sync()
}

func (f *fixture) plan(account string) *Plan {
	f.t.Helper()
	p, err := f.tenants.Plan(f.ctx, f.ids[account])
	f.must(err)
	return p
}

// level is the first document that an account's authentications go to.
func (f *fixture) level(account string) *CompiledDocument {
	f.t.Helper()
	r := f.plan(account).Routes[aaa.Authn]
	if len(r.Levels) == 0 {
		f.t.Fatalf("%s has no document to run by: %+v", account, r.Walk)
	}
	return r.Levels[0]
}

// tableOf is a table that names itself by %FSMID and asks the users files given.
func tableOf(id string, files ...string) string {
	text := "%FSMID " + id + "\nStart:\n\t*.+AUTHEN.ACK\tRADIUS\tWait\nWait:\n\t*.RADIUS.ACK\tREPLY\tEnd\n\t*.RADIUS.NAK\tREPLY\tEnd\n"
	for _, file := range files {
		if file != "" {
			file = " Xstring=" + file
		}
		text += "\t*.RADIUS.ERROR\tFILE\tSame" + file + "\n"
	}
	return text + "\t*.FILE.ACK\tREPLY\tEnd\nEnd:\n"
}
