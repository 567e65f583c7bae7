package processes

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestMain is also what the tests' children do.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "module" || os.Args[1] == "front") {
		os.Exit(play(os.Args[1]))
	}
	os.Exit(m.Run())
}

// play is a child: a module tells its number on its lines, and a front tells those who connect its own number and the module's.
func play(role string) int {
	c, err := Inherited()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	start, err := c.Receive()
	if err != nil {
		return 1
	}
	var fails string
	_ = start.Decode(&fails)
	if fails == role {
		_ = c.Send(Failed, Failure{Text: "as it was told"})
		return 1
	}
	if role == "module" {
		_ = c.Send(Ready, "hello")
	}
	var mu sync.Mutex
	var calls net.Conn
	misbehave := make(chan os.Signal, 1)
	signal.Notify(misbehave, syscall.SIGUSR1)
	go func() {
		<-misbehave
		if fails == "talk" {
			for c.Send("nonsense\n", "") == nil {
			}
		}
		mu.Lock()
		_, _ = calls.Write([]byte{2})
		mu.Unlock()
	}()
	for {
		m, err := c.Receive()
		if err != nil {
			return 1
		}
		switch m.Kind {
		case Line:
			conn, err := net.FileConn(m.Files[0])
			if err != nil {
				return 1
			}
			if role == "front" {
				mu.Lock()
				calls = conn
				mu.Unlock()
				continue
			}
			var lines FrontLines
			_ = m.Decode(&lines)
			go func() {
				for b := make([]byte, 1); ; {
					if _, err := conn.Read(b); err != nil {
						return
					}
					if b[0] == 2 { // the front misbehaves
						_ = c.Send(Cut, FrontLines{Front: lines.Front, Made: lines.Made - 1}) // lines before
						_ = c.Send(Cut, lines)
						return
					}
					fmt.Fprintf(conn, "%8d", os.Getpid())
				}
			}()
		case Serve:
			l, err := net.FileListener(start.Files[0])
			if err != nil {
				return 1
			}
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					module := []byte("away")
					mu.Lock()
					if calls != nil {
						if _, err := calls.Write([]byte{1}); err == nil {
							answer := make([]byte, 8)
							if _, err := io.ReadFull(calls, answer); err == nil {
								module = answer
							}
						}
					}
					mu.Unlock()
					fmt.Fprintf(conn, "%d %s", os.Getpid(), module)
					conn.Close()
				}
			}()
			_ = c.Send(Ready, "")
		case Stop:
			return 0
		}
	}
}

// world is a family whose children play, and the address of its fronts.
type world struct {
	*Family
	address string
	log     *safeBuffer
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newWorld(t *testing.T, fronts int, fails string) *world {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{address: l.Addr().String(), log: new(safeBuffer)}
	w.Family = New(Options{
		Program: Program{Path: "/proc/self/exe", Name: "play", Log: w.log},
		Module:  "module", Front: "front", Fronts: fronts,
		StartModule: func() (any, []*os.File) { return fails, nil },
		StartFront:  func(int) (any, []*os.File) { return fails, []*os.File{f} },
		Log:         slog.New(slog.NewJSONHandler(w.log, nil)),
	})
	t.Cleanup(func() {
		w.Kill()
		l.Close()
		f.Close()
		if t.Failed() {
			t.Log(w.log)
		}
	})
	return w
}

// ask is what a front says: its number and the module's.
func (w *world) ask(t *testing.T) (front, module string) {
	t.Helper()
	conn, err := net.Dial("tcp", w.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(conn)
	if err != nil { // a front that was killed
		return "", ""
	}
	front, module, _ = strings.Cut(string(text), " ")
	return front, strings.TrimSpace(module)
}

func (w *world) start(t *testing.T) {
	t.Helper()
	m, err := w.Start(t.Context())
	if err != nil || string(m.Body) != `"hello"` {
		t.Fatalf("%+v: %v", m, err)
	}
	if err := w.Serve(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for begun := time.Now(); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begun) > time.Minute {
			t.Fatal("not within a minute: ", what)
		}
	}
}

// A child that is killed is started anew, and has lines to those who live.
func TestFamilyLives(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, "")
	w.start(t)
	list := w.Processes()
	if len(list) != 2 || list[0].Name != "security module" || list[1].Name != "front 0" || !list[0].Ready || !list[1].Ready {
		t.Fatalf("%+v", list)
	}
	module, front := list[0].PID, list[1].PID
	if f, m := w.ask(t); f != fmt.Sprint(front) || m != fmt.Sprint(module) {
		t.Fatalf("front %s and module %s, want %d and %d", f, m, front, module)
	}
	for _, pid := range []int{front, module} {
		if group, err := syscall.Getpgid(pid); err != nil || group != pid {
			t.Errorf("process group %d of %d: %v", group, pid, err)
		}
		if environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)); err != nil || len(environ) > 0 {
			t.Errorf("a child has the environment %q: %v", environ, err)
		}
	}

	if err := syscall.Kill(front, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another front", func() bool {
		f, m := w.ask(t)
		return f != "" && f != fmt.Sprint(front) && m == fmt.Sprint(module)
	})
	if err := syscall.Kill(module, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another module", func() bool {
		_, m := w.ask(t)
		return m != "" && m != "away" && m != fmt.Sprint(module)
	})
	if err := w.Stop(time.Minute); err != nil {
		t.Error(err)
	}
	for _, p := range w.Processes() {
		if p.PID != 0 || p.Ready {
			t.Errorf("after the end: %+v", p)
		}
	}
	if got := strings.Count(w.log.String(), "started anew"); got != 2 {
		t.Errorf("%d ends are told of", got)
	}
}

// A front whose lines the security module has cut would serve nobody: it is started anew, and the module stays.
func TestFrontThatIsCutOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2, "")
	w.start(t)
	module, front, other := w.Processes()[0].PID, w.Processes()[1].PID, w.Processes()[2].PID
	if err := syscall.Kill(front, syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another front", func() bool {
		p := w.Processes()[1]
		return p.PID != 0 && p.PID != front && p.Ready
	})
	eventually(t, "its answer", func() bool {
		f, m := w.ask(t)
		return f == fmt.Sprint(w.Processes()[1].PID) && m == fmt.Sprint(module)
	})
	if p := w.Processes(); p[0].PID != module || p[2].PID != other {
		t.Errorf("others were started anew: %+v", p)
	}
	if n := strings.Count(w.log.String(), "has cut its lines"); n != 1 {
		t.Errorf("%d fronts were ended", n)
	}
	if err := w.Stop(time.Minute); err != nil {
		t.Error(err)
	}
}

// A process that is stopped answers nothing any more: it is ended and started anew, and those that answer stay.
func TestProcessThatHangs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2, "")
	w.o.Pulse = 200 * time.Millisecond
	w.start(t)
	before := w.Processes()
	for _, i := range []int{1, 0} {
		if err := syscall.Kill(before[i].PID, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		eventually(t, "another process", func() bool {
			p := w.Processes()[i]
			return p.PID != 0 && p.PID != before[i].PID && p.Ready
		})
	}
	if after := w.Processes(); after[2].PID != before[2].PID {
		t.Errorf("a process that answers was ended: %+v", after)
	}
	if n := strings.Count(w.log.String(), "does not answer and is ended"); n != 2 {
		t.Errorf("%d processes were ended", n)
	}
}

// A front that says what no front says is ended, before it fills the log.
func TestFrontThatTalks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, "talk")
	w.start(t)
	front := w.Processes()[1].PID
	if err := syscall.Kill(front, syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another front", func() bool {
		p := w.Processes()[1]
		return p.PID != 0 && p.PID != front && p.Ready
	})
	if n := strings.Count(w.log.String(), "not understood"); n != 1 {
		t.Errorf("%d lines are logged", n)
	}
	if err := w.Stop(time.Minute); err != nil {
		t.Error(err)
	}
}

// The first child that fails ends the start, with what it said.
func TestFamilyFails(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"module", "front"} {
		w := newWorld(t, 2, role)
		_, err := w.Start(t.Context())
		if err == nil { // the module was first
			err = w.Serve(t.Context())
		}
		if err == nil || err.Error() != "as it was told" {
			t.Errorf("%s: %v", role, err)
		}
		for _, p := range w.Processes() {
			if p.PID != 0 {
				t.Errorf("%s: %+v is left", role, p)
			}
		}
	}
}

// A child's command refuses a person who runs it, whatever is on its descriptor.
func TestByHand(t *testing.T) {
	t.Parallel()
	_, other, err := pair()
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for name, files := range map[string][]*os.File{"nothing": nil, "a file": {os.Stdin}} {
		cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "front")
		cmd.ExtraFiles = files
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "which starts it by itself") {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
	// From a shell the parent is another one than who made the channel.
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `"$0" front; exit $?`, "/proc/"+fmt.Sprint(os.Getpid())+"/exe")
	cmd.ExtraFiles = []*os.File{other}
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "which starts it by itself") {
		t.Errorf("another's channel: %v: %s", err, out)
	}
}
