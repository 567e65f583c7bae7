package main

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlite"
)

// emptyDatabase is a database's file that is at the newest version and holds nothing.
var emptyDatabase = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "aaa-api-test-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "db")
	if err := sqlite.Migrate(context.Background(), path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// migratedDir is a folder to start a node in for the first time. Its database is at the newest version already: to
// bring it there is a third of the work of a first start.
func migratedDir(t *testing.T) string {
	t.Helper()
	db, err := emptyDatabase()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "data", "aaa-api.db"), db, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
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
