package postgres_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"aaa-api/internal/store"
	"aaa-api/internal/store/pgtest"
	"aaa-api/internal/store/postgres"
)

// TestNoRoom takes from a database the space that writes need, but not that of the row which is written to check.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	address := migrated(t)
	if err := open(t, address).CheckWrite(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := open(t, address+"&temp_file_limit=8kB").CheckWrite(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("without room: %v", err)
	}
}

// TestFullDisk fills the disk of a database until accounts can't be made: the check notices, and notices when there is room again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	disk := must[string](t)(os.MkdirTemp("", "disk"))
	t.Cleanup(func() { os.RemoveAll(disk) })
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=40m"); err != nil {
		t.Skip("a disk to fill can't be mounted: ", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	cluster := pgtest.Private(t)
	owner := must[os.FileInfo](t)(os.Stat(socketOf(t, cluster.URL("postgres")))).Sys().(*syscall.Stat_t)
	if err := os.Chown(disk, int(owner.Uid), int(owner.Gid)); err != nil {
		t.Fatal(err)
	}
	tables := filepath.Join(disk, "tables")
	if err := errors.Join(os.Mkdir(tables, 0o700), os.Chown(tables, int(owner.Uid), int(owner.Gid))); err != nil {
		t.Fatal(err)
	}
	admin := must[*pgx.Conn](t)(pgx.Connect(ctx, cluster.URL("postgres")))
	defer admin.Close(ctx) //nolint:errcheck // nothing is pending
	must[pgconn.CommandTag](t)(admin.Exec(ctx, fmt.Sprintf("CREATE TABLESPACE small LOCATION '%s'", tables)))
	must[pgconn.CommandTag](t)(admin.Exec(ctx, "CREATE DATABASE small TABLESPACE small"))
	if err := postgres.Migrate(ctx, cluster.URL("small")); err != nil {
		t.Fatal(err)
	}
	s := open(t, cluster.URL("small"))
	root := must[store.Account](t)(s.Accounts().Create(ctx, store.Account{Name: "root"}))
	if err := s.CheckWrite(ctx); err != nil {
		t.Fatal(err)
	}

	filler := filepath.Join(disk, "filler")
	f := must[*os.File](t)(os.Create(filler))
	block := make([]byte, 4096)
	for {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	f.Close()
	var err error
	for err == nil {
		_, err = s.Accounts().Create(ctx, store.Account{ParentID: root.ID, Name: "child"})
	}
	if !errors.Is(err, store.ErrUnavailable) {
		t.Fatal(err)
	}
	if err := s.CheckWrite(ctx); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("on a full disk: %v", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := s.CheckWrite(ctx); err != nil {
		t.Errorf("with room again: %v", err)
	}
}
