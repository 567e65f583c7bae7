package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// nobody is the user that the node of this test runs as, where the test may choose.
const nobody = 65534

// TestMemoryIsClosed runs a node and reads of it, as another process of the same user, what would hold its secrets.
func TestMemoryIsClosed(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "closed") // a folder of t.TempDir is closed to other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "aaa-api")
	if out, err := exec.CommandContext(t.Context(), "cp", self, binary).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	user := &syscall.SysProcAttr{}
	if os.Getuid() == 0 {
		user.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	p := launchAs(t, dir, nil, func(cmd *exec.Cmd) { cmd.Path, cmd.SysProcAttr = binary, user })
	p.await()

	for _, pid := range p.family() {
		limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`Max core file size +0 +0 `).Match(limits) {
			t.Errorf("core files are written:\n%s", limits)
		}
		for _, name := range []string{"mem", "environ", "maps"} {
			read := exec.CommandContext(t.Context(), "head", "-c", "1", fmt.Sprintf("/proc/%d/%s", pid, name))
			read.SysProcAttr = user
			if out, err := read.CombinedOutput(); err == nil || !strings.Contains(string(out), "Permission denied") {
				t.Errorf("%s can be opened: %v %s", name, err, out)
			}
		}
	}
	m := call(t, "", "GET", p.url+"/metrics", "").want(t, http.StatusOK).Body
	for _, name := range []string{"process_open_fds", "process_resident_memory_bytes"} {
		for _, process := range []string{"secmod", "front 0"} {
			if !strings.Contains(m, fmt.Sprintf("\n%s{process=%q} ", name, process)) {
				t.Errorf("no metric %s of the process %s", name, process)
			}
		}
	}
	p.stop()
}
