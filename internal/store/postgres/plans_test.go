package postgres_test

import (
	"context"
	"net/netip"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/store/postgres"
)

// TestPlansOfAFreshDatabase: plans are kept from when the tables were small. What each write and each reading of the log asks must
// not be a scan of all then, or the work for many accounts grows with the square of their number.
func TestPlansOfAFreshDatabase(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	address := migrated(t)
	s := must[*postgres.Store](t)(postgres.Open(ctx, address, postgres.Options{MaxConns: 1}))
	root := must[store.Account](t)(s.Accounts().Create(ctx, store.Account{Name: "root"}))
	const accounts = 300
	networks := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	last := must[store.Change](t)(s.Changes().Last(ctx))
	for i := range accounts {
		name := "a" + strconv.Itoa(i)
		a := must[store.Account](t)(s.Accounts().Create(ctx, store.Account{ParentID: root.ID, Name: name, ClientNetworks: networks}))
		network := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i / 256), byte(i), 0}), 24)
		must[store.Client](t)(s.Clients().Create(ctx, store.Client{Account: a.ID, Name: name, Body: []byte(`{}`), Network: network, Certificate: name}))
		must[store.Dictionary](t)(s.Dictionaries().Create(ctx, store.Dictionary{Account: a.ID, Name: name, Body: []byte(`[]`)}))
		must[store.Dictionary](t)(s.Dictionaries().Nearest(ctx, a.ID, name))
		must[store.Document](t)(s.Documents().Create(ctx, store.Document{Account: a.ID, Body: []byte(`{}`)}, nil))
		if err := s.Documents().OfAccounts(ctx, []aaa.AccountID{a.ID}, func(store.Stored) error { return nil }); err != nil {
			t.Fatal(err)
		}
		list, gap, err := s.Changes().Since(ctx, last, 500)
		if err != nil || gap || len(list) != 4 {
			t.Fatalf("%d changes, gap %v, %v", len(list), gap, err)
		}
		last = list[3]
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	look := must[*pgx.Conn](t)(pgx.Connect(ctx, address))
	defer look.Close(context.Background()) //nolint:errcheck // nothing is pending
	for _, table := range []string{"accounts", "documents", "dictionaries", "clients", "changes"} {
		var scanned, inserted int
		for inserted < accounts { // until the connection that is closed has handed in its numbers
			if err := look.QueryRow(ctx, `SELECT seq_tup_read, n_tup_ins FROM pg_stat_user_tables WHERE relname = $1`, table).Scan(&scanned, &inserted); err != nil {
				t.Fatal(err)
			}
		}
		if scanned > 10*accounts {
			t.Errorf("%s: %d rows were read by scans of all, of %d that were written", table, scanned, inserted)
		}
	}
}
