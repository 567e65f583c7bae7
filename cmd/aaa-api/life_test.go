package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// family is main and its children.
func (p *process) family() []int {
	p.t.Helper()
	list := []int{p.cmd.Process.Pid}
	for _, pids := range p.children() {
		list = append(list, pids...)
	}
	if len(list) < 3 {
		p.t.Fatalf("the processes are %v", list)
	}
	slices.Sort(list[1:])
	return list
}

// children are main's processes by role: "secmod" has one, "front" as many as there are.
func (p *process) children() map[string][]int {
	p.t.Helper()
	if runtime.GOOS != "linux" {
		p.t.Skip("only Linux tells who is whose child")
	}
	// Each thread has the children that it started.
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	of := map[string][]int{}
	for _, thread := range threads {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", p.cmd.Process.Pid, thread.Name())) // it may have ended
		for _, field := range strings.Fields(string(text)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				p.t.Fatal(err)
			}
			line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			words := strings.Split(string(line), "\x00")
			if i := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, rolePrefix) }); i >= 0 {
				role := strings.TrimPrefix(words[i], rolePrefix)
				of[role] = append(of[role], pid)
			}
		}
	}
	return of
}

// theFront is the process of the only front.
func (p *process) theFront() int { return p.only("front") }

// theModule is the process of the security module.
func (p *process) theModule() int { return p.only("secmod") }

func (p *process) only(role string) int {
	p.t.Helper()
	var pid int
	eventually(p.t, "one "+role+" runs", func() bool {
		list := p.children()[role]
		if len(list) != 1 {
			return false
		}
		pid = list[0]
		return true
	})
	return pid
}

// kill ends a process as the kernel does that is out of memory.
func kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// gone waits for the end of processes.
func gone(t *testing.T, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		eventually(t, fmt.Sprintf("process %d is gone", pid), func() bool { return syscall.Kill(pid, 0) != nil })
	}
}

// residentPeak is the most memory that the processes had so far, in octets. Pages that they share count for each.
func (p *process) residentPeak() (sum int64) {
	p.t.Helper()
	for _, pid := range p.family() {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil { // a process that attacks have ended must not pass
			p.t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), "VmHWM:")
		kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
		if err != nil {
			p.t.Fatal(err)
		}
		sum += kib << 10
	}
	return sum
}
