package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlite"
	"aaa-api/internal/store/storetest"
)

// filled makes a store of many pages, all in its one file, and gives that file's octets.
func filled(t *testing.T) (path string, octets []byte, root aaa.AccountID) {
	t.Helper()
	path = storetest.File(t, sqlite.Migrate)
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	a, err := s.Accounts().Create(t.Context(), store.Account{Name: "root"})
	if err != nil {
		t.Fatal(err)
	}
	body := append(append([]byte(`"`), bytes.Repeat([]byte("x"), 100_000)...), '"')
	if _, err := s.Documents().Create(t.Context(), store.Document{Account: a.ID, Body: body}, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil { // which empties the log beside the file
		t.Fatal(err)
	}
	if octets, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return path, octets, a.ID
}

// overwrite puts octets into a file without making another one of it.
func overwrite(t *testing.T, path string, octets []byte) {
	t.Helper()
	if err := os.WriteFile(path, octets, 0o600); err != nil {
		t.Fatal(err)
	}
}

// replace puts another file into the place of the one at path.
func replace(t *testing.T, path string, octets []byte) {
	t.Helper()
	overwrite(t, path+".new", octets)
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string, _ []byte) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// garbage is octets from a page on spoiled.
func garbage(octets []byte, page int) []byte {
	const pageSize = 4096
	bad := bytes.Clone(octets)
	for i := page * pageSize; i < len(bad); i++ {
		bad[i] = 0xa5
	}
	return bad
}

// TestDamage spoils the file under an open store: all that needs it is ErrUnavailable, and works again once
// the file has been put back, in its place or as another file.
func TestDamage(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(t *testing.T, path string, octets []byte){
		"all":               func(t *testing.T, path string, octets []byte) { overwrite(t, path, garbage(octets, 0)) },
		"all but page 1":    func(t *testing.T, path string, octets []byte) { overwrite(t, path, garbage(octets, 1)) },
		"cut off":           func(t *testing.T, path string, octets []byte) { overwrite(t, path, octets[:len(octets)/8]) },
		"empty":             func(t *testing.T, path string, octets []byte) { overwrite(t, path, nil) },
		"another bad file":  func(t *testing.T, path string, octets []byte) { replace(t, path, garbage(octets, 0)) },
		"an empty new file": func(t *testing.T, path string, octets []byte) { replace(t, path, nil) },
		"gone":              remove,
	} {
		for how, mend := range map[string]func(t *testing.T, path string, octets []byte){"in place": overwrite, "replaced": replace} {
			t.Run(name+", mended "+how, func(t *testing.T) {
				t.Parallel()
				path, octets, root := filled(t)
				s := open(t, path)
				for range 2 { // it can happen again
					damage(t, path, octets)
					if err := second(s.Documents().Get(t.Context(), root)); !errors.Is(err, store.ErrUnavailable) {
						t.Errorf("a read says %v", err)
					}
					if err := second(s.Accounts().Create(t.Context(), store.Account{ParentID: root})); !errors.Is(err, store.ErrUnavailable) {
						t.Errorf("a write says %v", err)
					}
					if err := s.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) {
						t.Errorf("a ping says %v", err)
					}
					mend(t, path, octets)
					if err := s.Ping(t.Context()); err != nil {
						t.Errorf("after the mending a ping says %v", err)
					}
					if err := second(s.Documents().Get(t.Context(), root)); err != nil {
						t.Errorf("after the mending a read says %v", err)
					}
					a, err := s.Accounts().Create(t.Context(), store.Account{ParentID: root})
					if err != nil {
						t.Fatalf("after the mending a write says %v", err)
					}
					if err := s.Accounts().Delete(t.Context(), a.ID, store.AnyRevision); err != nil {
						t.Error(err)
					}
					checkpoint(t, path)
					if octets, err = os.ReadFile(path); err != nil {
						t.Fatal(err)
					}
				}
			})
		}
	}
}

func second[T any](_ T, err error) error { return err }

// checkpoint brings what is in the log beside the file into it.
func checkpoint(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // the test looks at the file
	var busy, log, done int
	if err := db.QueryRowContext(t.Context(), `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &log, &done); err != nil || busy != 0 {
		t.Fatalf("the checkpoint: busy %d, %v", busy, err)
	}
}

// TestBackupPutInPlace: who renames a backup into the place of the open file gets the backup, without what the log beside it
// has of the file before.
func TestBackupPutInPlace(t *testing.T) {
	t.Parallel()
	path, octets, root := filled(t)
	s := open(t, path)
	for range 2 { // it can happen again
		var later aaa.AccountID
		for range 50 {
			a, err := s.Accounts().Create(t.Context(), store.Account{ParentID: root})
			if err != nil {
				t.Fatal(err)
			}
			later = a.ID
		}
		replace(t, path, octets)
		if err := second(s.Accounts().Get(t.Context(), later)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("an account that the backup lacks gives %v", err)
		}
		if err := second(s.Documents().Get(t.Context(), root)); err != nil {
			t.Errorf("the backup's document gives %v", err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // it only reads
	found := ""
	if err := db.QueryRowContext(t.Context(), `PRAGMA integrity_check`).Scan(&found); err != nil || found != "ok" {
		t.Errorf("the file is %q, %v", found, err)
	}
}

// TestDamageUnderLoad damages and mends the file again and again while it is in use.
func TestDamageUnderLoad(t *testing.T) {
	t.Parallel()
	path, octets, root := filled(t)
	s := open(t, path)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var rounds atomic.Int64
	const readers = 4
	read := func() { // each reader at least once from beginning to end
		for before := rounds.Load(); rounds.Load() < before+2*readers; {
			runtime.Gosched()
		}
	}
	for range readers {
		wg.Go(func() {
			for ; ctx.Err() == nil; rounds.Add(1) {
				if err := second(s.Documents().Get(t.Context(), root)); err != nil && !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("a read says %v", err)
				}
				if err := s.Ping(t.Context()); err != nil && !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("a ping says %v", err)
				}
			}
		})
	}
	for range 10 {
		replace(t, path, garbage(octets, 1))
		read()
		replace(t, path, octets)
		read()
	}
	stop()
	wg.Wait()
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if err := second(s.Documents().Get(t.Context(), root)); err != nil {
		t.Error(err)
	}
}
