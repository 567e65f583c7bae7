package postgres_test

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"aaa-api/internal/store"
	"aaa-api/internal/store/pgtest"
	"aaa-api/internal/store/postgres"
	"aaa-api/internal/store/storetest"
	"aaa-api/migrations"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := pgtest.DropTemplate(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// migrated makes a database that is not about how the tables come into it.
func migrated(t *testing.T) string {
	t.Helper()
	return pgtest.Migrated(t, postgres.Migrate)
}

func open(t *testing.T, url string) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, migrated(t)) })
}

func TestMigrations(t *testing.T) {
	t.Parallel()
	files, err := fs.Sub(migrations.Files, "postgres")
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("pgx", pgtest.Open(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // nothing is pending
	storetest.RunMigrations(t, goose.DialectPostgres, db, files)
}

func TestMigrateRefusesANewerDatabase(t *testing.T) {
	t.Parallel()
	address := migrated(t)
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // nothing is pending
	storetest.RunAhead(t, db, func(ctx context.Context) error { return postgres.Migrate(ctx, address) })
}
