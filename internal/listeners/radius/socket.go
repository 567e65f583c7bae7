package radius

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"aaa-api/internal/ingress"
)

const (
	atOnce  = 64   // datagrams that one system call reads or writes
	waiting = 1024 // replies that wait to be written
)

// batches is a socket of either family.
type batches interface {
	ReadBatch(ms []ipv6.Message, flags int) (int, error)
	WriteBatch(ms []ipv6.Message, flags int) (int, error)
}

// socket is a UDP socket of a listener.
type socket struct {
	*net.UDPConn
	batches
	listener ingress.Listener
	local    netip.AddrPort
	out      chan reply
	done     chan struct{} // closed when all replies are written
	dropped  uint32        // by the kernel, as it last said
}

// reply is a datagram to send.
type reply struct {
	octets []byte
	to     net.Addr
	from   path
}

// path is where a request came in, and so where its reply leaves.
type path struct {
	addr netip.Addr // that the request came to
	link int        // the interface, if the address means something on one alone; else 0
	six  bool       // the socket is one of IPv6, whatever the address
	own  netip.Addr // that the reply leaves from; invalid: the kernel chooses
}

func newSocket(l ingress.Listener, c *net.UDPConn) (*socket, error) {
	local, ok := c.LocalAddr().(*net.UDPAddr)
	if !ok {
		return nil, errors.New("the socket has no address")
	}
	s := &socket{UDPConn: c, listener: l, out: make(chan reply, waiting), done: make(chan struct{})}
	s.local = netip.AddrPortFrom(local.AddrPort().Addr().Unmap().WithZone(""), local.AddrPort().Port())
	if s.local.Addr().Is4() {
		p := ipv4.NewPacketConn(c)
		if err := p.SetControlMessage(ipv4.FlagDst|ipv4.FlagInterface, true); err != nil {
			return nil, err
		}
		s.batches = p
	} else {
		p := ipv6.NewPacketConn(c)
		if err := p.SetControlMessage(ipv6.FlagDst|ipv6.FlagInterface, true); err != nil {
			return nil, err
		}
		s.batches = p
	}
	return s, countDrops(c)
}

// messages are buffers for a batch.
func messages(octets, control int) []ipv6.Message {
	ms := make([]ipv6.Message, atOnce)
	for i := range ms {
		ms[i].Buffers = [][]byte{make([]byte, octets)}
		ms[i].OOB = make([]byte, control)
	}
	return ms
}

// read waits for datagrams. An error that passes is none.
func (s *socket) read(ms []ipv6.Message) (n int, err error) {
	for {
		n, err = s.ReadBatch(ms, 0)
		switch {
		case err == nil:
			return n, nil
		case errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded):
			return 0, net.ErrClosed
		}
		time.Sleep(10 * time.Millisecond) // the kernel has no memory, or tells of a datagram that was not delivered
	}
}

// send writes datagrams. One that can't be sent is lost, as any may be on its way.
func (s *socket) send(ms []ipv6.Message) {
	for len(ms) > 0 {
		n, err := s.WriteBatch(ms, 0)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || n <= 0 {
			n = max(n, 0) + 1
		}
		ms = ms[min(n, len(ms)):]
	}
}

// write writes replies until out is closed, as many at once as there are.
func (s *socket) write() {
	defer close(s.done)
	ms := make([]ipv6.Message, 0, atOnce)
	for r := range s.out {
		ms = append(ms[:0], message(&r))
	more:
		for len(ms) < atOnce {
			select {
			case r, open := <-s.out:
				if !open {
					break more
				}
				ms = append(ms, message(&r))
			default:
				break more
			}
		}
		s.send(ms)
	}
}

func message(r *reply) ipv6.Message {
	return ipv6.Message{Buffers: [][]byte{r.octets}, Addr: r.to, OOB: controlOf(r.from)}
}
