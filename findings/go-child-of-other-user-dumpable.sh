#!/bin/sh
# A Go process that starts a child as another user is not dumpable any more, though nothing in it changed its user.
#
# Guess: SysProcAttr.Credential concerns the child: it calls setuid after the fork, in a copy of the process.
# What happens: Go forks by clone(CLONE_VFORK|CLONE_VM). Until its exec the child has the parent's memory, and the kernel marks the memory of a
# process that changes its user as not dumpable (prctl(2), PR_SET_DUMPABLE). After the first such child the parent writes no core file, no
# debugger of its user may attach, and its files in /proc belong to root, so that a parent which has CAP_SETUID without being root can't
# read its own environment there. Python forks a copy where a user is given, and its parent stays as it was.
# Why an AAA gateway cares: the parent of workers that run as other users leaves no core file of a crash, from the start of the first worker on, and
# nothing in its configuration says why. If it wants core files it has to set PR_SET_DUMPABLE again after each start; if it
# wants none it has to say so itself, as this side effect comes with the first worker and not before.
set -eu
[ "$(id -u)" = 0 ] || { echo 'this needs root: it changes users' >&2; exit 2; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
cd "$dir"
cat >go.mod <<MOD
module finding

go 1.26.0

require golang.org/x/sys v0.49.0
MOD
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func state() string {
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	must(err)
	environment := "readable"
	if _, err := os.ReadFile("/proc/self/environ"); err != nil {
		environment = err.Error()
	}
	return fmt.Sprintf("dumpable %d, environment: %s", dumpable, environment)
}

func main() {
	fmt.Println(runtime.Version(), "user", os.Getuid())
	fmt.Println("at first:", state())
	must(exec.Command("true").Run())
	fmt.Println("after a child:", state())
	other := exec.Command("true")
	other.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 54321, Gid: 54321}}
	must(other.Run())
	fmt.Println("after a child of another user:", state())
}
GO
cat >finding.py <<'PY'
import ctypes, subprocess, sys
libc = ctypes.CDLL(None)
print("Python", sys.version.split()[0])
subprocess.run(["true"], user=54321, check=True)
print("after a child of another user: dumpable", libc.prctl(3, 0, 0, 0, 0))
PY
go mod tidy >/dev/null 2>&1
CGO_ENABLED=0 go build -o finding .
{
	setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=+setuid,+setgid --ambient-caps=+setuid,+setgid ./finding
	python3 finding.py
} | tee out
uname -r
cat >want <<'WANT'
at first: dumpable 1, environment: readable
after a child: dumpable 1, environment: readable
after a child of another user: dumpable 0, environment: open /proc/self/environ: permission denied
after a child of another user: dumpable 1
WANT
grep -v -e '^go1' -e '^Python' out | diff want -
