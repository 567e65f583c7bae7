package radius

import (
	"errors"
	"net/netip"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp/avptest"
)

// What routers say of packets to other servers, one word after the other, is not said of the packet that is being sent.
func TestErrorsOfOthersWhileSending(t *testing.T) {
	t.Parallel()
	for _, number := range []syscall.Errno{syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ECONNREFUSED} {
		t.Run(number.Error(), func(t *testing.T) {
			t.Parallel()
			s := enginetest.NewScriptedRADIUS(t, testSecret, func(*enginetest.Query) {})
			w, err := openWire(false)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			u := w.(*udp)
			send, others := u.out.call, 4
			u.out.call = func(fd uintptr) bool {
				if others--; others >= 0 {
					u.out.count, u.out.err = 0, number
					return true
				}
				return send(fd)
			}
			u.send(make([]byte, 20), []outgoing{{20, s.Addr, true}}, func(to netip.AddrPort, err error, sent bool) {
				t.Errorf("%v is told that %v, sent %v", to, err, sent)
			})
			if !t.Failed() {
				s.Wait(t, 1)
			}
		})
	}
}

// Where packets to servers that do not answer fill the kernel's memory, as those to neighbours that are not there do, more
// of them are dropped, and what is for other servers goes out.
func TestSilentServersLeaveRoom(t *testing.T) {
	t.Parallel()
	silent := netip.MustParseAddrPort("127.0.0.1:9")
	s := enginetest.NewScriptedRADIUS(t, testSecret, func(q *enginetest.Query) { q.Send(q.Answer(radius.AccessAccept)) })
	var full atomic.Bool
	e := with(New(Options{}), func(w wire) wire {
		w.(*udp).queued = func() (int, error) {
			if full.Load() {
				return w.(*udp).memory / 2, nil
			}
			return 0, nil
		}
		return w
	})
	c := openTest(t, e, scriptedServer(s, 20*time.Second, 0))
	if _, err := c.Exchange(t.Context(), login(avptest.New())); err != nil {
		t.Fatal(err)
	}
	full.Store(true)
	if _, err := c.Exchange(t.Context(), login(avptest.New())); err != nil {
		t.Errorf("a server that answers: %v", err)
	}
	to, _, err := c.target(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, _ := e.remotes.Load(to)
	var dropped []netip.AddrPort
	u := r.lanes[0].socket.wire.(*udp)
	list := []outgoing{{20, silent, false}, {40, s.Addr, true}, {60, silent, false}, {80, s.Addr, true}}
	u.send(make([]byte, 80), list, func(to netip.AddrPort, err error, sent bool) {
		if !errors.Is(err, syscall.ENOBUFS) || sent {
			t.Errorf("%v: %v, sent %v", to, err, sent)
		}
		dropped = append(dropped, to)
	})
	if !slices.Equal(dropped, []netip.AddrPort{silent, silent}) {
		t.Errorf("dropped %v", dropped)
	}
	s.Wait(t, 4)
	full.Store(false)
	u.send(make([]byte, 20), []outgoing{{20, s.Addr, false}}, func(to netip.AddrPort, err error, _ bool) { t.Errorf("%v: %v", to, err) })
	s.Wait(t, 5)
}

// unpollable is a socket that Go's runtime does not wait for, for a number of times.
type unpollable struct {
	syscall.RawConn
	left *atomic.Int32
}

func (u unpollable) Read(f func(fd uintptr) bool) error {
	if u.left.Add(-1) >= 0 {
		return errors.New("not pollable")
	}
	return u.RawConn.Read(f)
}

// A socket that has no room to write while the kernel tells of an error is read on: what is out on it is everybody's.
func TestFullSocketIsReadOn(t *testing.T) {
	t.Parallel()
	const n = 5
	var left atomic.Int32
	left.Store(n)
	e := with(New(Options{}), func(w wire) wire {
		w.(*udp).raw = unpollable{w.(*udp).raw, &left}
		return w
	})
	s := enginetest.NewScriptedRADIUS(t, testSecret, func(q *enginetest.Query) { q.Send(q.Answer(radius.AccessAccept)) })
	c := openTest(t, e, scriptedServer(s, 20*time.Second, 0))
	for range 2 * n {
		if _, err := c.Exchange(t.Context(), login(avptest.New())); err != nil {
			t.Fatal(err)
		}
	}
	if left.Load() >= 0 {
		t.Errorf("%d waits are left", left.Load())
	}
	if e.Close(); c.engine.Descriptors() != 0 {
		t.Error("not closed")
	}
}
