package main

import (
	"net/http"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// nodeStatus is what tests look at of a node's state.
type nodeStatus struct {
	Isolation string
	Fault     string
	Requests  uint64
	Processes []struct {
		Role     string
		PID      int
		Restarts int
	}
}

// TestCtlProcesses: main answers operators whatever becomes of the security module, hands on what that serves, and a follower goes on with the
// next one.
func TestCtlProcesses(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("a node has processes on Linux alone")
	}
	c := &ctl{t: t, dir: migratedDir(t)}
	c.process = start(t, c.dir, nil, "--demo", "--isolation=process", "--fronts=2")
	c.tenant, c.token = c.url+"/v2/accounts/"+string(demoTenant)+"/aaa", readToken(t, c.dir, "demo.token")
	var s nodeStatus
	c.json(&s, "status")
	roles, pids := "", map[int]bool{}
	for _, p := range s.Processes {
		roles += p.Role + ","
		pids[p.PID] = true
	}
	if s.Isolation != "process" || roles != "main,security module,front 0,front 1," || len(pids) != 4 || s.Fault != "" {
		t.Fatalf("%+v", s)
	}

	f := c.follow()
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		for f.lines.Scan() {
			lines <- f.lines.Text()
		}
	}()
	// told returns once the follower shows a request.
	told := func() {
		t.Helper()
		for over := time.Now().Add(patience); time.Now().Before(over); {
			call(t, c.token, http.MethodPost, c.tenant+"/authn", `{"data":{"User-Name":"alice","User-Password":"wonderland"}}`)
			select {
			case line, ok := <-lines:
				if ok && strings.Contains(line, "alice") {
					return
				}
				t.Fatalf("the follower shows %q", line)
			case <-time.After(100 * time.Millisecond):
			}
		}
		t.Fatal("the follower shows nothing")
	}
	told()

	// One that does not run any more holds nothing up, and goes on where it was.
	if err := f.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		call(t, c.token, http.MethodPost, c.tenant+"/authn", `{"data":{"User-Name":"alice","User-Password":"wonderland"}}`).want(t, http.StatusOK)
	}
	if err := f.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		select {
		case line := <-lines:
			if !strings.Contains(line, "alice") {
				t.Fatalf("after a stop the follower shows %q", line)
			}
		case <-time.After(patience):
			t.Fatal("the follower shows nothing after a stop")
		}
	}

	if err := syscall.Kill(s.Processes[1].PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	before := s.Processes[1].PID
	for over := time.Now().Add(patience); ; {
		s = nodeStatus{}
		c.json(&s, "status") // main answers at any moment
		if m := s.Processes[1]; m.Restarts == 1 && m.PID != before && s.Fault == "" {
			break
		}
		if time.Now().After(over) {
			t.Fatalf("the security module does not come back: %+v", s)
		}
	}
	for len(lines) > 0 { // of requests before its end
		<-lines
	}
	told()
	if got := c.table("requests"); len(got) < 2 {
		t.Errorf("requests since: %q", got)
	}
	if got := c.table("reload"); got[0] != "reloaded" {
		t.Errorf("reload: %q", got)
	}
	if got := c.table("stop"); got[0] != "stopped" {
		t.Errorf("stop: %q", got)
	}
	c.wait()
	for range lines { // to the end of its output
		continue
	}
	if err := f.cmd.Wait(); err == nil {
		t.Error("the follower of a node that is gone ends well")
	}
}

// TestCtlHangs: a process that hangs keeps no operator waiting for ever.
func TestCtlHangs(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("a node has processes on Linux alone")
	}
	c := &ctl{t: t, dir: migratedDir(t)}
	c.process = start(t, c.dir, nil, "--isolation=process")
	var s nodeStatus
	c.json(&s, "status")
	stopped := func(pid int, then func()) {
		t.Helper()
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		then()
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
	stopped(s.Processes[1].PID, func() {
		var hung nodeStatus
		if c.json(&hung, "status"); !strings.HasPrefix(hung.Fault, "it gives no answer") || len(hung.Processes) != 3 {
			t.Errorf("a security module that is stopped: %+v", hung)
		}
	})
	stopped(s.Processes[0].PID, func() {
		if said := c.fails(1, "status"); !strings.Contains(said, "its first process hangs, is stopped or is about to end") {
			t.Errorf("a first process that is stopped: %s", said)
		}
	})
	if c.json(&s, "status"); s.Fault != "" {
		t.Errorf("after that: %+v", s)
	}
}
