package postgres_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"aaa-api/internal/store"
	"aaa-api/internal/store/postgres"
)

// startPgBouncer puts a PgBouncer in transaction mode before a cluster, with one connection to it, and returns where it listens.
func startPgBouncer(t *testing.T, socket string) (port int) {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if program = "/usr/sbin/pgbouncer"; second(os.Stat(program)) != nil {
			t.Fatal("PgBouncer is not there; on Debian: apt-get install pgbouncer")
		}
	}
	l := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	port = l.Addr().(*net.TCPAddr).Port
	l.Close()
	dir := must[string](t)(os.MkdirTemp("", "pgbouncer"))
	t.Cleanup(func() { os.RemoveAll(dir) })
	config := filepath.Join(dir, "pgbouncer.ini")
	text := fmt.Sprintf(`[databases]
* = host=%s port=5432 user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 1
`, socket, port)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, config)
	if os.Geteuid() == 0 { // which it refuses: so it runs as the server does, whose folder it has to reach
		owner := must[os.FileInfo](t)(os.Stat(socket)).Sys().(*syscall.Stat_t)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}}
	}
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	for {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			c.Close()
			return port
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
}

// lines is a log that a test waits for.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
	news chan struct{}
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() {
		select {
		case l.news <- struct{}{}:
		default:
		}
	}()
	return l.text.Write(b)
}

func (l *lines) wait(t *testing.T, part string) {
	t.Helper()
	for {
		l.mu.Lock()
		found := strings.Contains(l.text.String(), part)
		l.mu.Unlock()
		if found {
			return
		}
		<-l.news
	}
}

// TestPgBouncerInTransactionMode names the setting that is missing, works with it, and says that no notifications come.
func TestPgBouncerInTransactionMode(t *testing.T) {
	t.Parallel()
	direct := migrated(t)
	c := must[*pgx.ConnConfig](t)(pgx.ParseConfig(direct))
	address := fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", startPgBouncer(t, c.Host), c.Database)

	// One client's prepared statements are there for the next one, who does not know of them.
	use := func(address string) error {
		for range 2 {
			s, err := postgres.Open(t.Context(), address, postgres.Options{})
			if err != nil {
				return err
			}
			defer s.Close() //nolint:errcheck // the test is over
			if _, err := s.Changes().Last(t.Context()); err != nil {
				return err
			}
		}
		return nil
	}
	if err := use(address); err == nil || !strings.Contains(err.Error(), "default_query_exec_mode=exec") {
		t.Errorf("without the setting: %v", err)
	}
	address += "&default_query_exec_mode=exec"
	if err := use(address); err != nil {
		t.Errorf("with the setting: %v", err)
	}
	if err := postgres.Migrate(t.Context(), address); err != nil {
		t.Errorf("migrating: %v", err)
	}

	log := &lines{news: make(chan struct{}, 1)}
	s := must[*postgres.Store](t)(postgres.Open(t.Context(), address, postgres.Options{Log: slog.New(slog.NewTextHandler(log, nil)), Timeout: 2e9}))
	defer s.Close() //nolint:errcheck // the test is over
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.Changes().Wake(ctx)
	log.wait(t, "the database sends no notifications")
	root := must[store.Account](t)(s.Accounts().Create(t.Context(), store.Account{Name: "root"}))

	heard := &lines{news: make(chan struct{}, 1)}
	plain := must[*postgres.Store](t)(postgres.Open(t.Context(), direct, postgres.Options{Log: slog.New(slog.NewTextHandler(heard, &slog.HandlerOptions{Level: slog.LevelDebug}))}))
	defer plain.Close() //nolint:errcheck // the test is over
	woken := plain.Changes().Wake(ctx)
	heard.wait(t, "listening for changes")
	<-woken
	must[store.Account](t)(s.Accounts().Create(t.Context(), store.Account{Name: "child", ParentID: root.ID}))
	<-woken // by what another connection wrote
	if strings.Contains(heard.text.String(), "no notifications") {
		t.Error("a connection without a pooler is said to hear nothing")
	}
}
