package radius

import (
	"net/netip"
	"runtime"
	"sync"
)

// keepQueue is the memory that a queue keeps after a burst, in octets.
const keepQueue = 64 << 10

// queue collects packets while another goroutine is at sending. It needs no
// goroutine of its own: whoever finds nobody sending sends for all.
type queue struct {
	mu      sync.Mutex
	sending bool
	octets  []byte // the packets one after the other
	list    []outgoing
	spare   []byte // octets and list of the turn before
	used    []outgoing
}

// send writes one packet, or leaves it to the goroutine that is at sending. Errors
// reach the requests through trouble.
func (s *socket) send(to netip.AddrPort, b []byte, answers bool) {
	q := &s.queue
	q.mu.Lock()
	q.octets = append(q.octets, b...)
	q.list = append(q.list, outgoing{len(q.octets), to, answers})
	if q.sending {
		q.mu.Unlock()
		return
	}
	q.sending = true
	q.mu.Unlock()

	// Requests that are ready to run join this system call. With none, this is nothing.
	runtime.Gosched()
	for {
		q.mu.Lock()
		octets, list := q.octets, q.list
		if len(list) == 0 {
			q.sending = false
			q.mu.Unlock()
			return
		}
		q.octets, q.list = q.spare[:0], q.used[:0]
		q.mu.Unlock()
		s.wire.send(octets, list, s.troubled)
		if cap(octets) > keepQueue {
			octets, list = nil, nil
		}
		q.mu.Lock()
		q.spare, q.used = octets, list
		q.mu.Unlock()
	}
}
