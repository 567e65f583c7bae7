//go:build amd64 || arm64

package confine

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// mainScenario asks a setuid program whose privileges it has, before and after Apply.
func mainScenario(in input) any {
	id := func() string {
		out, err := exec.Command(in.Setuid, "-u").CombinedOutput()
		if err != nil {
			return err.Error()
		}
		return strings.TrimSpace(string(out))
	}
	before := id()
	threads()
	missing, err := Apply(in.Rules)
	return report{Missing: missing, Err: said(err), Deeds: outcomes{"before": before, "after": id(), "threads": status("NoNewPrivs")}}
}

// threads starts some that are there when Apply runs.
func threads() {
	started := make(chan struct{})
	for range 8 {
		go func() { runtime.LockOSThread(); started <- struct{}{}; select {} }()
	}
	for range 8 {
		<-started
	}
}

// status returns a line of the status of all threads: its value, or their values if they differ.
func status(name string) string {
	files, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil {
		return err.Error()
	}
	var values []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err.Error()
		}
		for line := range strings.Lines(string(text)) {
			if value, ok := strings.CutPrefix(line, name+":\t"); ok {
				values = append(values, strings.TrimSpace(value))
			}
		}
	}
	slices.Sort(values)
	return strings.Join(slices.Compact(values), " ")
}

// TestNoNewPrivileges starts a setuid program of root's from a main process.
func TestNoNewPrivileges(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can make a setuid program of root's")
	}
	dir := place(t, nil)
	path := dir + "/id"
	if out, err := exec.Command("cp", "/usr/bin/id", path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(path, 0o755|os.ModeSetuid)); err != nil {
		t.Fatal(err)
	}
	r := answer[report](t, start(t, "main", &syscall.Credential{Uid: nobody, Gid: nobody}, input{Setuid: path}))
	if r.Err != "ok" || len(r.Missing) > 0 {
		t.Errorf("%s %v", r.Err, r.Missing)
	}
	r.Deeds.expect(t, outcomes{"before": "0", "after": "65534", "threads": "1"})
}

// lackingScenario applies a front's rules where the kernel knows neither Landlock nor seccomp: a filter hides them.
func lackingScenario(in input) any {
	hidden := []uint32{unix.SYS_LANDLOCK_CREATE_RULESET, unix.SYS_SECCOMP}
	p := []bpf.Instruction{load(offNumber)}
	for _, number := range hidden {
		p = append(p, when(number, []bpf.Instruction{bpf.RetConstant{Val: absent}})...)
	}
	raw, err := bpf.Assemble(append(p, bpf.RetConstant{Val: allow}))
	if err != nil {
		panic(err)
	}
	if err := errors.Join(allThreads(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1), install(raw)); err != nil {
		panic(err)
	}
	missing, err := Apply(in.Rules)
	return report{Missing: missing, Err: said(err), Deeds: outcomes{"open": said(os.WriteFile(in.Dir+"/file", nil, 0o600))}}
}

// TestWhatIsMissingIsNamed runs a front on a kernel that lacks both fences: it goes on, and says what it lacks.
func TestWhatIsMissingIsNamed(t *testing.T) {
	t.Parallel()
	users(t, func(t *testing.T, who *syscall.Credential) {
		r := answer[report](t, start(t, "lacking", who, input{Rules: Rules{Role: Front}, Dir: place(t, who)}))
		want := []Missing{{"landlock", "the kernel has none"}, {"seccomp", "the kernel has none"}}
		if r.Err != "ok" || len(r.Missing) != 2 || r.Missing[0] != want[0] || r.Missing[1] != want[1] {
			t.Errorf("%s %v", r.Err, r.Missing)
		}
		r.Deeds.expect(t, outcomes{"open": "ok"})
	})
}

// divergedScenario filters the calls of a process one of whose threads has a filter already.
func divergedScenario(input) any {
	if err := allThreads(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1); err != nil {
		panic(err)
	}
	started := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		open := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: allow}}
		prog := unix.SockFprog{Len: 1, Filter: &open[0]}
		_, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog)))
		if e != 0 {
			panic(e)
		}
		started <- struct{}{}
		select {}
	}()
	<-started
	runtime.LockOSThread()
	return report{Missing: filterCalls(Front)}
}

// TestFilterOfSomeThreads is a filter that the kernel gives to no thread, with a call that does not fail.
func TestFilterOfSomeThreads(t *testing.T) {
	t.Parallel()
	r := answer[report](t, start(t, "diverged", nil, input{}))
	if len(r.Missing) != 1 || r.Missing[0].Name != "seccomp" || !strings.Contains(r.Missing[0].Why, "has a filter of its own") {
		t.Errorf("%v", r.Missing)
	}
}

// TestCallsOfOtherArchitectures gives the filters a call of 32-bit programs, whose numbers mean other calls.
func TestCallsOfOtherArchitectures(t *testing.T) {
	t.Parallel()
	for _, f := range []filter{filterOf(Front), filterOf(SecurityModule)} {
		vm, err := bpf.NewVM(f.program())
		if err != nil {
			t.Fatal(err)
		}
		for arch, want := range map[uint32]uint32{auditArch: allow, unix.AUDIT_ARCH_I386: refuse, unix.AUDIT_ARCH_ARM: refuse} {
			data := make([]byte, 64) // the machine of this package reads big-endian numbers
			binary.BigEndian.PutUint32(data[offNumber:], unix.SYS_READ)
			binary.BigEndian.PutUint32(data[offArch:], arch)
			if got, err := vm.Run(data); err != nil || uint32(got) != want {
				t.Errorf("architecture %x: %x %v", arch, uint32(got), err)
			}
		}
	}
}

func TestOlderLandlockIsNamed(t *testing.T) {
	t.Parallel()
	for abi, want := range map[int]int{1: 4, 2: 4, 3: 3, 4: 2, 5: 1, 6: 0, 7: 0, 11: 0} {
		if got := lacking(abi); len(got) != want {
			t.Errorf("version %d: %v", abi, got)
		}
	}
	if got := lacking(5)[0].String(); got != "landlock: abstract sockets and signals are not restricted: the kernel has version 5, and this needs 6" {
		t.Error(got)
	}
}

// TestWrongRules are refused before anything is given up.
func TestWrongRules(t *testing.T) {
	t.Parallel()
	for text, r := range map[string]Rules{
		"there is no role 9":          {Role: 9},
		"this is a front process":     {Role: Front, Read: []string{"/etc"}},
		"this is a main process":      {Role: Main, ReadWrite: []string{"/etc"}},
		"the least is 2147483648":     {Role: Front, AddressSpace: 1 << 30},
		"an address space of 1 octet": {Role: SecurityModule, AddressSpace: 1},
	} {
		if _, err := Apply(r); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", text, err)
		}
	}
	var limit unix.Rlimit
	if got := status("NoNewPrivs"); got != "0" {
		t.Errorf("the tests' own process has no_new_privs: %s", got)
	}
	if err := unix.Getrlimit(unix.RLIMIT_AS, &limit); err != nil || limit.Cur != unix.RLIM_INFINITY {
		t.Errorf("the tests' own process is limited: %v %v", limit, err)
	}
}
