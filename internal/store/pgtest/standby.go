package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Standby makes an asynchronous standby of the cluster, starts it, and removes it when the test ends. While it is stopped it
// falls behind.
func (c *Cluster) Standby(t testing.TB) *Cluster {
	t.Helper()
	s, err := c.standby()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Remove(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (c *Cluster) standby() (*Cluster, error) {
	dir, err := os.MkdirTemp("", "pgtest-")
	if err != nil {
		return nil, err
	}
	s := &Cluster{dir: dir, bin: c.bin, as: c.as}
	if err := s.copyOf(c); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	if err := s.Start(); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	return s, nil
}

func (c *Cluster) copyOf(primary *Cluster) error {
	if c.as != nil {
		if err := os.Chown(c.dir, int(c.as.Uid), int(c.as.Gid)); err != nil {
			return err
		}
	}
	cmd := exec.Command(filepath.Join(c.bin, "pg_basebackup"), "--pgdata", c.data(), "--host", primary.dir, "--username=postgres",
		"--write-recovery-conf", "--checkpoint=fast", "--no-sync")
	cmd.Dir = c.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.as}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_basebackup: %w\n%s", err, out)
	}
	return nil
}

// Promote makes a standby a primary that takes writes.
func (c *Cluster) Promote(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, c.URL("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // nothing is pending
	var promoted bool
	if err := conn.QueryRow(ctx, `SELECT pg_promote(true, 60)`).Scan(&promoted); err != nil {
		return err
	}
	if !promoted {
		return fmt.Errorf("the standby in %s was not promoted in time", c.dir)
	}
	return nil
}

// URLOf is the address of a database that one of several clusters has: a client goes to the one that takes writes.
func URLOf(database string, clusters ...*Cluster) string {
	hosts := ""
	for i, c := range clusters {
		if i > 0 {
			hosts += ","
		}
		hosts += c.dir
	}
	return "postgres://postgres@/" + url.PathEscape(database) + "?sslmode=disable&target_session_attrs=read-write&host=" + url.QueryEscape(hosts)
}
