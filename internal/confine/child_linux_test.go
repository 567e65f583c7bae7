//go:build amd64 || arm64

package confine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// What a process may do is seen by doing it, and it can't be undone. So the test binary runs itself as a child, which takes the
// scenario that childEnv names and answers in JSON.
const childEnv = "CONFINE_TEST_CHILD"

// nobody is the user that a child runs as where root runs the tests.
const nobody = 65534

// scenarios are what a child does, by name.
var scenarios = map[string]func(in input) any{
	"deeds":    deedsScenario,
	"front":    frontScenario,
	"module":   moduleScenario,
	"main":     mainScenario,
	"lacking":  lackingScenario,
	"locked":   lockedScenario,
	"diverged": divergedScenario,
}

// input is what a child is told on its standard input.
type input struct {
	Rules  Rules
	Layers string // of deeds: which part of Apply runs
	Dir    string // a folder that the child's user may write to
	TCP    string // addresses where the test listens
	UDP    string
	Unix   string // a path
	Secret string // a file outside Dir that the child's user may read
	Setuid string // a copy of id(1) that belongs to root and has the setuid bit
}

func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		var in input
		if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
			panic(err)
		}
		if err := json.NewEncoder(os.Stdout).Encode(scenarios[name](in)); err != nil {
			panic(err)
		}
		os.Exit(0)
	}
	code := m.Run()
	if dir, err := testBinary(); err == nil {
		os.RemoveAll(filepath.Dir(dir)) //nolint:errcheck // it is a temporary folder
	}
	os.Exit(code)
}

// testBinary is a copy of the test binary that every user may run.
var testBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "confine")
	if err != nil {
		return "", err
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	out, err := exec.Command("cp", self, dir+"/child").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return dir + "/child", os.Chmod(dir, 0o755)
})

// users runs a test as the user of the tests, and as nobody where root runs them.
func users(t *testing.T, run func(t *testing.T, who *syscall.Credential)) {
	t.Run("same user", func(t *testing.T) { t.Parallel(); run(t, nil) })
	if os.Getuid() == 0 {
		t.Run("nobody", func(t *testing.T) {
			t.Parallel()
			run(t, &syscall.Credential{Uid: nobody, Gid: nobody})
		})
	}
}

// child is a scenario that runs.
type child struct {
	cmd *exec.Cmd
	out io.Reader
}

// start begins a scenario. Files are the descriptors 3 and on of the child.
func start(t *testing.T, name string, who *syscall.Credential, in input, files ...*os.File) *child {
	t.Helper()
	path, err := testBinary()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path)
	cmd.Env = []string{childEnv + "=" + name, "TZ=Europe/Berlin"}
	cmd.Dir = "/"
	cmd.Stdin = strings.NewReader(string(text))
	var said strings.Builder
	cmd.Stderr = &said
	cmd.ExtraFiles = files
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill() //nolint:errcheck // it may be gone
		cmd.Wait()         //nolint:errcheck // killed
		if said.Len() > 0 {
			t.Logf("the child said: %s", said.String())
		}
	})
	return &child{cmd, out}
}

// answer reads what the scenario returned.
func answer[T any](t *testing.T, c *child) T {
	t.Helper()
	var v T
	if err := json.NewDecoder(c.out).Decode(&v); err != nil {
		t.Fatalf("the child gave no answer: %v", err)
	}
	return v
}

// place is a folder that the child's user owns.
func place(t *testing.T, who *syscall.Credential) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "confine") // a folder of t.TempDir is closed to other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) }) //nolint:errcheck // temporary
	if who != nil {
		if err := os.Chown(dir, int(who.Uid), int(who.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// said turns the outcome of a deed into what tests compare: "ok", the name of the errno, or the text of any other error.
func said(err error) string {
	var errno unix.Errno
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &errno):
		return unix.ErrnoName(errno)
	}
	return err.Error()
}

// outcomes are deeds by name and how they went.
type outcomes map[string]string

// expect compares outcomes. A deed may end in one of several ways, separated by "|".
func (o outcomes) expect(t *testing.T, want outcomes) {
	t.Helper()
	for name, ways := range want {
		if got, ok := o[name]; !ok || !slices.Contains(strings.Split(ways, "|"), got) {
			t.Errorf("%s: %q, not %s", name, got, ways)
		}
	}
}
