//go:build !linux

package processes

import (
	"errors"
	"syscall"
	"time"
)

// Supported says whether this system has what children need.
const Supported = false

func attributes(user *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: user}
}

func fromParent(int) error { return errors.New("only Linux has such processes") }

// Name does nothing.
func Name(string) {}

func setSlack(time.Duration) {}
