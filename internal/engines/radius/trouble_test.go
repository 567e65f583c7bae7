package radius

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"aaa-api/internal/engines"
	"aaa-api/internal/engines/enginetest"
)

// faulty is a socket that fails to read when its server says so: a datagram of one octet stands for the
// error of that number.
type faulty struct{ *net.UDPConn }

func (f faulty) Read(b []byte) (int, error) {
	n, err := f.UDPConn.Read(b)
	if err == nil && n == 1 {
		return 0, &net.OpError{Op: "read", Net: "udp", Err: os.NewSyscallError("read", syscall.Errno(b[0]))}
	}
	return n, err
}

// openFaulty opens a Client of faulty sockets.
func openFaulty(t *testing.T, timeout time.Duration, retries int, script func(*enginetest.Query)) (*enginetest.ScriptedRADIUS, *client) {
	t.Helper()
	s := enginetest.NewScriptedRADIUS(t, testSecret, script)
	e := New(Options{})
	e.dial = func(to netip.AddrPort) (datagrams, error) {
		conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
		return faulty{conn}, err
	}
	return s, openTest(t, e, scriptedServer(s, timeout, retries))
}

// What the network says about a packet ends neither the socket nor the requests on it.
func TestSoftErrors(t *testing.T) {
	t.Parallel()
	for _, number := range []syscall.Errno{syscall.EMSGSIZE, syscall.EPROTO, syscall.EOPNOTSUPP, syscall.ENOBUFS, syscall.EINTR} {
		t.Run(number.Error(), func(t *testing.T) {
			t.Parallel()
			_, c := openFaulty(t, 20*time.Second, 0, func(q *enginetest.Query) {
				q.Send([]byte{byte(number)})
				q.Send(q.Answer(enginetest.AccessAccept))
			})
			var first *socket
			for range 3 {
				if _, err := c.Exchange(t.Context(), login(newTestDict())); err != nil {
					t.Fatal(err)
				}
				c.mu.Lock()
				if first == nil {
					first = c.sockets[0]
				}
				if len(c.sockets) != 1 || c.sockets[0] != first {
					t.Error("the socket was dropped")
				}
				c.mu.Unlock()
			}
			if got := c.Health().State(); got != engines.Alive {
				t.Errorf("health %v", got)
			}
		})
	}
}

// A packet that was too big for the path goes out once more at once, as the kernel now knows how to
// fragment it; whatever the network says then, it waits.
func TestTooBig(t *testing.T) {
	t.Parallel()
	s, c := openFaulty(t, time.Hour, 0, func(q *enginetest.Query) {
		if q.Count == 1 {
			q.Send([]byte{byte(syscall.EMSGSIZE)})
			return
		}
		q.Send(q.Answer(enginetest.AccessAccept))
	})
	c.previous = &key{secret: []byte("another")} // it was no silence, so the other secret is not tried
	r, err := c.Exchange(t.Context(), login(newTestDict()))
	if err != nil || r.Attempts != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	if p := s.Packets(); !bytes.Equal(p[0], p[1]) {
		t.Error("sent again, but changed")
	}
	s, c = openFaulty(t, 400*time.Millisecond, 1, func(q *enginetest.Query) { q.Send([]byte{byte(syscall.EMSGSIZE)}) })
	_, err = c.Exchange(t.Context(), login(newTestDict()))
	var f *engines.Failure
	if !errors.As(err, &f) || f.Reason != engines.NoAnswer || f.Attempts != 3 || len(s.Packets()) != 3 {
		t.Errorf("%v after %d packets", err, len(s.Packets()))
	}
}

func TestUnusableSocket(t *testing.T) {
	t.Parallel()
	_, c := openFaulty(t, time.Hour, 0, func(q *enginetest.Query) {
		if q.Count == 1 {
			q.Send([]byte{byte(syscall.ENOTCONN)})
			return
		}
		q.Send(q.Answer(enginetest.AccessAccept))
	})
	_, err := c.Exchange(t.Context(), login(newTestDict()))
	var f *engines.Failure
	if !errors.As(err, &f) || f.Reason != engines.Unreachable || !errors.Is(err, syscall.ENOTCONN) {
		t.Errorf("%v", err)
	}
	if n := count(c); n != 0 {
		t.Errorf("%d sockets", n)
	}
	if _, err := c.Exchange(t.Context(), login(newTestDict())); err != nil {
		t.Errorf("on a new socket: %v", err)
	}
}

// One refused packet ends all requests that are out on its socket, and is one failure of the server.
func TestRefusalIsOneFailure(t *testing.T) {
	t.Parallel()
	const n = 6
	_, c := openFaulty(t, time.Hour, 0, func(q *enginetest.Query) {
		if q.Count == n {
			q.Send([]byte{byte(syscall.ECONNREFUSED)})
		}
	})
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			_, err := c.Exchange(t.Context(), login(newTestDict()))
			var f *engines.Failure
			if !errors.As(err, &f) || f.Reason != engines.Unreachable || f.Attempts != 1 {
				t.Errorf("%v", err)
			}
		})
	}
	wg.Wait()
	if got := c.Health().State(); got != engines.Zombie {
		t.Errorf("%v after one refusal", got)
	}
}
