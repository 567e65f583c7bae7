package plans

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/fsm"
	"aaa-api/internal/store"
)

// manyAccounts is a store of accounts below one root, each with a document and a table of its own, made
// when they are asked for.
type manyAccounts struct {
	store.Store
	document json.RawMessage
	table    string // of every account, but for its %FSMID; empty: none has one
}

type (
	manyRows      struct{ store.Accounts }
	manyDocuments struct {
		store.Documents
		of *manyAccounts
	}
	manyDicts struct{ store.Dictionaries }
	manyTexts struct {
		store.Texts
		of *manyAccounts
	}
)

const rootOfMany = aaa.AccountID("00000000000000000000000000000000")

func (m *manyAccounts) Accounts() store.Accounts         { return manyRows{} }
func (m *manyAccounts) Documents() store.Documents       { return manyDocuments{of: m} }
func (m *manyAccounts) Dictionaries() store.Dictionaries { return manyDicts{} }
func (m *manyAccounts) Texts() store.Texts               { return manyTexts{of: m} }

func (manyRows) Get(_ context.Context, id aaa.AccountID) (store.Account, error) {
	a := store.Account{ID: id, Enabled: true}
	if id != rootOfMany {
		a.ParentID = rootOfMany
	}
	return a, nil
}

func (d manyDocuments) Get(_ context.Context, id aaa.AccountID) (store.Document, error) {
	if id == rootOfMany || id == aaa.SystemConfig {
		return store.Document{}, store.ErrNotFound
	}
	return store.Document{Account: id, Revision: 1, Body: append(json.RawMessage(nil), d.of.document...)}, nil
}

func (d manyDocuments) OfAccounts(ctx context.Context, ids []aaa.AccountID, visit func(store.Stored) error) error {
	for _, id := range ids {
		row := store.Stored{Holds: id != rootOfMany && d.of.table != ""}
		row.Account, _ = manyRows{}.Get(ctx, id)
		if doc, err := d.Get(ctx, id); err == nil {
			row.Document = &doc
		}
		if err := visit(row); err != nil {
			return err
		}
	}
	return nil
}

func (manyDicts) All(context.Context, aaa.AccountID) ([]store.Dictionary, error) { return nil, nil }

func (manyDicts) List(context.Context, aaa.AccountID, store.Page) ([]store.Dictionary, string, error) {
	return nil, "", nil
}

func (x manyTexts) All(_ context.Context, id aaa.AccountID) ([]store.Text, error) {
	if id == rootOfMany || x.of.table == "" {
		return nil, nil
	}
	body := "%FSMID " + string(id[len(id)-20:]) + "\n" + x.of.table
	return []store.Text{{Account: id, Kind: store.TextFSM, Name: "mine", Revision: 1, Body: body}}, nil
}

func (manyTexts) List(context.Context, aaa.AccountID, store.TextKind, store.Page) ([]store.Text, string, error) {
	return nil, "", nil
}

// plain opens what was never sealed.
type plain struct{}

func (plain) Open(_ context.Context, _ aaa.AccountID, _, text string) (aaa.Secret, error) {
	return aaa.NewSecret(text), nil
}

// warmAccounts loads n accounts, each with a document and perhaps a table that it names, and reports what
// each costs in octets of heap.
func warmAccounts(t testing.TB, n int, tables bool) (*Cache, float64) {
	t.Helper()
	system, err := systemDictionaries()
	if err != nil {
		t.Fatal(err)
	}
	text, members := "", `"aaa_mode":"on"`
	if tables {
		text, members = tableText(t), `"fsm":"mine"`
	}
	tenants := New(Options{
		Store:  &manyAccounts{document: documentWith(t, members), table: text},
		Opener: plain{}, System: system, Engines: engines.NewRegistry(), Actions: actions(), Log: slog.New(slog.DiscardHandler),
	})
	warm := func(i int) {
		if _, err := tenants.Plan(t.Context(), aaa.AccountID(fmt.Sprintf("%032x", i))); err != nil {
			t.Fatal(err)
		}
	}
	warm(1) // what all share
	before := heap()
	for i := range n {
		warm(i + 2)
	}
	return tenants, float64(heap()-before) / float64(n)
}

// tableText is a table of a real size, without its %FSMID.
func tableText(t testing.TB) string {
	t.Helper()
	race, ok := fsm.BuiltIn("race")
	if !ok {
		t.Fatal("no table race")
	}
	return strings.Replace(race, "%FSMID race\n", "", 1)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// budget is what a tenant with a table may cost, so that 10,000 of them stay under 300 MiB.
const budget = 300 << 20 / 10_000

func TestMemoryOfTables(t *testing.T) { // not parallel: it measures the heap
	tenants, each := warmAccounts(t, 500, true)
	if each > budget {
		t.Errorf("a tenant with a table of its own takes %.0f octets, want at most %d", each, budget)
	}
	t.Logf("%.0f octets a tenant", each)
	runtime.KeepAlive(tenants)
}

// BenchmarkTenantsWithTables loads 10,000 accounts, each with a document and a table of its own, and
// reports what they take.
func BenchmarkTenantsWithTables(b *testing.B) {
	const accounts = 10_000
	for b.Loop() {
		tenants, each := warmAccounts(b, accounts, true)
		b.ReportMetric(each, "B/tenant")
		b.ReportMetric(each*accounts/(1<<20), "MiB")
		runtime.KeepAlive(tenants)
	}
}
