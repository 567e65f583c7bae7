package confine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
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

// frontScenario serves HTTP on descriptor 3 and copies datagrams on 4, with threads from before Apply, garbage collections, and the address-space limit.
func frontScenario(in input) any {
	threads()
	missing, err := Apply(in.Rules)
	if err != nil {
		return report{Err: err.Error()}
	}
	listener, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		panic(err)
	}
	packets, err := net.FilePacketConn(os.NewFile(4, "packets"))
	if err != nil {
		panic(err)
	}
	go func() {
		buf := make([]byte, 2048)
		for {
			n, from, err := packets.ReadFrom(buf)
			if err != nil {
				panic(err)
			}
			if _, err := packets.WriteTo(buf[:n], from); err != nil {
				panic(err)
			}
		}
	}()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /echo", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(err)
		}
		var wg sync.WaitGroup
		for range 8 { // goroutines that keep threads in calls
			wg.Go(func() { unix.Nanosleep(&unix.Timespec{Nsec: 1e6}, nil) }) //nolint:errcheck // an interrupted one is shorter
		}
		wg.Wait()
		runtime.GC()
		w.Write(body) //nolint:errcheck // the client tells
	})
	mux.HandleFunc("GET /map", func(w http.ResponseWriter, r *http.Request) {
		_, err := unix.Mmap(-1, 0, int(in.Rules.AddressSpace), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
		fmt.Fprint(w, said(err))
	})
	mux.HandleFunc("GET /missing", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, missing) })
	panic(http.Serve(listener, mux)) //nolint:gosec // a test
}

// TestFrontServes loads a front over its inherited sockets and looks at it from outside: all of its threads are confined.
func TestFrontServes(t *testing.T) {
	t.Parallel()
	users(t, func(t *testing.T, who *syscall.Credential) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listener, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		pc, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer pc.Close() //nolint:errcheck // as above
		packets, err := pc.(*net.UDPConn).File()
		if err != nil {
			t.Fatal(err)
		}
		defer packets.Close() //nolint:errcheck // as above

		c := start(t, "front", who, input{Rules: Rules{Role: Front, AddressSpace: MinAddressSpace}}, listener, packets)
		l.Close()        //nolint:errcheck // so that a child that ends refuses connections
		listener.Close() //nolint:errcheck // as above
		url := "http://" + l.Addr().String()
		body := bytes.Repeat([]byte("x"), 1<<18)
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}}
		defer client.CloseIdleConnections()
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				for range 4 {
					res, err := client.Post(url+"/echo", "text/plain", bytes.NewReader(body))
					if err != nil {
						t.Error(err)
						return
					}
					got, err := io.ReadAll(res.Body)
					res.Body.Close() //nolint:errcheck // it is read
					if err != nil || !bytes.Equal(got, body) {
						t.Errorf("%d octets came back: %v", len(got), err)
					}
				}
			})
		}
		wg.Wait()
		if t.Failed() {
			return
		}
		get := func(path string) string {
			res, err := client.Get(url + path)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close() //nolint:errcheck // it is read
			text, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		switch missing := get("/missing"); {
		case sanitized && !strings.Contains(missing, "address space: this binary is built with a sanitizer"):
			t.Errorf("the address space is not told of: %s", missing)
		case !sanitized && missing != "[]":
			t.Errorf("missing: %s", missing)
		}
		if got := get("/map"); got != "ENOMEM" && !sanitized {
			t.Errorf("more than the address space is mapped: %s", got)
		}
		echo, err := net.Dial("udp", pc.LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer echo.Close() //nolint:errcheck // the test is over
		buf := make([]byte, 16)
		if _, err := echo.Write([]byte("datagram")); err != nil {
			t.Fatal(err)
		}
		if n, err := echo.Read(buf); err != nil || string(buf[:n]) != "datagram" {
			t.Errorf("%q %v", buf[:n], err)
		}
		confined(t, c.cmd.Process.Pid, map[string]string{"NoNewPrivs": "1", "Seccomp": "2", "CapEff": "0000000000000000", "CapPrm": "0000000000000000"})
		closed(t, c.cmd.Process.Pid, who)
	})
}

// confined looks at the status of all threads of a process.
func confined(t *testing.T, pid int, want map[string]string) {
	t.Helper()
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/status", pid, thread.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range maps.All(want) {
			if !regexp.MustCompile(`(?m)^` + name + `:\t` + value + `$`).Match(status) {
				t.Errorf("thread %s of %d: %s is not %s in\n%s", thread.Name(), len(threads), name, value, status)
			}
		}
	}
}

// closed has another process of the same user look into the memory of a child.
func closed(t *testing.T, pid int, who *syscall.Credential) {
	t.Helper()
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`Max core file size +0 +0 `).Match(limits) {
		t.Errorf("core files are written:\n%s", limits)
	}
	if who == nil && os.Getuid() == 0 {
		return // root may
	}
	for _, name := range []string{"mem", "environ", "maps"} {
		read := exec.Command("head", "-c", "1", fmt.Sprintf("/proc/%d/%s", pid, name))
		read.SysProcAttr = &syscall.SysProcAttr{Credential: who}
		if out, err := read.CombinedOutput(); err == nil || !strings.Contains(string(out), "Permission denied") {
			t.Errorf("%s can be opened: %v %s", name, err, out)
		}
	}
}
