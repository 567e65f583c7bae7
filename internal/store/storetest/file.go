package storetest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// migrated is what is in a file that File's migrate has made. It is kept in memory, so that nothing on the
// disk outlives the tests.
var migrated struct {
	once   sync.Once
	octets []byte
	err    error
}

// File returns the path of a migrated, empty store for one test alone. The migrations are slow and the
// same for every test, so migrate, the Migrate of the driver that keeps a store in one file, is called by
// the first test of a process; the others get a copy of what it made.
func File(t testing.TB, migrate func(ctx context.Context, path string) error) string {
	t.Helper()
	migrated.once.Do(func() { migrated.octets, migrated.err = migrateOnce(t.Context(), migrate) })
	if migrated.err != nil {
		t.Fatal(migrated.err)
	}
	path := filepath.Join(t.TempDir(), "store.db")
	if err := os.WriteFile(path, migrated.octets, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func migrateOnce(ctx context.Context, migrate func(ctx context.Context, path string) error) ([]byte, error) {
	dir, err := os.MkdirTemp("", "storetest-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // what is left there harms nothing
	path := filepath.Join(dir, "store.db")
	if err := migrate(ctx, path); err != nil {
		return nil, err
	}
	// A log beside the file would hold a part of the store.
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	if len(files) != 1 {
		return nil, fmt.Errorf("the store is not in one file: %v", files)
	}
	return os.ReadFile(path)
}
