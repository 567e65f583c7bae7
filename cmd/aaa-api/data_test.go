package main

import (
	"os"
	"path/filepath"
	"testing"

	"aaa-api/internal/store"
	"aaa-api/internal/store/pgtest"
	"aaa-api/internal/store/postgres"
	"aaa-api/internal/store/sqlite"
	"aaa-api/internal/store/storetest"
)

// migratedDir is a folder to start a node in for the first time. Its database is at the newest version already: to
// bring it there is a third of the work of a first start.
func migratedDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(storetest.File(t, sqlite.Migrate), filepath.Join(dir, "data", "aaa-api.db")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// migratedDatabase is a database of PostgreSQL to start nodes on, as migratedDir is a folder to start one in.
func migratedDatabase(t *testing.T) string {
	t.Helper()
	return pgtest.Migrated(t, postgres.Migrate)
}

// openStoreIn opens the database of a folder that migratedDir made, until the test's end.
func openStoreIn(t *testing.T, dir string) store.Store {
	t.Helper()
	st, err := sqlite.Open(t.Context(), filepath.Join(dir, "data", "aaa-api.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}
