//go:build amd64 || arm64

package confine

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestLockedBytes reads from the kernel's map of the process how it treats the memory.
func TestLockedBytes(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 32, 4096, 4097} {
		l, missing, err := LockedBytes(n)
		if err != nil || len(missing) > 0 {
			t.Fatalf("%v %v", missing, err)
		}
		b := l.Bytes()
		if len(b) != n || cap(b) != n || !bytes.Equal(b, make([]byte, n)) {
			t.Errorf("%d octets of %d, of %d", len(b), n, cap(b))
		}
		copy(b, "key")
		flags := vmFlags(t, uintptr(unsafe.Pointer(&l.octets[0])))
		for _, flag := range []string{"lo", "dd"} { // locked, not dumped
			if !strings.Contains(flags+" ", " "+flag+" ") {
				t.Errorf("%s is not among the flags: %s", flag, flags)
			}
		}
		l.Free()
		l.Free()
		if len(l.Bytes()) != 0 {
			t.Error("there is memory after Free")
		}
	}
}

// vmFlags returns the flags of the mapping that holds an address (proc_pid_smaps(5)).
func vmFlags(t *testing.T, address uintptr) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	head := regexp.MustCompile(`^([0-9a-f]+)-([0-9a-f]+) `)
	inside := false
	for line := range strings.Lines(string(text)) {
		if m := head.FindStringSubmatch(line); m != nil {
			var from, to uintptr
			if _, err := fmt.Sscanf(m[1]+" "+m[2], "%x %x", &from, &to); err != nil {
				t.Fatal(err)
			}
			inside = from <= address && address < to
		}
		if flags, ok := strings.CutPrefix(line, "VmFlags:"); ok && inside {
			return strings.TrimRight(flags, "\n")
		}
	}
	t.Fatalf("%x is not mapped", address)
	return ""
}

func lockedScenario(input) any {
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{}); err != nil {
		return report{Err: err.Error()}
	}
	l, missing, err := LockedBytes(32)
	if err != nil {
		return report{Err: err.Error()}
	}
	return report{Missing: missing, Deeds: outcomes{"use": string(append(l.Bytes()[:0], "key"...))}}
}

// TestNothingMayBeLocked has a user whose limit of locked memory is zero use memory for keys.
func TestNothingMayBeLocked(t *testing.T) {
	t.Parallel()
	var who *syscall.Credential
	if os.Getuid() == 0 {
		who = &syscall.Credential{Uid: nobody, Gid: nobody} // root has no limit
	}
	r := answer[report](t, start(t, "locked", who, input{}))
	if r.Err != "" || len(r.Missing) != 1 || r.Missing[0].Name != "mlock" {
		t.Errorf("%s %v", r.Err, r.Missing)
	}
	r.Deeds.expect(t, outcomes{"use": "key"})
}
