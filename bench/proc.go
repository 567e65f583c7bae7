package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a child that this run started: a server under test, or part of the load.
type process struct {
	cmd    *exec.Cmd
	stdout *bufio.Reader
	stderr fmt.Stringer // the end of it
}

// startProcess starts a child. It ends with ctx, or when stop is called.
func startProcess(ctx context.Context, name string, args ...string) (*process, error) {
	t := &tail{}
	return startWith(ctx, t, t, name, args...)
}

// startLogged is startProcess for a child that logs to a file, as a service does.
func startLogged(ctx context.Context, log, name string, args ...string) (*process, error) {
	f, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close() // the child has its own descriptor
	return startWith(ctx, f, logEnd(log), name, args...)
}

func startWith(ctx context.Context, stderr io.Writer, end fmt.Stringer, name string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, name, args...), stderr: end}
	p.cmd.Stderr = stderr
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = 10 * time.Second
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.stdout = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	return p, nil
}

// startSelf starts this program with a subcommand and returns the first line
// that it prints: the address on which it serves.
func startSelf(ctx context.Context, args ...string) (p *process, address string, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	return startServer(ctx, self, args...)
}

// startServer starts a server whose first line of output is the address on which it serves.
func startServer(ctx context.Context, name string, args ...string) (p *process, address string, err error) {
	if p, err = startProcess(ctx, name, args...); err != nil {
		return nil, "", err
	}
	line, err := p.stdout.ReadString('\n')
	if err != nil {
		return nil, "", fmt.Errorf("%s %s did not start: %w: %s", name, args[0], p.stop(), p.stderr)
	}
	return p, strings.TrimSpace(line), nil
}

// runSelf runs this program with a subcommand to its end: input is given as
// JSON on its standard input, its standard output is read as JSON into output.
func runSelf(ctx context.Context, input, output any, args ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	in, err := json.Marshal(input)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stdin = bytes.NewReader(in)
	complaint := &tail{}
	cmd.Stderr = complaint
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", args[0], err, complaint)
	}
	return json.Unmarshal(out, output)
}

// stop ends the child and waits for it.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_, _ = io.Copy(io.Discard, p.stdout)
	return p.cmd.Wait()
}

// resident is the resident memory of the child and of its children, in octets. What they share is counted once for each.
func (p *process) resident() (sum int64, err error) {
	pids, err := family(p.cmd.Process.Pid)
	for _, pid := range pids {
		n, rerr := residentOf(pid)
		sum, err = sum+n, errors.Join(err, rerr)
	}
	return sum, err
}

// residentOf is the resident memory of one process.
func residentOf(pid int) (int64, error) { return octetsOf(pid, "status", "VmRSS:") }

// shareOf is the resident memory of one process, where a page counts in parts for all processes that have it.
func shareOf(pid int) (int64, error) { return octetsOf(pid, "smaps_rollup", "Pss:") }

// octetsOf reads a line of a process's file in KiB.
func octetsOf(pid int, file, name string) (int64, error) {
	text, err := os.ReadFile(procFile(pid, file))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("process %d has no %s", pid, name)
}

// descriptors is how many the child and its children have open.
func (p *process) descriptors() (sum int, err error) {
	pids, err := family(p.cmd.Process.Pid)
	for _, pid := range pids {
		open, rerr := os.ReadDir(procFile(pid, "fd"))
		sum, err = sum+len(open), errors.Join(err, rerr)
	}
	return sum, err
}

// processor is the processor time that the child and its children have used, to a hundredth of a second each. Those that
// ended count with who waited for them.
func (p *process) processor() (sum time.Duration, err error) {
	pids, err := family(p.cmd.Process.Pid)
	for _, pid := range pids {
		s, rerr := statOf(pid)
		sum, err = sum+s.processor, errors.Join(err, rerr)
	}
	return sum, err
}

// stat is what proc(5) tells of a process.
type stat struct {
	parent    int
	processor time.Duration
}

func statOf(pid int) (s stat, err error) {
	text, err := os.ReadFile(procFile(pid, "stat"))
	if err != nil {
		return s, err
	}
	// proc(5): the name in brackets may hold anything; the parent is the 2nd field behind it, and 12th to 15th are utime, stime and
	// those of children that ended.
	_, rest, _ := strings.Cut(string(text[bytes.LastIndexByte(text, ')'):]), " ")
	fields := strings.Fields(rest)
	if len(fields) < 15 {
		return s, fmt.Errorf("process %d has no processor time", pid)
	}
	if s.parent, err = strconv.Atoi(fields[1]); err != nil {
		return s, err
	}
	for _, f := range fields[11:15] {
		n, err := strconv.Atoi(f)
		if err != nil {
			return s, err
		}
		s.processor += time.Duration(n) * (time.Second / 100)
	}
	return s, nil
}

// family is a process and all that descends from it.
func family(pid int) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	children := make(map[int][]int)
	for _, e := range entries {
		child, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if s, err := statOf(child); err == nil { // else it ended meanwhile
			children[s.parent] = append(children[s.parent], child)
		}
	}
	list := []int{pid}
	for i := 0; i < len(list); i++ {
		list = append(list, children[list[i]]...)
	}
	return list, nil
}

func procFile(pid int, name string) string { return filepath.Join("/proc", strconv.Itoa(pid), name) }

// tail keeps the last of what a child wrote to its standard error.
type tail struct{ b []byte }

func (t *tail) Write(b []byte) (int, error) {
	const most = 4 << 10
	t.b = append(t.b, b...)
	if over := len(t.b) - most; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(b), nil
}

func (t *tail) String() string { return string(t.b) }

// logEnd is the path of a log; its text is the log's last lines.
type logEnd string

func (l logEnd) String() string {
	b, err := os.ReadFile(string(l))
	if err != nil {
		return err.Error()
	}
	const most = 4 << 10
	return string(b[max(0, len(b)-most):])
}
