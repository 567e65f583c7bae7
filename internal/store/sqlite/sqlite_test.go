package sqlite_test

import (
	"path/filepath"
	"testing"

	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlite"
	"aaa-api/internal/store/storetest"
)

func open(t *testing.T, path string) store.Store {
	t.Helper()
	if err := sqlite.Migrate(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), path)
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
	storetest.Run(t, func(t *testing.T) store.Store {
		return open(t, filepath.Join(t.TempDir(), "aaa.db"))
	})
}
