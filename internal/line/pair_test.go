package line

import (
	"context"
	"net"
	"os"
	"syscall"
	"testing"
)

// sockets is a pair of connected stream sockets, as a process inherits them.
func sockets(t testing.TB) (a, b net.Conn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	conn := func(fd int) net.Conn {
		f := os.NewFile(uintptr(fd), "line")
		defer f.Close()
		c, err := net.FileConn(f)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	return conn(fds[0]), conn(fds[1])
}

// pair is both ends of a line; the server has o, the client the same bounds.
func pair(t testing.TB, o Options) (client, server *Conn) {
	t.Helper()
	a, b := sockets(t)
	server = New(b, o)
	o.Handler = nil
	client = New(a, o)
	t.Cleanup(func() {
		client.Close()
		server.Close()
		client.Wait()
		server.Wait()
	})
	return client, server
}

type wide struct {
	Text   string
	Octets []byte
}

// echo answers with what it was asked.
type echo struct{}

func (echo) Serve(_ context.Context, _ uint16, _ *From, decode func(any) error) (any, error) {
	var q wide
	err := decode(&q)
	return &q, err
}
