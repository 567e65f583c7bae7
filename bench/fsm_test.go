package main

import (
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/actions"
	"aaa-api/internal/dict"
	"aaa-api/internal/engines"
	engine "aaa-api/internal/engines/radius"
	"aaa-api/internal/fsm"
	"aaa-api/internal/plans"
	"aaa-api/internal/secmod"
	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlite"
)

// TestBothWaysAnswerAlike: the plain way is a fair measure only where it comes to the same answer.
func TestBothWaysAnswerAlike(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		first    bool // the first server fails
		second   bool
		dead     bool // so that the first one is not even asked
		server   string
		attempts int
	}{
		{name: "first answers", server: "first", attempts: 1},
		{name: "first fails", first: true, server: "second", attempts: 4},
		{name: "first is dead", first: true, dead: true, server: "second", attempts: 1},
		{name: "none answers", first: true, second: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, err := newFailover(c.first)
			if err != nil {
				t.Fatal(err)
			}
			servers := f.plan.Routes[aaa.Authn].Levels[0].Servers
			if c.second {
				servers[1].Client.(*quiet).failure = &engines.Failure{Reason: engines.NoAnswer}
			}
			for range engines.FailuresToDead {
				if c.dead {
					servers[0].Client.Health().Failure()
				}
			}
			table, terr := f.ask(t.Context(), f.byTable)
			plain, perr := f.ask(t.Context(), plainFailover)
			if diff := cmp.Diff(table, plain); diff != "" || aaa.KindOf(terr) != aaa.KindOf(perr) {
				t.Fatalf("the table: %v, plainly: %v\n%s", terr, perr, diff)
			}
			if c.server == "" {
				if aaa.KindOf(terr) != aaa.KindNoAnswer {
					t.Errorf("answered with %+v, %v", table, terr)
				}
			} else if terr != nil || table.Server != c.server || table.Attempts != c.attempts || !table.IsAuthorized {
				t.Errorf("got %+v, %v", table, terr)
			}
			if running, _ := f.plan.Pool.Depth(); running != 0 {
				t.Errorf("%d places were not given back", running)
			}
		})
	}
}

func TestWorse(t *testing.T) {
	t.Parallel()
	var r row
	r.worse(-2, "%d", 1)
	r.worse(5, "%d", 2)
	r.worse(3, "%d", 3)
	if r.value != 5 || r.detail != "1; 2; 3" {
		t.Errorf("%v, %q", r.value, r.detail)
	}
	r = row{}
	if r.worse(-2, "only"); r.value != -2 {
		t.Errorf("of one case: %v", r.value)
	}
}

// TestLargeTable: it is as large as the row says, and the service would take it.
func TestLargeTable(t *testing.T) {
	t.Parallel()
	text := []byte(largeTable(largeStates))
	source, _ := fsm.ParseText(text)
	lines := 0
	for _, s := range source.States {
		lines += len(s.Lines)
	}
	table, faults, warnings := fsm.Check(text, actions.All(actions.Options{}).Specs())
	if table == nil || len(warnings) > 0 {
		t.Fatalf("faults %v, warnings %v", faults, warnings)
	}
	if table.States() != largeStates || lines != largeLines {
		t.Errorf("%d states, %d lines", table.States(), lines)
	}
}

// TestFillWithTables: each account resolves to a table of its own that differs from the example in a line.
func TestFillWithTables(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "aaa-api.db")
	if err := sqlite.Migrate(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	kek, err := secmod.CreateKeyFile(filepath.Join(dir, "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	root := aaa.NewAccountID()
	if _, err := db.Accounts().Create(t.Context(), store.Account{ID: root, Name: "root", Enabled: true}); err != nil {
		t.Fatal(err)
	}
	ids, err := fill(t.Context(), dir, root, "127.0.0.1:1812", 5, tabled)
	if err != nil {
		t.Fatal(err)
	}
	system, err := dict.LoadSystem("")
	if err != nil {
		t.Fatal(err)
	}
	tenants := plans.New(plans.Options{
		Store: db, Opener: secmod.New(kek, db.Keys()), System: system, Actions: actions.All(actions.Options{}).Specs(),
		Engines: engines.NewRegistry(engine.New(engine.Options{})), Log: slog.New(slog.DiscardHandler),
	})
	seen := make(map[*fsm.Table]bool)
	for i, id := range ids {
		plan, err := tenants.Plan(t.Context(), aaa.AccountID(id))
		if err != nil {
			t.Fatal(err)
		}
		table := plan.Routes[aaa.Authn].Levels[0].Tables[aaa.Authn]
		if table == nil || table.Name != tableName || string(table.Owner) != id {
			t.Fatalf("account %d has %+v", i, table)
		}
		seen[table.FSM] = true
	}
	if len(seen) != len(ids) {
		t.Errorf("%d accounts share %d tables", len(ids), len(seen))
	}
	shipped, _ := fsm.BuiltIn("race")
	before, after := strings.Split(shipped, "\n"), strings.Split(ownTable(7), "\n")
	changed := 0
	for i := range min(len(before), len(after)) {
		if before[i] != after[i] {
			changed++
		}
	}
	if len(before) != len(after) || changed != 1 || !slices.ContainsFunc(after, func(l string) bool { return strings.Contains(l, "tenant 7:") }) {
		t.Errorf("%d lines differ from the example", changed)
	}
}
