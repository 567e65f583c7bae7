package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlite"
	"aaa-api/internal/store/storetest"
)

// TestMain lets the test binary be the second process of TestSecondProcess.
func TestMain(m *testing.M) {
	if path := os.Getenv("AAA_API_TEST_SECOND_PROCESS"); path != "" {
		if err := writeAccounts(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const accountsOfSecondProcess = 30

func writeAccounts(path string) error {
	ctx := context.Background()
	if err := sqlite.Migrate(ctx, path); err != nil {
		return err
	}
	s, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	root, err := s.Accounts().Root(ctx)
	if err != nil {
		return err
	}
	for range accountsOfSecondProcess {
		if _, err := s.Accounts().Create(ctx, store.Account{ParentID: root.ID}); err != nil {
			return err
		}
	}
	return s.Close()
}

func migrate(t *testing.T, path string) {
	t.Helper()
	if err := sqlite.Migrate(t.Context(), path); err != nil {
		t.Fatal(err)
	}
}

// TestSecondProcess writes from two processes at once; the follower of the first
// misses nothing of either.
func TestSecondProcess(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	path := storetest.File(t, sqlite.Migrate)
	s := open(t, path)
	root, err := s.Accounts().Create(ctx, store.Account{ID: aaa.NewAccountID()})
	if err != nil {
		t.Fatal(err)
	}
	follower := store.NewFollower(s.Changes(), slog.New(slog.DiscardHandler), store.FollowerOptions{Interval: 20 * time.Millisecond})
	told := make(chan store.Change, 1000)
	began := make(chan struct{}, 1)
	follower.Subscribe(func(_ context.Context, list []store.Change, reset bool) {
		if reset {
			began <- struct{}{}
		}
		for _, c := range list {
			told <- c
		}
	})
	fctx, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- follower.Run(fctx) }()
	defer func() { stop(); <-done }()
	<-began

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	other := exec.Command(self)
	other.Env = append(os.Environ(), "AAA_API_TEST_SECOND_PROCESS="+path)
	other.Stderr = os.Stderr
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	const own = 30
	for range own {
		if _, err := s.Accounts().Create(ctx, store.Account{ParentID: root.ID}); err != nil {
			t.Error(err)
		}
	}
	if err := other.Wait(); err != nil {
		t.Error(err)
	}
	for seq := int64(2); seq < 2+own+accountsOfSecondProcess; seq++ {
		select {
		case c := <-told:
			if c.Seq != seq {
				t.Fatalf("change %d came as number %d", c.Seq, seq)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("change %d never came", seq)
		}
	}
}

// TestLocked has another process keep the file to itself: reads go on, and a
// write gives up when its caller does.
func TestLocked(t *testing.T) {
	t.Parallel()
	path := storetest.File(t, sqlite.Migrate)
	s := open(t, path)
	blocker, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer blocker.Close() //nolint:errcheck // the test is over
	tx, err := blocker.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := s.Accounts().Create(ctx, store.Account{}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("the write says %v", err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("the read says %v", err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("giving up took %v", took)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Accounts().Create(t.Context(), store.Account{}); err != nil {
		t.Error(err)
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	// A name that means something in a URL.
	path := filepath.Join(t.TempDir(), "50% of? #1 & more.db")
	migrate(t, path)
	s := open(t, path)
	if _, err := s.Accounts().Create(t.Context(), store.Account{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s can be read by others: %v", name, info.Mode())
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	migrate(t, path) // twice, which changes nothing
	again := open(t, path)
	if _, err := again.Accounts().Root(t.Context()); err != nil {
		t.Errorf("after closing and opening: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := sqlite.Open(t.Context(), filepath.Join(dir, "nowhere", "aaa.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing folder gives %v", err)
	}
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte("this is no database, though it is long enough to look like one at first"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := sqlite.Migrate(t.Context(), text); err == nil || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a text file gives %v", err)
	}
	empty, err := sqlite.Open(t.Context(), filepath.Join(dir, "empty.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer empty.Close() //nolint:errcheck // the test is over
	if err := empty.Ping(t.Context()); err == nil {
		t.Error("a database without tables answers a ping")
	}
}

func TestMigrateTogether(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "aaa.db")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := sqlite.Migrate(t.Context(), path); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := open(t, path).Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestOpenWaits: a file that another process has to itself for a while opens once it is free.
func TestOpenWaits(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "aaa.db")
	other, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	holder, err := other.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holder.ExecContext(t.Context(), `CREATE TABLE t (x); BEGIN EXCLUSIVE`); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(300*time.Millisecond, func() { _, _ = holder.ExecContext(context.Background(), `ROLLBACK`) })
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
