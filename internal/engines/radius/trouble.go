package radius

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"syscall"
)

// troubled handles what the network says of a packet to a server. That it can't be reached ends the requests which are out
// there from this socket. Anything else is a packet lost on the way, to be sent again in its time, or at once where it was too
// big: the kernel knows the path's MTU now and fragments.
func (s *socket) troubled(to netip.AddrPort, err error, sent bool) {
	r, ok := s.engine.remotes.Load(to)
	switch {
	case !ok:
	case errors.Is(err, net.ErrClosed):
		r.fail(s, err, sent)
		r.leave(s)
	case unreachable(err):
		r.fail(s, err, sent)
	case errors.Is(err, syscall.EMSGSIZE):
		r.again(s)
	}
}

// fail ends every request that awaits a reply on a socket, and tells the server's health once: it is one event, however
// many requests are out. It tells it nothing while the name has another address to go to, or where the socket is at fault.
func (r *remote) fail(s *socket, err error, sent bool) {
	var ended []*pending
	var clients []*client
	r.mu.Lock()
	if l := r.on(s); l != nil {
		for _, at := range l.slots.list {
			if p := at.pending; p != nil && p.claim() {
				p.err, p.unsent = err, !sent
				ended = append(ended, p)
				if !slices.Contains(clients, at.client) {
					clients = append(clients, at.client)
				}
			}
		}
	}
	r.mu.Unlock()
	if unreachable(err) {
		for _, c := range clients {
			if c.leave(r.addr.Addr()) {
				c.failing()
			}
		}
	}
	for _, p := range ended {
		p.wake()
	}
}

// again has every request that awaits a reply on a socket sent once more, but none a third time.
func (r *remote) again(s *socket) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l := r.on(s); l != nil {
		for _, at := range l.slots.list {
			if at.pending != nil {
				at.pending.hasten()
			}
		}
	}
}

// unreachable tells whether the network says that packets do not arrive.
func unreachable(err error) bool {
	return isOne(err,
		syscall.ECONNREFUSED, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.ENOPROTOOPT,
		syscall.ENETDOWN, syscall.EACCES, syscall.EPERM, syscall.EADDRNOTAVAIL, syscall.EINVAL)
}

func isOne(err error, of ...syscall.Errno) bool {
	for _, e := range of {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
