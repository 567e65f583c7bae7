package radius

import (
	"bytes"
	"errors"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"aaa-api/internal/engines"
	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp/avptest"
)

// openFaulty opens a Client whose sockets are told of troubles by the server.
func openFaulty(t *testing.T, timeout time.Duration, retries int, script func(*enginetest.Query)) (*enginetest.ScriptedRADIUS, *client) {
	t.Helper()
	s := enginetest.NewScriptedRADIUS(t, testSecret, script)
	e := New(Options{})
	with(e, func(w wire) wire { return told{w} })
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
				q.Send(q.Answer(radius.AccessAccept))
			})
			for range 3 {
				if _, err := c.Exchange(t.Context(), login(avptest.New())); err != nil {
					t.Fatal(err)
				}
			}
			if n, _ := lanes(t, c); n != 1 || c.engine.Descriptors() != 1 {
				t.Errorf("%d lanes, %d sockets", n, c.engine.Descriptors())
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
		q.Send(q.Answer(radius.AccessAccept))
	})
	c.previous = radius.NewKey([]byte("another")) // it was no silence, so the other secret is not tried
	r, err := c.Exchange(t.Context(), login(avptest.New()))
	if err != nil || r.Attempts != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	if p := s.Packets(); !bytes.Equal(p[0], p[1]) {
		t.Error("sent again, but changed")
	}
	s, c = openFaulty(t, 400*time.Millisecond, 1, func(q *enginetest.Query) { q.Send([]byte{byte(syscall.EMSGSIZE)}) })
	_, err = c.Exchange(t.Context(), login(avptest.New()))
	var f *engines.Failure
	if !errors.As(err, &f) || f.Reason != engines.NoAnswer || f.Attempts != 3 || len(s.Packets()) != 3 {
		t.Errorf("%v after %d packets", err, len(s.Packets()))
	}
}

// A socket that can't be used any more ends what is out on it, which says nothing of the servers, and another takes its place.
func TestUnusableSocket(t *testing.T) {
	t.Parallel()
	first := true
	s, d := enginetest.NewScriptedRADIUS(t, testSecret, func(q *enginetest.Query) {
		if q.Count > 1 {
			q.Send(q.Answer(radius.AccessAccept))
		}
	}), avptest.New()
	broken := make(chan struct{})
	c := openTest(t, with(New(Options{}), func(w wire) wire {
		if first {
			first = false
			return breaks{w, broken}
		}
		return w
	}), scriptedServer(s, time.Hour, 0))
	done := make(chan error)
	go func() {
		_, err := c.Exchange(t.Context(), login(d))
		done <- err
	}()
	s.Wait(t, 1)
	close(broken)
	var f *engines.Failure
	if err := <-done; !errors.As(err, &f) || f.Reason != engines.Unreachable || !errors.Is(err, syscall.ENOTSOCK) {
		t.Errorf("%v", err)
	}
	if got := c.Health().State(); got != engines.Alive {
		t.Errorf("health %v", got)
	}
	if _, err := c.Exchange(t.Context(), login(d)); err != nil {
		t.Errorf("on a new socket: %v", err)
	}
	if n := c.engine.Descriptors(); n != 1 {
		t.Errorf("%d sockets", n)
	}
}

// breaks is a wire that can't be used any more once broken is closed.
type breaks struct {
	wire
	broken chan struct{}
}

func (b breaks) receive(func(netip.AddrPort, []byte), troubled) error {
	<-b.broken
	return syscall.ENOTSOCK
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
			_, err := c.Exchange(t.Context(), login(avptest.New()))
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
