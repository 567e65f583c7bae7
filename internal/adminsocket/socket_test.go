package adminsocket

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"aaa-api/internal/line"
)

// asUser makes the test binary dial a folder and print how that ended: tests run it as another user.
const asUser = "AAA_API_TEST_DIAL"

func TestMain(m *testing.M) {
	if folder := os.Getenv(asUser); folder != "" {
		c, _, err := Dial(context.Background(), folder, "p")
		if err != nil {
			_, _ = os.Stdout.WriteString(err.Error())
			os.Exit(0)
		}
		c.Close()
		_, _ = os.Stdout.WriteString("let in")
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// scripted is a main, and the security module behind it.
type scripted struct {
	reloads, stops atomic.Int32
	fault          error
}

func (s *scripted) Node() Node {
	return Node{Version: "v", Processes: []Process{{Role: "main", PID: 7}}}
}

func (s *scripted) Reload(context.Context) error { s.reloads.Add(1); return s.fault }

func (s *scripted) Stop() { s.stops.Add(1) }

// Serve is the security module's: it answers with the request.
func (s *scripted) Serve(_ context.Context, _ uint16, _ *line.From, decode func(any) error) (any, error) {
	var text string
	err := decode(&text)
	return &text, err
}

// open listens in a folder and serves.
func open(t *testing.T, folder string, policy Policy) (*Socket, *scripted) {
	t.Helper()
	s, err := Listen(folder, policy, Hello{Version: "1.2", Protocol: "p"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	main := &scripted{}
	go s.Serve(NewHandler(main, main))
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return s, main
}

func TestSocket(t *testing.T) {
	t.Parallel()
	long := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{t.TempDir(), long} {
		if _, _, err := Dial(t.Context(), folder, "p"); !errors.Is(err, ErrNotRunning) {
			t.Errorf("without a node: %v", err)
		}
		s, main := open(t, folder, Policy{})
		if info, err := os.Stat(filepath.Join(folder, Name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the socket: %v, %v", info, err)
		}
		c, hello, err := Dial(t.Context(), folder, "p")
		if err != nil || hello.Version != "1.2" || hello.PID != os.Getpid() {
			t.Fatalf("%+v, %v", hello, err)
		}
		if n, err := AskNode(t.Context(), c); err != nil || n.Version != "v" || n.Processes[0].PID != 7 {
			t.Errorf("node: %+v, %v", n, err)
		}
		if err := errors.Join(Reload(t.Context(), c), Stop(t.Context(), c)); err != nil || main.reloads.Load() != 1 || main.stops.Load() != 1 {
			t.Errorf("reload and stop: %v", err)
		}
		in, out := "text", ""
		if err := c.Call(t.Context(), 0, &line.From{}, &in, &out); err != nil || out != in {
			t.Errorf("the security module answers %q, %v", out, err)
		}
		if _, err := Listen(folder, Policy{}, Hello{}, slog.New(slog.DiscardHandler)); !errors.Is(err, ErrInUse) {
			t.Errorf("a second node: %v", err)
		}
		var other *OtherVersion
		if _, _, err := Dial(t.Context(), folder, "q"); !errors.As(err, &other) || other.Node.PID != os.Getpid() {
			t.Errorf("another version: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		<-c.Done() // the node's end is known to who waits for it
		if list, err := os.ReadDir(folder); err != nil || len(list) > 0 {
			t.Errorf("left: %v, %v", list, err)
		}
	}
}

// TestStale: a socket that a killed node has left is replaced, and one that another node has made meanwhile is left alone.
func TestStale(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(folder, Name), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	if _, _, err := Dial(t.Context(), folder, "p"); !errors.Is(err, ErrNotRunning) {
		t.Errorf("a killed node's socket: %v", err)
	}
	s, _ := open(t, folder, Policy{})
	if err := os.Rename(filepath.Join(folder, Name), filepath.Join(folder, "away")); err != nil {
		t.Fatal(err)
	}
	open(t, folder, Policy{})
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if c, _, err := Dial(t.Context(), folder, "p"); err != nil {
		t.Errorf("the socket of the next node is gone: %v", err)
	} else {
		c.Close()
	}
}

// TestInTheWay: what is no socket is left alone.
func TestInTheWay(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, Name)
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(folder, Policy{}, Hello{}, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "is no socket") {
		t.Errorf("a file in the way: %v", err)
	}
	if text, err := os.ReadFile(path); string(text) != "mine" {
		t.Errorf("the file is %q, %v", text, err)
	}
}

// TestOtherUser: another user is refused, by the file and, where that is open, by the node.
func TestOtherUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root becomes another user")
	}
	const nobody = 65534
	folder, err := os.MkdirTemp("/tmp", "admin") // which others can reach
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	self := filepath.Join(folder, "test")
	binary, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(self, binary, 0o755), os.Chmod(folder, 0o755)); err != nil {
		t.Fatal(err)
	}
	dialled := func(uid uint32) string {
		cmd := exec.CommandContext(t.Context(), self)
		cmd.Env = []string{asUser + "=" + folder}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: nobody}}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	s, _ := open(t, folder, Policy{})
	if got := dialled(nobody); !strings.Contains(got, "only root and the service's user may use") {
		t.Errorf("by the file's permissions: %q", got)
	}
	if err := os.Chmod(filepath.Join(folder, Name), 0o666); err != nil {
		t.Fatal(err)
	}
	if got := dialled(nobody); !strings.Contains(got, "user 65534 may not use the admin socket") {
		t.Errorf("by who it is: %q", got)
	}
	if got := dialled(0); got != "let in" {
		t.Errorf("root: %q", got)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	open(t, folder, Policy{Users: []uint32{nobody}})
	if err := os.Chmod(filepath.Join(folder, Name), 0o666); err != nil {
		t.Fatal(err)
	}
	if got := dialled(nobody); got != "let in" {
		t.Errorf("a user that the policy names: %q", got)
	}
}

// TestHostileClient: whatever who is let in sends, the socket serves the others; and no more than a few are served at a time.
func TestHostileClient(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	open(t, folder, Policy{})
	for _, sends := range []string{"", "\x00", strings.Repeat("\xff", 1<<20), "GET / HTTP/1.1\r\n\r\n", "{}\n"} {
		c, err := dial(t.Context(), filepath.Join(folder, Name))
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.WriteString(c, sends)
		_ = c.(*net.UnixConn).CloseWrite()
		if answer, err := io.ReadAll(io.LimitReader(c, 1<<20)); err != nil && !errors.Is(err, syscall.ECONNRESET) || !strings.HasPrefix(string(answer), `{"version"`) {
			t.Errorf("after %.20q: %.80q, %v", sends, answer, err)
		}
		_ = c.Close()
	}
	var list []*line.Conn
	defer func() {
		for _, c := range list {
			c.Close()
		}
	}()
	for {
		c, _, err := Dial(t.Context(), folder, "p")
		if err != nil {
			if len(list) < maxConns-5 || len(list) > maxConns || !strings.Contains(err.Error(), "connected already") {
				t.Errorf("after %d connections: %v", len(list), err)
			}
			break
		}
		list = append(list, c)
	}
	if _, err := AskNode(t.Context(), list[0]); err != nil {
		t.Error(err)
	}
}

// TestStrangeHello: what answers at the socket may be anything.
func TestStrangeHello(t *testing.T) {
	t.Parallel()
	for _, says := range []string{"", "x", "{}", "null\n", `{"refused":"no"}` + "\n", strings.Repeat("a", 2*maxHello)} {
		folder := t.TempDir()
		l, err := net.Listen("unix", filepath.Join(folder, Name))
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			if c, err := l.Accept(); err == nil {
				_, _ = io.WriteString(c, says)
				_ = c.Close()
			}
		}()
		if c, _, err := Dial(t.Context(), folder, "p"); err == nil {
			t.Errorf("%.20q is taken for a node", says)
			c.Close()
		}
		_ = l.Close()
	}
}
