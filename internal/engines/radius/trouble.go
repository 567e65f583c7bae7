package radius

import (
	"errors"
	"net"
	"syscall"
)

// trouble handles an error of reading or writing after which the socket goes on. Many are ICMP messages
// about packets sent earlier, and the kernel does not say which. One that says that the
// server can't be reached ends the requests. Anything else is a packet lost on the way, to be sent
// again in its time, or at once where it was too big: the kernel knows the path's MTU now and fragments.
func (s *socket) trouble(err error) {
	switch {
	case unreachable(err) || errors.Is(err, net.ErrClosed):
		s.fail(err)
	case errors.Is(err, syscall.EMSGSIZE):
		s.again()
	}
}

// fail ends every request that awaits a reply on the socket, and tells the server's health once: it
// is one event, however many requests are out. It tells it nothing while the name has another address to go to.
func (s *socket) fail(err error) {
	var ended []*pending
	s.client.mu.Lock()
	for i := range s.slots {
		if p := s.slots[i].pending; p != nil && p.claim() {
			p.err = err
			ended = append(ended, p)
		}
	}
	s.client.mu.Unlock()
	if len(ended) > 0 && (!unreachable(err) || s.client.leave(s.remote.Addr())) {
		s.client.failing()
	}
	for _, p := range ended {
		p.wake()
	}
}

// again has every request that awaits a reply on the socket sent once more, but none a third time.
func (s *socket) again() {
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	for i := range s.slots {
		if p := s.slots[i].pending; p != nil {
			p.hasten()
		}
	}
}

// unreachable tells whether the network says that packets do not arrive.
func unreachable(err error) bool {
	return isOne(err,
		syscall.ECONNREFUSED, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.ENOPROTOOPT,
		syscall.ENETDOWN, syscall.EACCES, syscall.EPERM, syscall.EADDRNOTAVAIL, syscall.EINVAL)
}

// unusable tells whether an error of reading is one of the socket itself: it would come again and again.
func unusable(err error) bool {
	var number syscall.Errno
	return !errors.As(err, &number) ||
		isOne(err, syscall.EBADF, syscall.ENOTSOCK, syscall.ENOTCONN, syscall.EINVAL, syscall.EFAULT)
}

func isOne(err error, of ...syscall.Errno) bool {
	for _, e := range of {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
