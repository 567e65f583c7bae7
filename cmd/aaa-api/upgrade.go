package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"aaa-api/internal/logging"
)

// heldVariable tells a main that takes another one's place which descriptors are its sockets, and by whom it was written: PID:API or
// PID:API,ADMIN, and then those for devices, such as ,radius-auth.0=7.
const heldVariable = "AAA_API_HELD_SOCKETS"

// heldFiles are sockets that a process had before it became this program.
type heldFiles struct {
	http    []*os.File            // the API's, then the admin one
	devices map[string][]*os.File // by the name of the listener
}

// heldSockets takes heldVariable out of the environment. It returns the sockets that the process had before it became this program.
func heldSockets() (held heldFiles) {
	text, ok := os.LookupEnv(heldVariable)
	if !ok {
		return heldFiles{}
	}
	_ = os.Unsetenv(heldVariable) // it is there
	pid, list, _ := strings.Cut(text, ":")
	if pid != strconv.Itoa(os.Getpid()) {
		return heldFiles{} // left over from a process that is gone
	}
	held.devices = map[string][]*os.File{}
	for _, one := range strings.Split(list, ",") {
		name, number, named := strings.Cut(one, "=")
		if !named {
			number = one
		}
		fd, err := strconv.Atoi(number)
		if err != nil || fd < 3 {
			return heldFiles{}
		}
		syscall.CloseOnExec(fd)
		f := os.NewFile(uintptr(fd), "listener")
		if !named {
			held.http = append(held.http, f)
			continue
		}
		name, _, _ = strings.Cut(name, ".")
		held.devices[name] = append(held.devices[name], f)
	}
	return held
}

// programPath is where a new version of this program is put: the path by which it was called, as that may be a link that is turned to another
// file.
func programPath() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	path, err := exec.LookPath(os.Args[0])
	if err != nil {
		return self, nil //nolint:nilerr // what it was called is not where it is
	}
	called, cerr := os.Stat(path) //nolint:gosec // the path of this program
	own, oerr := os.Stat(self)
	if cerr != nil || oerr != nil || !os.SameFile(called, own) {
		return self, nil //nolint:nilerr // likewise
	}
	return filepath.Abs(path)
}

// checkTime bounds how long a new binary may take to say its version.
const checkTime = 10 * time.Second

// upgrade has the children finish and end, and becomes the program that is now at the binary's path, which starts new ones. The sockets stay open
// meanwhile: connections that come wait in the kernel. It returns only if that failed, with new children of this program.
func (p *parent) upgrade(ctx context.Context) error {
	check, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	say := exec.CommandContext(check, p.binary, "version")
	say.Env = os.Environ()
	version, err := say.Output()
	if err != nil {
		p.log.ErrorContext(ctx, "no upgrade: the new binary does not start", "path", p.binary, "error", err)
		return nil
	}
	p.log.InfoContext(ctx, "upgrade: finishing what is in flight, new connections wait", "to", strings.TrimSpace(string(version)))
	if err := p.family().Stop(finishTime); err != nil {
		p.log.WarnContext(ctx, "not all was finished before the upgrade", "error", err)
	}
	if ctx.Err() != nil {
		return nil
	}
	err = p.become()
	signal.Notify(p.upgrades, syscall.SIGUSR2)
	p.log.ErrorContext(ctx, "no upgrade: going on with this version", "path", p.binary, "error", err)
	return p.start(ctx)
}

// become replaces this program. It returns where that is not possible.
func (p *parent) become() error {
	files := p.allFiles()
	numbers := make([]string, len(files))
	for i, f := range files {
		raw, err := f.SyscallConn()
		if err != nil {
			return err
		}
		var ferr error
		err = raw.Control(func(fd uintptr) {
			numbers[i] = f.held + strconv.Itoa(int(fd)) //nolint:gosec // a descriptor
			_, ferr = unix.FcntlInt(fd, unix.F_SETFD, 0)
		})
		if err := errors.Join(err, ferr); err != nil {
			return err
		}
	}
	if err := p.lines.Close(); err != nil {
		return err
	}
	signal.Ignore(syscall.SIGUSR2) // it would end a program that does not hear it yet
	held := fmt.Sprintf("%s=%d:%s", heldVariable, os.Getpid(), strings.Join(numbers, ","))
	err := syscall.Exec(p.binary, os.Args, append(os.Environ(), held)) //nolint:gosec // the program and the command line that this process was started with
	p.openLog()
	for _, f := range files { // children get them by the channel alone
		if raw, rerr := f.SyscallConn(); rerr == nil {
			_ = raw.Control(func(fd uintptr) { unix.CloseOnExec(int(fd)) }) //nolint:gosec // a descriptor
		}
	}
	return err
}

// openLog begins a log.
func (p *parent) openLog() {
	p.lines = logging.NewWriter(wholeLines(p.env.stderr))
	p.log = newLog(p.lines, p.cfg.LogLevel, p.node)
}

// listenersOf are sockets that this process held before.
func listenersOf(files []*os.File, admin bool) (sockets, error) {
	if want := map[bool]int{false: 1, true: 2}[admin]; len(files) != want {
		return sockets{}, fmt.Errorf("%d sockets were held, and the settings have %d", len(files), want)
	}
	s, err := socketsOf(files)
	for _, f := range files {
		f.Close() //nolint:errcheck,gosec // the listeners are copies
	}
	return s, err
}
