package radius

import (
	"net/netip"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"aaa-api/internal/engines/enginetest"
)

// What routers say of packets to other servers, one word after the other, is not said of the packet that is being sent.
func TestErrorsOfOthersWhileSending(t *testing.T) {
	t.Parallel()
	for _, number := range []syscall.Errno{unix.EHOSTUNREACH, unix.ENETUNREACH, unix.ECONNREFUSED} {
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
			u.send(make([]byte, 20), []outgoing{{20, s.Addr}}, func(to netip.AddrPort, err error, sent bool) {
				t.Errorf("%v is told that %v, sent %v", to, err, sent)
			})
			if !t.Failed() {
				s.Wait(t, 1)
			}
		})
	}
}
