//go:build amd64 || arm64

package confine

import (
	"context"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	_ "modernc.org/sqlite" // the store of the data folder
)

func moduleScenario(in input) any {
	var r report
	var err error
	if r.Missing, err = in.apply(); err != nil {
		r.Err = err.Error()
		return r
	}
	data := in.Rules.ReadWrite[0]
	dial := func(network, address string) func() error {
		return func() error {
			c, err := net.Dial(network, address)
			if err == nil {
				err = c.Close()
			}
			return err
		}
	}
	readFile := func(path string) func() error {
		return func() error { _, err := os.ReadFile(path); return err }
	}
	r.Deeds = outcomes{"capabilities": status("CapEff")}
	for name, deed := range map[string]func() error{
		"sqlite":        func() error { return useSQLite(data + "/store.db") },
		"sync a folder": func() error { return syncFolder(data) },
		"link": func() error {
			return errors.Join(os.WriteFile(data+"/made", nil, 0o600), os.Link(data+"/made", data+"/linked"))
		},
		"move":           func() error { return moveBetween(data) },
		"write settings": func() error { return os.WriteFile(filepath.Dir(in.Rules.Read[0])+"/new", nil, 0o600) },
		"read settings":  readFile(in.Rules.Read[0]),
		"read replaced":  func() error { return readReplaced(in.Rules.ReadWrite[1]) },
		"read linked":    readFile(in.Rules.Read[1]),
		"resolve": func() error {
			_, err := (&net.Resolver{PreferGo: true}).LookupHost(context.Background(), "localhost")
			return err
		},
		"resolv.conf": readFile("/etc/resolv.conf"),
		"roots":       certificates,
		"time zone":   func() error { _, err := time.LoadLocation("Europe/Berlin"); return err },
		"users":       func() error { _, err := user.Lookup("nobody"); return err },
		"own process": readFile("/proc/self/stat"),
		"cgroup":      func() error { _, err := os.ReadDir("/sys/fs/cgroup"); return err },
		"dial TCP":    dial("tcp", in.TCP),
		"dial UDP":    dial("udp", in.UDP),
		"dial UNIX":   dial("unix", in.Unix),
		"bind UDP":    func() error { c, err := net.ListenPacket("udp", "127.0.0.1:0"); return errors.Join(err, closeConn(c)) },

		"shadow":          readFile("/etc/shadow"),
		"read elsewhere":  readFile(in.Secret),
		"truncate":        func() error { return os.Truncate(in.Secret, 1) },
		"write elsewhere": func() error { return os.WriteFile(in.Secret, nil, 0o600) },
		"write /etc": func() error {
			f, err := os.OpenFile("/etc/passwd", os.O_WRONLY, 0)
			if err == nil {
				err = f.Close()
			}
			return err
		},
		"exec":           func() error { return startProgram("/bin/true") },
		"become":         func() error { return becomeProgram(in, "/bin/true") },
		"exec own":       func() error { return startProgram(data + "/program") },
		"device":         func() error { return unix.Mknod(data+"/null", unix.S_IFCHR|0o600, 1<<8|3) },
		"symlink out":    func() error { return os.Symlink("/", data+"/root") },
		"listen":         func() error { _, err := net.Listen("tcp", "127.0.0.1:0"); return err },
		"listen unbound": func() error { return withSocket(func(fd int) error { return unix.Listen(fd, 1) }) },
		"bind TCP":       func() error { return withSocket(func(fd int) error { return unix.Bind(fd, &unix.SockaddrInet4{}) }) },
		"fork":           forked(uintptr(unix.SIGCHLD)),
		"x32":            func() error { _, _, e := unix.RawSyscall(0x40000000|unix.SYS_GETPID, 0, 0, 0); return e },
		"io_uring":       func() error { _, _, e := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, 0, 0); return e },
		"abstract":       dial("unix", "@"+in.Unix),
		"signal":         func() error { return unix.Kill(os.Getppid(), 0) },
		"other process":  readFile(fmt.Sprintf("/proc/%d/environ", os.Getppid())),
		"ptrace":         func() error { return unix.PtraceSeize(os.Getppid()) },
	} {
		r.Deeds[name] = said(deed())
	}
	return r
}

func withSocket(use func(fd int) error) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	return errors.Join(use(fd), unix.Close(fd))
}

func closeConn(c net.PacketConn) error {
	if c == nil {
		return nil
	}
	return c.Close()
}

// useSQLite does what the store does: it writes, sorts, vacuums, and empties the write-ahead log.
func useSQLite(path string) error {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=temp_store(MEMORY)")
	if err != nil {
		return err
	}
	for _, text := range []string{
		"CREATE TABLE t (a INTEGER, b TEXT)",
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 4000) INSERT INTO t SELECT i, hex(randomblob(100)) FROM n",
		"CREATE INDEX t_b ON t (b)",
		"DELETE FROM t WHERE a % 2",
		"VACUUM",
		"PRAGMA wal_checkpoint(TRUNCATE)",
	} {
		if _, err := db.Exec(text); err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
	}
	var n int
	if err := db.QueryRow("SELECT count(*) FROM (SELECT DISTINCT b FROM t ORDER BY b)").Scan(&n); err != nil || n != 2000 {
		return fmt.Errorf("%d rows: %w", n, err)
	}
	return db.Close()
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// moveBetween moves a file from one folder to another, as the journal does.
func moveBetween(data string) error {
	return errors.Join(
		os.MkdirAll(data+"/from", 0o700), os.MkdirAll(data+"/to", 0o700), os.WriteFile(data+"/from/file", nil, 0o600),
		os.Rename(data+"/from/file", data+"/to/file"), os.RemoveAll(data+"/from"))
}

// readReplaced replaces a file as secmod replaces the key file, and reads the new one.
func readReplaced(path string) error {
	if err := errors.Join(os.WriteFile(path+".new", []byte("new"), 0o600), os.Rename(path+".new", path)); err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if err == nil && string(text) != "new" {
		err = fmt.Errorf("the file says %q", text)
	}
	return err
}

func certificates() error {
	pool, err := x509.SystemCertPool()
	if err == nil && pool.Equal(x509.NewCertPool()) {
		err = errors.New("no root certificate")
	}
	if err != nil {
		return err
	}
	single, err := filepath.Glob("/etc/ssl/certs/*.pem") // links, where a distribution has no bundle
	for _, path := range single {
		if _, e := os.ReadFile(path); e != nil {
			err = e
		}
	}
	return err
}

// TestSecurityModule has a security module do what it needs and try what it must not.
func TestSecurityModule(t *testing.T) {
	t.Parallel()
	users(t, func(t *testing.T, who *syscall.Credential) {
		dir := place(t, who)
		folder := func(name string) string {
			path := filepath.Join(dir, name)
			if err := os.Mkdir(path, 0o755); err != nil {
				t.Fatal(err)
			}
			if who != nil {
				if err := os.Chown(path, int(who.Uid), int(who.Gid)); err != nil {
					t.Fatal(err)
				}
			}
			return path
		}
		file := func(path string) string {
			if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
				t.Fatal(err)
			}
			if who != nil {
				if err := os.Chown(path, int(who.Uid), int(who.Gid)); err != nil {
					t.Fatal(err)
				}
			}
			return path
		}
		data, settings, keys, live, archive := folder("data"), folder("settings"), folder("keys"), folder("live"), folder("archive")
		self, err := testBinary()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Link(self, data+"/program"); err != nil {
			t.Fatal(err) // a program that needs no other file to run
		}
		target := file(archive + "/cert1.pem")
		if err := os.Symlink(target, live+"/cert.pem"); err != nil {
			t.Fatal(err)
		}
		if os.Getuid() == 0 && who == nil {
			if err := errors.Join(os.Chown(target, nobody, nobody), os.Chmod(target, 0o600)); err != nil {
				t.Fatal(err) // the security module that runs as root reads what belongs to others
			}
		}
		sockets := folder("sockets")
		for _, name := range []string{sockets + "/.s.PGSQL.5432", "@" + sockets + "/.s.PGSQL.5432"} {
			l, err := net.Listen("unix", name)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close() //nolint:errcheck // the test is over
		}
		if err := os.Chmod(sockets+"/.s.PGSQL.5432", 0o777); err != nil {
			t.Fatal(err)
		}
		pc, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer pc.Close() //nolint:errcheck // the test is over

		in := input{
			Rules: Rules{
				Role:      SecurityModule,
				ReadWrite: []string{data, file(keys + "/key")},
				Read:      []string{file(settings + "/users"), live + "/cert.pem", dir + "/missing"},
			},
			Dir: dir, Secret: secret(t), TCP: listen(t), UDP: pc.LocalAddr().String(), Unix: sockets + "/.s.PGSQL.5432",
		}
		in.Layers = "all"
		r := answer[report](t, start(t, "module", who, in))
		if r.Err != "" || len(r.Missing) > 0 {
			t.Fatalf("%s %v", r.Err, r.Missing)
		}
		want := outcomes{
			"read elsewhere": "EACCES", "truncate": "EACCES", "write elsewhere": "EACCES", "write /etc": "EACCES", "write settings": "EACCES",
			"symlink out": "EACCES", "device": "EACCES|EPERM", "abstract": "EPERM", "signal": "EPERM", "other process": "EACCES",
			"exec": "EPERM", "exec own": "EPERM", "x32": "EPERM", "become": "EPERM", "fork": "EPERM", "ptrace": "EPERM", "io_uring": "EPERM",
			"listen": "EPERM|EACCES", "listen unbound": "EPERM", "bind TCP": "EACCES",
		}
		if who != nil || os.Getuid() != 0 {
			want["shadow"] = "EACCES" // root's file is root's
			want["capabilities"] = "0000000000000000"
		} else {
			want["capabilities"] = "000000000000000f"
		}
		for name := range r.Deeds {
			if _, ok := want[name]; !ok {
				want[name] = "ok"
			}
		}
		r.Deeds.expect(t, want)

		in.Layers = "landlock"
		alone := answer[report](t, start(t, "module", who, in))
		alone.Deeds.expect(t, outcomes{"exec": "EACCES", "exec own": "EACCES", "become": "EACCES", "ptrace": "EPERM", "read elsewhere": "EACCES"})
		in.Layers = "seccomp"
		alone = answer[report](t, start(t, "module", who, in))
		alone.Deeds.expect(t, outcomes{"exec": "EPERM", "become": "EPERM", "ptrace": "EPERM", "listen": "EPERM", "read elsewhere": "ok"})
	})
}

// TestSecurityModuleWithoutItsFolder refuses to go on where a folder of the rules is missing, by its name.
func TestSecurityModuleWithoutItsFolder(t *testing.T) {
	t.Parallel()
	in := input{Layers: "all", Rules: Rules{Role: SecurityModule, ReadWrite: []string{"/missing/data"}}}
	if r := answer[report](t, start(t, "module", nil, in)); !strings.Contains(r.Err, "/missing/data") {
		t.Errorf("%q", r.Err)
	}
}
