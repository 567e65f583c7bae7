package adminsocket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"aaa-api/internal/line"
)

// Name is the file name of the socket in the data folder.
const Name = "admin.sock"

// ErrInUse is the error of Listen if another process listens there.
var ErrInUse = errors.New("another node listens there")

const (
	maxConns = 16 // at once
	// helloTime bounds the hello in both directions.
	helloTime = 5 * time.Second
)

// Hello is the first thing that a node says, one line of JSON.
type Hello struct {
	Refused  string `json:"refused,omitempty"` // why the connection ends here
	Version  string `json:"version,omitempty"`
	Protocol string `json:"protocol,omitempty"` // names the form of what follows
	PID      int    `json:"pid,omitempty"`      // of main
}

// Policy says who is let in.
type Policy struct {
	Users []uint32 // beside root and the user of this process
}

// allows reports whether a user is let in.
func (p Policy) allows(uid uint32) bool {
	if uid == 0 || int64(uid) == int64(os.Geteuid()) {
		return true
	}
	for _, u := range p.Users {
		if u == uid {
			return true
		}
	}
	return false
}

// Socket is a socket that main listens at.
type Socket struct {
	path   string
	policy Policy
	hello  Hello
	log    *slog.Logger
	l      *net.UnixListener
	file   fs.FileInfo // of path

	mu     sync.Mutex
	conns  map[*line.Conn]struct{}
	closed bool
	work   sync.WaitGroup
}

// Listen makes the socket of a data folder. What a process that is gone has left there is replaced.
func Listen(folder string, policy Policy, hello Hello, log *slog.Logger) (*Socket, error) {
	path := filepath.Join(folder, Name)
	if c, err := dial(context.Background(), path); err == nil {
		_ = c.Close()
		return nil, ErrInUse
	}
	switch left, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case left.Mode().Type() != fs.ModeSocket:
		return nil, fmt.Errorf("%s is no socket: move it away", path)
	default:
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	short, done, err := shortPath(path)
	if err != nil {
		return nil, err
	}
	defer done()
	l, err := (&net.ListenConfig{Control: closed}).Listen(context.Background(), "unix", short)
	if err != nil {
		return nil, err
	}
	s := &Socket{path: path, policy: policy, hello: hello, log: log, l: l.(*net.UnixListener), conns: make(map[*line.Conn]struct{})} //nolint:forcetypeassert // of a unix socket
	s.l.SetUnlinkOnClose(false)
	s.hello.PID = os.Getpid()
	if s.file, err = os.Lstat(path); err == nil && s.file.Mode().Perm() != 0o600 { // a system where closed does nothing
		err = os.Chmod(path, 0o600)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close(), os.Remove(path))
	}
	return s, nil
}

// closed gives a socket the permissions that its file has from the first moment on: a change by path could hit another file.
func closed(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) { _ = unix.Fchmod(int(fd), 0o600) }) //nolint:gosec // a descriptor
}

// Serve serves who is let in, until Close.
func (s *Socket) Serve(h line.Handler) {
	for {
		c, err := s.l.AcceptUnix()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // of one connection, or no descriptor is left
			s.log.Warn("the admin socket takes no connection", "error", err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		s.welcome(c, h)
	}
}

// welcome says hello, and begins the line with who is let in.
func (s *Socket) welcome(c *net.UnixConn, h line.Handler) {
	hello := s.hello
	if err := s.admit(c); err != nil {
		hello = Hello{Refused: err.Error()}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		hello = Hello{Refused: "the node stops"}
	case hello.Refused == "" && len(s.conns) >= maxConns:
		hello = Hello{Refused: fmt.Sprintf("%d commands are connected already", maxConns)}
	}
	text, err := json.Marshal(hello)
	if err == nil { // the socket's buffer has room for it
		_ = c.SetWriteDeadline(time.Now().Add(helloTime))
		_, err = c.Write(append(text, '\n'))
		_ = c.SetWriteDeadline(time.Time{})
	}
	if err != nil || hello.Refused != "" {
		_ = c.Close()
		return
	}
	conn := line.New(c, options(h, s.log))
	s.conns[conn] = struct{}{}
	s.work.Go(func() {
		<-conn.Done()
		conn.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.conns, conn)
	})
}

// admit refuses a connection by who made it.
func (s *Socket) admit(c *net.UnixConn) error {
	uid, known, err := peer(c)
	switch {
	case err != nil:
		return fmt.Errorf("the kernel does not tell who connects: %w", err)
	case known && !s.policy.allows(uid):
		s.log.Warn("a user may not use the admin socket", "uid", uid)
		return fmt.Errorf("user %d may not use the admin socket: only root and the service's user (%d) may", uid, os.Geteuid())
	}
	return nil
}

// options are those of a line at both ends.
func options(h line.Handler, log *slog.Logger) line.Options {
	return line.Options{
		Handler: h, Log: log, Peer: "an operator", MaxRequest: 64 << 10, MaxAnswer: 16 << 20, Calls: 16, RequestOctets: 1 << 20, Queue: 1 << 20,
	}
}

// Close ends all connections and removes the socket.
func (s *Socket) Close() error {
	err := s.l.Close()
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.work.Wait()
	if now, serr := os.Lstat(s.path); serr == nil && os.SameFile(now, s.file) {
		err = errors.Join(err, os.Remove(s.path))
	}
	return err
}
