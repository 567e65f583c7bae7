package pgtest_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"aaa-api/internal/store/pgtest"
)

func TestDatabasesOfTheirOwn(t *testing.T) {
	t.Parallel()
	one, two := pgtest.Open(t), pgtest.Open(t)
	if err := do(t.Context(), one, `CREATE TABLE t (n integer)`); err != nil {
		t.Fatal(err)
	}
	if err := do(t.Context(), two, `SELECT n FROM t`); err == nil {
		t.Error("one test sees another's table")
	}
}

func do(ctx context.Context, address, sql string) error {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background()) //nolint:errcheck // nothing is pending
	_, err = conn.Exec(ctx, sql)
	return err
}

func TestMigrated(t *testing.T) {
	t.Parallel()
	var migrated []string
	migrate := func(ctx context.Context, address string) error {
		migrated = append(migrated, address)
		return do(ctx, address, `CREATE TABLE t (n integer UNIQUE); INSERT INTO t VALUES (1)`)
	}
	one, two := pgtest.Migrated(t, migrate), pgtest.Migrated(t, migrate)
	if len(migrated) != 1 {
		t.Fatalf("migrated were %q", migrated)
	}
	for _, address := range []string{one, two} { // each has the first row, and not the other's second
		if err := do(t.Context(), address, `INSERT INTO t VALUES (2)`); err != nil {
			t.Error(err)
		}
		if err := do(t.Context(), address, `INSERT INTO t VALUES (1)`); err == nil {
			t.Error("what was migrated is not there")
		}
		// The order of a language, where octets would have it the other way.
		if err := do(t.Context(), address, `SELECT 1 / ('a' < 'B')::integer`); err != nil {
			t.Errorf("the copy sorts otherwise: %v", err)
		}
	}
	for range 2 {
		if err := pgtest.DropTemplate(); err != nil {
			t.Error(err)
		}
	}
	if err := do(t.Context(), migrated[0], `SELECT 1`); err == nil {
		t.Error("the original is left")
	}
}

func TestStopAndStart(t *testing.T) {
	t.Parallel()
	c := pgtest.Private(t)
	conn, err := pgx.Connect(t.Context(), c.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `CREATE TABLE t (n integer)`); err != nil {
		t.Fatal(err)
	}
	for _, end := range []func() error{c.Stop, c.Crash} {
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if err := conn.Ping(t.Context()); err == nil {
			t.Fatal("a connection outlived the server")
		}
		if _, err := pgx.Connect(t.Context(), c.URL("postgres")); err == nil {
			t.Fatal("the stopped server took a connection")
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if conn, err = pgx.Connect(t.Context(), c.URL("postgres")); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), `SELECT n FROM t`); err != nil {
			t.Fatal("the data is gone: ", err)
		}
	}
	_ = conn.Close(t.Context())
}

// TestWithPG runs the command that runs a command.
func TestWithPG(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "withpg")
	if out, err := exec.Command("go", "build", "-o", binary, "./withpg").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var stdout bytes.Buffer
	cmd := exec.Command(binary, "--", "sh", "-c", `printf %s "$AAA_API_TEST_POSTGRES"; exit 7`)
	cmd.Stdout, cmd.Stderr = &stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("the exit code is lost: %v", err)
	}
	config, err := pgx.ParseConfig(stdout.String())
	if err != nil || !strings.HasPrefix(filepath.Base(config.Host), "pgtest-") {
		t.Fatalf("the address is %q (%v)", stdout.String(), err)
	}
	if _, err := os.Stat(config.Host); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the cluster's folder is left: %v", err)
	}

	// Killed, it can't tidy up itself.
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(binary, "sh", "-c", `echo "$AAA_API_TEST_POSTGRES"; exec cat`)
	cmd.Stdout = write
	stdin, err := cmd.StdinPipe() // its end is the end of cat, which nobody else would tell
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = write.Close()
	line := make([]byte, 1000)
	n, err := read.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	if config, err = pgx.ParseConfig(strings.TrimSpace(string(line[:n]))); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	_ = stdin.Close()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(config.Host); errors.Is(err, os.ErrNotExist) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the cluster outlives its process: %s", config.Host)
		}
	}
}
