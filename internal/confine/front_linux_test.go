//go:build amd64 || arm64

package confine

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// deeds are what a front must not do. Descriptor 3 is an unbound TCP socket.
func deeds(in input) map[string]func() error {
	raw := func(call uintptr, args ...uintptr) func() error {
		args = append(args, 0, 0)
		return func() error {
			if _, _, e := unix.RawSyscall(call, args[0], args[1], 0); e != 0 {
				return e
			}
			return nil
		}
	}
	socket := func(family, kind int) func() error {
		return func() error { _, err := unix.Socket(family, kind, 0); return err }
	}
	var port int
	_, err := fmt.Sscanf(in.TCP, "127.0.0.1:%d", &port)
	if err != nil {
		panic(err)
	}
	page := os.Getpagesize()
	return map[string]func() error{
		"open":     func() error { _, err := os.Open("/etc/passwd"); return err },
		"open own": func() error { _, err := os.Open("/proc/self/status"); return err },
		"read dir": func() error { _, err := os.ReadDir("/etc"); return err },
		"create":   func() error { return os.WriteFile(in.Dir+"/new", nil, 0o600) },
		"truncate": func() error { return os.Truncate(in.Secret, 1) },
		"stat":     func() error { _, err := os.Stat("/etc/passwd"); return err },
		"chdir":    func() error { return os.Chdir("/tmp") },
		"exec":     func() error { return startProgram("/bin/true") },
		"become":   func() error { return becomeProgram(in, "/bin/true") },

		"fork":           forked(uintptr(unix.SIGCHLD)),
		"fork as read":   forked(unix.SYS_READ), // flags that are the number of an allowed call
		"fork as fcntl":  forked(unix.SYS_FCNTL),
		"fork by clone3": raw(unix.SYS_CLONE3, 0, 0),
		"new namespace":  forked(unix.CLONE_NEWUSER | uintptr(unix.SIGCHLD)),
		"unshare":        func() error { return unix.Unshare(unix.CLONE_NEWUSER) },
		"socket TCP":     socket(unix.AF_INET, unix.SOCK_STREAM),
		"socket UDP":     socket(unix.AF_INET6, unix.SOCK_DGRAM),
		"socket UNIX":    socket(unix.AF_UNIX, unix.SOCK_STREAM),
		"socket netlink": socket(unix.AF_NETLINK, unix.SOCK_RAW),
		"socketpair":     func() error { _, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0); return err },
		"connect":        func() error { return unix.Connect(3, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}) },
		"bind":           func() error { return unix.Bind(3, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}) },
		"signal":         func() error { return unix.Kill(os.Getppid(), 0) },
		"signal thread":  func() error { return unix.Tgkill(os.Getppid(), os.Getppid(), 0) },
		"signal all":     func() error { return unix.Kill(-1, 0) },
		"ptrace":         func() error { return unix.PtraceSeize(os.Getppid()) },
		"pidfd":          func() error { _, err := unix.PidfdOpen(os.Getppid(), 0); return err },
		"executable map": func() error {
			_, err := unix.Mmap(-1, 0, page, unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
			return err
		},
		"executable page": func() error { return executablePage(page) },
		"io_uring":        raw(unix.SYS_IO_URING_SETUP, 1, 0),
		"memfd":           func() error { _, err := unix.MemfdCreate("x", 0); return err },
		"dumpable":        func() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) },
		"set limit":       func() error { return unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 64, Max: 64}) },
		"limit of parent": func() error { return unix.Prlimit(os.Getppid(), unix.RLIMIT_NOFILE, nil, &unix.Rlimit{}) },
		"setuid":          raw(unix.SYS_SETUID, 0),
		"owner of socket": func() error { _, err := unix.FcntlInt(3, unix.F_SETOWN, os.Getppid()); return err },
		"x32":             raw(0x40000000|unix.SYS_GETPID, 0),

		"local time": func() error {
			if zone, _ := time.Unix(0, 0).Zone(); zone != "CET" {
				return errors.New(zone)
			}
			return nil
		},
		"read a limit": func() error { var l unix.Rlimit; return unix.Getrlimit(unix.RLIMIT_NOFILE, &l) },
		"random":       func() error { _, err := unix.Getrandom(make([]byte, 8), 0); return err },
		"self signal":  func() error { return unix.Tgkill(os.Getpid(), unix.Gettid(), 0) },
	}
}

// forked clones the process. The copy ends at once.
func forked(flags uintptr) func() error {
	return func() error {
		r, _, e := unix.RawSyscall6(unix.SYS_CLONE, flags, 0, 0, 0, 0, 0)
		if e != 0 {
			return e
		}
		for r == 0 {
			unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
		return nil
	}
}

func executablePage(page int) error {
	m, err := unix.Mmap(-1, 0, page, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	return unix.Mprotect(m, unix.PROT_READ|unix.PROT_EXEC)
}

// report is the answer of a child that did deeds.
type report struct {
	Missing []Missing
	Err     string
	Deeds   outcomes
}

// apply is Apply, or one of its fences alone.
func (in input) apply() (missing []Missing, err error) {
	switch in.Layers {
	case "none":
		return nil, nil
	case "all":
		return Apply(in.Rules)
	}
	if err := allThreads(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1); err != nil {
		return nil, err
	}
	if in.Layers == "landlock" {
		return restrictPaths(in.Rules)
	}
	return filterCalls(in.Rules.Role), nil
}

// startProgram runs a program without the /dev/null that os/exec opens. A child of this package ends at once, as it has no input.
func startProgram(path string) error {
	pid, err := syscall.ForkExec(path, []string{path}, &syscall.ProcAttr{Env: []string{childEnv + "=deeds"}})
	if err == nil {
		_, err = unix.Wait4(pid, nil, 0, nil)
	}
	return err
}

// becomeProgram ends a child without an answer if it works.
func becomeProgram(in input, path string) error {
	if in.Layers == "none" {
		return nil
	}
	return unix.Exec(path, []string{path}, nil)
}

func deedsScenario(in input) any {
	var r report
	var err error
	r.Missing, err = in.apply()
	if err != nil {
		r.Err = err.Error()
		return r
	}
	r.Deeds = outcomes{}
	for name, deed := range deeds(in) {
		r.Deeds[name] = said(deed())
	}
	return r
}

// TestFrontMayNot has a front try what is forbidden to it, under both of its fences together and under each alone.
func TestFrontMayNot(t *testing.T) {
	t.Parallel()
	filtered := outcomes{"local time": "ok|UTC", "fork by clone3": "ENOSYS", "read a limit": "ok", "random": "ok", "self signal": "ok"}
	for name := range deeds(input{TCP: "127.0.0.1:1"}) {
		if _, ok := filtered[name]; !ok {
			filtered[name] = "EPERM"
		}
	}
	restricted := outcomes{
		"open": "EACCES", "open own": "EACCES", "read dir": "EACCES", "create": "EACCES", "truncate": "EACCES", "exec": "EACCES", "become": "EACCES",
		"connect": "EACCES", "bind": "EACCES", "signal": "EPERM", "signal thread": "EPERM", "ptrace": "EPERM",
		"self signal": "ok", "random": "ok",
	}
	for layers, want := range map[string]outcomes{"all": filtered, "seccomp": filtered, "landlock": restricted} {
		t.Run(layers, func(t *testing.T) {
			t.Parallel()
			users(t, func(t *testing.T, who *syscall.Credential) {
				in := input{Rules: Rules{Role: Front}, Layers: layers, Dir: place(t, who), Secret: secret(t), TCP: listen(t)}
				r := answer[report](t, start(t, "deeds", who, in, unboundSocket(t)))
				if r.Err != "" || len(r.Missing) > 0 {
					t.Errorf("%s %v", r.Err, r.Missing)
				}
				r.Deeds.expect(t, want)
				if layers == "all" {
					r.Deeds.expect(t, outcomes{"local time": "ok"}) // a single fence does not read the time zone before
				}
			})
		})
	}
}

// TestDeedsAreDone keeps TestFrontMayNot honest: without Apply the deeds that must fail there work.
func TestDeedsAreDone(t *testing.T) {
	t.Parallel()
	in := input{Layers: "none", Dir: place(t, nil), Secret: secret(t), TCP: listen(t)}
	r := answer[report](t, start(t, "deeds", nil, in, unboundSocket(t)))
	for _, name := range []string{
		"open", "open own", "read dir", "create", "truncate", "stat", "chdir", "exec", "fork", "fork as read", "socket TCP", "socket UDP",
		"socket UNIX", "socketpair", "signal", "signal thread", "pidfd", "executable map", "executable page", "memfd",
		"dumpable", "set limit", "limit of parent", "owner of socket",
	} {
		r.Deeds.expect(t, outcomes{name: "ok"})
	}
}

// listen returns the address of a TCP listener.
func listen(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() }) //nolint:errcheck // the test is over
	return l.Addr().String()
}

// unboundSocket is what a thief of descriptors would like to connect.
func unboundSocket(t *testing.T) *os.File {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "socket")
	t.Cleanup(func() { f.Close() }) //nolint:errcheck // the test is over
	return f
}

// secret is a file that every user may read and write, in a folder that no rule names.
func secret(t *testing.T) string {
	t.Helper()
	dir := place(t, nil)
	path := dir + "/secret"
	for _, err := range []error{os.Chmod(dir, 0o755), os.WriteFile(path, []byte("a secret"), 0o600), os.Chmod(path, 0o666)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return path
}
