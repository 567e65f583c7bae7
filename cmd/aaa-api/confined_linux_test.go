package main

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// nobody is the user that unprivileged services of these tests run as, where the test may choose.
const nobody = 65534

// openDir is a folder that a user owns and all may enter, with a copy of this program that all may run. A folder of t.TempDir is
// closed to other users.
func openDir(t *testing.T, owner int) (dir, binary string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "aaa-api")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary = filepath.Join(dir, "aaa-api")
	if out, err := exec.CommandContext(t.Context(), "cp", self, binary).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(binary, 0o755)); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		if err := os.Chown(dir, owner, owner); err != nil {
			t.Fatal(err)
		}
	}
	return dir, binary
}

// pids are the processes of a service: main, the security module, then the fronts.
func (p *process) pids() []int {
	p.t.Helper()
	main := p.cmd.Process.Pid
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", main))
	if err != nil {
		p.t.Fatal(err)
	}
	var children []int
	for _, task := range tasks {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", main, task.Name())) // the thread may be gone
		for field := range strings.FieldsSeq(string(text)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				p.t.Fatal(err)
			}
			children = append(children, pid)
		}
	}
	role := func(pid int) string {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)) // likewise
		return string(text)
	}
	slices.SortFunc(children, func(a, b int) int { return -strings.Compare(role(a), role(b)) }) // process-secmod, process-front
	if len(children) < 2 || !strings.Contains(role(children[0]), moduleRole) || !strings.Contains(role(children[1]), frontRole) {
		p.t.Fatalf("the children of main are %v", children)
	}
	return append([]int{main}, children...)
}

// status are the lines of a process's status, by name.
func status(t *testing.T, pid int) map[string]string {
	t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := map[string]string{}
	for s := bufio.NewScanner(f); s.Scan(); {
		name, value, _ := strings.Cut(s.Text(), ":")
		lines[name] = strings.Join(strings.Fields(value), " ")
	}
	return lines
}

// TestSeparateProcesses: a service is separate processes, of separate users where root starts it, and each has given up what it does not need.
func TestSeparateProcesses(t *testing.T) {
	t.Parallel()
	const keptByModule = "000000000000000f" // CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER
	for name, c := range map[string]struct {
		user  int // that starts it
		args  []string
		users []int // of main, the security module and the fronts
		kept  string
	}{
		"root":         {users: []int{0, 0, nobody, nobody}, kept: keptByModule},
		"two users":    {args: []string{"--user-secmod=12001:12001", "--user-front=12002:12003"}, users: []int{0, 12001, 12002, 12002}, kept: "0000000000000000"},
		"unprivileged": {user: nobody, users: []int{nobody, nobody, nobody, nobody}, kept: "0000000000000000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if os.Getuid() != 0 {
				if c.user == 0 {
					t.Skip("only root changes users")
				}
				c.users = slices.Repeat([]int{os.Getuid()}, len(c.users))
			}
			dir, binary := openDir(t, c.user)
			p := launchAs(t, dir, nil, func(cmd *exec.Cmd) { cmd.Path, cmd.SysProcAttr = binary, as(c.user) }, append(c.args, "--fronts=2")...)
			p.await()

			for i, pid := range p.pids() {
				s := status(t, pid)
				is := func(line, want string) {
					t.Helper()
					if s[line] != want {
						t.Errorf("process %d: %s is %q, not %q", i, line, s[line], want)
					}
				}
				uid := strconv.Itoa(c.users[i])
				is("Uid", strings.Join([]string{uid, uid, uid, uid}, " "))
				is("NoNewPrivs", "1")
				if i > 0 {
					is("Seccomp", "2")
					is("CapInh", "0000000000000000")
					is("CapAmb", "0000000000000000")
				}
				switch {
				case i == 1:
					is("CapEff", c.kept)
					is("CapPrm", c.kept)
				case i > 1:
					is("CapEff", "0000000000000000")
					is("CapPrm", "0000000000000000")
				}
				if i > 1 && name == "two users" {
					is("Gid", "12003 12003 12003 12003")
					is("Groups", "")
				}
				isClosed(t, i, pid, c.users[i])
			}
			m := call(t, "", "GET", p.url+"/metrics", "").want(t, http.StatusOK)
			for _, want := range []string{"process_open_fds", "process_resident_memory_bytes", "process_cpu_seconds_total", "process_start_time_seconds"} {
				for _, of := range []string{"secmod", "front [01]"} { // the other front's come with its next answer
					number := regexp.MustCompile(fmt.Sprintf(`(?m)^%s{process="%s"} (\S+)$`, want, of)).FindStringSubmatch(m.Body)
					if number == nil || number[1] == "0" {
						t.Errorf("%s of %s is %v", want, of, number)
					}
				}
			}
			if r := call(t, "", "GET", p.url+"/readyz?verbose", ""); !strings.Contains(r.Body, `"missing_protections":[`) ||
				strings.Count(p.log(), "a protection is missing") != strings.Count(r.Body, `"front: `)+strings.Count(r.Body, `"security module: `) {
				t.Errorf("what is missing: %s\n%s", r.Body, p.log())
			}
			p.stop()
		})
	}
}

// as makes a command run as a user, where root runs the tests.
func as(user int) *syscall.SysProcAttr {
	if os.Getuid() != 0 || user == 0 {
		return &syscall.SysProcAttr{}
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(user), Gid: uint32(user)}} //nolint:gosec // positive
}

// isClosed checks that a process writes no core, and that no other of its user reads its memory. Root reads all.
func isClosed(t *testing.T, i, pid, user int) {
	t.Helper()
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`Max core file size +0 +0 `).Match(limits) {
		t.Errorf("process %d writes core files:\n%s", i, limits)
	}
	if user == 0 {
		return
	}
	for _, name := range []string{"mem", "environ", "maps"} {
		read := exec.CommandContext(t.Context(), "head", "-c", "1", fmt.Sprintf("/proc/%d/%s", pid, name))
		read.SysProcAttr = as(user)
		if out, err := read.CombinedOutput(); err == nil || !strings.Contains(string(out), "Permission denied") {
			t.Errorf("%s of process %d can be opened: %v %s", name, i, err, out)
		}
	}
}

// TestOneProcessIsClosed: a node that is one process is closed, too.
func TestOneProcessIsClosed(t *testing.T) {
	t.Parallel()
	dir, binary := openDir(t, nobody)
	p := launchAs(t, dir, nil, func(cmd *exec.Cmd) { cmd.Path, cmd.SysProcAttr = binary, as(nobody) }, "--isolation=none")
	p.await()
	user := nobody
	if os.Getuid() != 0 {
		user = os.Getuid()
	}
	isClosed(t, 0, p.cmd.Process.Pid, user)
	if s := status(t, p.cmd.Process.Pid); s["NoNewPrivs"] != "1" {
		t.Errorf("NoNewPrivs is %s", s["NoNewPrivs"])
	}
	if m := call(t, "", "GET", p.url+"/metrics", "").want(t, http.StatusOK); !strings.Contains(m.Body, "\nprocess_open_fds ") ||
		!strings.Contains(m.Body, "\nprocess_resident_memory_bytes ") {
		t.Error("the metrics of the process are gone")
	}
	p.stop()
}
