package processes

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Supported says whether this system has what children need.
const Supported = true

// attributes give a child a process group of its own, so that signals of a terminal reach main alone, and end it with main.
func attributes(user *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Credential: user}
}

// setSlack sets the slack of this thread's timers; 0: its own from the start.
func setSlack(d time.Duration) {
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(d), 0, 0, 0) //nolint:gosec // not negative; without it all works as well
}

// fromParent checks that a descriptor is a socket that the parent made: the kernel notes who made a pair.
func fromParent(fd int) error {
	kind, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_TYPE)
	if err != nil {
		return fmt.Errorf("descriptor %d: %w", fd, err)
	}
	peer, err := syscall.GetsockoptUcred(fd, syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	if err != nil {
		return fmt.Errorf("descriptor %d: %w", fd, err)
	}
	if kind != syscall.SOCK_SEQPACKET || int(peer.Pid) != os.Getppid() {
		return errors.New("its parent is another one")
	}
	return nil
}

// Name sets what ps and top call this process, which would be exe: main starts its children by /proc/self/exe. It is to be called on the first
// thread, as an init function is.
func Name(name string) {
	if b, err := unix.ByteSliceFromString(name); err == nil {
		_ = unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&b[0])), 0, 0, 0) //nolint:gosec // the kernel copies it
	}
}
