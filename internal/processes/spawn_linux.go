package processes

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Supported says whether this system has what children need.
const Supported = true

// attributes give a child a process group of its own, so that signals of a terminal reach main alone, and end it with main.
func attributes(user *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Credential: user}
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
