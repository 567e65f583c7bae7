// Package pgtest gives tests a real PostgreSQL: a private cluster in a temporary
// folder, on a socket there, and a fresh database for every test. It installs
// nothing; without PostgreSQL's programs a test fails and says which packages to install.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrNotInstalled tells what is missing.
var ErrNotInstalled = errors.New("PostgreSQL's initdb and postgres are not there; on Debian: apt-get install postgresql")

// patience bounds each step of starting and stopping.
const patience = time.Minute

// Cluster is a private PostgreSQL server. It does not outlive the process that
// made it, however that ends: a small shell beside the server waits for the end
// of a pipe that this process holds.
type Cluster struct {
	dir  string
	bin  string // the folder of initdb and postgres
	as   *syscall.Credential
	set  []string       // settings beside those of tests
	tell io.WriteCloser // the shell's standard input
	done chan error     // the shell's end
}

// The shell starts the server and reads one word: "keep" or "crash" stop it and
// keep its files, the end of the pipe stops it and removes them.
const keeper = `
postgres=$1 dir=$2
shift 2
"$postgres" "$@" &
read -r word
signal=INT
[ "$word" != crash ] || signal=QUIT
kill -s $signal $! 2>/dev/null
wait $!
[ -n "$word" ] || rm -rf "$dir"
`

// StartCluster makes a cluster and starts it. Its one role is postgres, trusted.
// Data outlives a crash of the server but is not forced to the disk: it is for tests. Settings are PostgreSQL's own, like "fsync=on".
func StartCluster(settings ...string) (*Cluster, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	as, err := credential()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pgtest-")
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir, bin: bin, as: as, set: settings}
	if err := c.create(); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	if err := c.Start(); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	return c, nil
}

// programs finds the folder with initdb and postgres, the newest version first.
func programs() (string, error) {
	folders, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	version := func(folder string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
		return n
	}
	slices.SortFunc(folders, func(a, b string) int { return version(b) - version(a) })
	if initdb, err := exec.LookPath("initdb"); err == nil {
		folders = append(folders, filepath.Dir(initdb))
	}
	for _, folder := range folders {
		_, noInit := os.Stat(filepath.Join(folder, "initdb"))
		_, noServer := os.Stat(filepath.Join(folder, "postgres"))
		if noInit == nil && noServer == nil {
			return folder, nil
		}
	}
	return "", ErrNotInstalled
}

// credential is whom the server runs as: PostgreSQL refuses root.
func credential() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL refuses root, and there is neither a user postgres nor nobody to run it as")
}

func (c *Cluster) create() error {
	if c.as != nil {
		if err := os.Chown(c.dir, int(c.as.Uid), int(c.as.Gid)); err != nil {
			return err
		}
	}
	cmd := exec.Command(filepath.Join(c.bin, "initdb"), "--pgdata", c.data(), "--username=postgres", "--auth=trust",
		"--encoding=UTF8", "--locale=C", "--no-sync")
	cmd.Dir = c.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.as}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

// Start starts the server, anew after Stop or Crash at the same address, and
// returns when it takes connections.
func (c *Cluster) Start() error {
	if c.done != nil {
		return errors.New("the cluster runs already")
	}
	out, err := os.OpenFile(filepath.Join(c.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close() //nolint:errcheck // the server has its own copy
	args := []string{"-c", keeper, "keeper", filepath.Join(c.bin, "postgres"), c.dir, "-D", c.data(), "-k", c.dir}
	for _, setting := range append([]string{"listen_addresses=", "max_connections=300", "shared_buffers=64MB", "fsync=off", "full_page_writes=off"}, c.set...) {
		args = append(args, "-c", setting)
	}
	cmd := exec.Command("/bin/sh", args...)
	cmd.Dir = c.dir
	cmd.Stdout, cmd.Stderr = out, out
	// A group of its own: an interrupt at the terminal is for the tests, whose end is what stops the server.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.as, Setpgid: true}
	if c.tell, err = cmd.StdinPipe(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	c.done = make(chan error, 1)
	go func() { c.done <- cmd.Wait() }()
	if err := c.await(); err != nil {
		log, _ := os.ReadFile(filepath.Join(c.dir, "log"))
		_ = c.end("")
		return fmt.Errorf("PostgreSQL does not start: %w\n%s", err, log)
	}
	return nil
}

// await returns when the server takes connections.
func (c *Cluster) await() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, c.URL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond): // another process can't be waited for otherwise
		}
	}
}

// URL is the address of one of the cluster's databases.
func (c *Cluster) URL(database string) string {
	return "postgres://postgres@/" + url.PathEscape(database) + "?sslmode=disable&host=" + url.QueryEscape(c.dir)
}

// Stop stops the server, ending its connections, and keeps its data for Start.
func (c *Cluster) Stop() error { return c.end("keep\n") }

// Crash is Stop without any of the server's own care.
func (c *Cluster) Crash() error { return c.end("crash\n") }

// Remove stops the server and removes its data.
func (c *Cluster) Remove() error {
	if c.done != nil {
		if err := c.end(""); err != nil {
			return err
		}
	}
	return os.RemoveAll(c.dir)
}

func (c *Cluster) end(word string) error {
	if c.done == nil {
		return errors.New("the cluster does not run")
	}
	if _, err := io.WriteString(c.tell, word); err != nil && !errors.Is(err, syscall.EPIPE) {
		return err
	}
	_ = c.tell.Close()
	select {
	case <-c.done: // how the server ended is of no interest
		c.done = nil
		return nil
	case <-time.After(patience):
		return errors.New("PostgreSQL does not stop: " + strings.TrimSpace(c.dir))
	}
}
