package radius

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sync/semaphore"
)

// identifiers is how many requests one socket carries: RFC 2865 §3 has one octet.
const identifiers = 256

// socket is a connected UDP socket, so that the kernel takes packets from the
// server's address and port alone. Its fields are guarded by client.mu, but for
// conn and remote, which never change.
type socket struct {
	client   *client
	conn     datagrams
	packets  *ipv4.PacketConn // conn, for batches; IPv6 too
	remote   netip.AddrPort
	queue    queue // has a lock of its own
	slots    [identifiers]slot
	free     [identifiers]byte // a ring of unused identifiers, the longest unused at head
	head     int
	inFlight int
	idle     time.Time // since when nothing is in flight
	heard    uint32    // answers
	silent   bool      // a request has had no answer for an attempt's time, and nor had any other since it was sent
}

// datagrams is what a socket needs of a *net.UDPConn.
type datagrams interface {
	net.Conn
	net.PacketConn
}

// slot is what a reply to an identifier is checked against.
type slot struct {
	pending *pending // nil: nothing is awaited
	key     *key
	auth    [authLen]byte
	code    byte
	eap     bool
}

// errFull is the error of a server with as many requests unanswered as there may be.
var errFull = errors.New("as many requests as there may be are waiting for this server's answers")

// take reserves an identifier at the server, on a new socket if need be. It waits, but no longer
// than patience, where as many requests are out as MaxSockets sockets hold. Errors are errFull, ctx's
// and the network's.
func (c *client) take(ctx context.Context, p *pending, to netip.AddrPort, patience time.Duration) (h held, waited time.Duration, err error) {
	c.mu.Lock()
	if c.places == nil {
		c.places = semaphore.NewWeighted(int64(c.engine.opts.MaxSockets) * identifiers)
	}
	places := c.places
	c.mu.Unlock()
	if !places.TryAcquire(1) {
		start := time.Now()
		within, cancel := context.WithTimeoutCause(ctx, patience, errFull)
		defer cancel()
		if places.Acquire(within, 1) != nil {
			return held{}, 0, context.Cause(within)
		}
		waited = time.Since(start)
	}
	if h, err = c.place(p, to); err != nil {
		places.Release(1)
	}
	return h, waited, err
}

// tryTake is take that does not wait; p holds an identifier already.
func (c *client) tryTake(p *pending, to netip.AddrPort) (held, bool) {
	if !c.places.TryAcquire(1) {
		return held{}, false
	}
	h, err := c.place(p, to)
	if err != nil {
		c.places.Release(1)
	}
	return h, err == nil
}

// place picks the identifier: sockets in turn and each socket's longest unused one,
// so that it comes again as late as possible.
func (c *client) place(p *pending, to netip.AddrPort) (held, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.room(to, false)
	if s == nil && len(c.sockets) >= c.engine.opts.MaxSockets {
		s = c.room(to, true)
	}
	if s == nil {
		var err error
		if s, err = c.open(to); err != nil {
			return held{}, err
		}
	}
	h := held{socket: s, id: s.free[s.head], heard: s.heard}
	s.head = (s.head + 1) % identifiers
	s.inFlight++
	if len(p.held) == 0 {
		p.heard = c.answers
	}
	p.held = append(p.held, h)
	return h, nil
}

// room finds a socket with an identifier left, in turn; c.mu is held. A silent one is left alone where it can be: what stands
// between here and the server may send all of one port to the same machine, or have forgotten the port.
func (c *client) room(to netip.AddrPort, silent bool) *socket {
	for i := range c.sockets {
		at := (c.turn + i) % len(c.sockets)
		if x := c.sockets[at]; x.inFlight < identifiers && x.remote == to && (silent || !x.silent) {
			c.turn = at + 1
			return x
		}
	}
	return nil
}

// quiet takes note that an attempt's time is over without an answer.
func (c *client) quiet(h held) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h.heard == h.socket.heard {
		h.socket.silent = true
	}
}

// longestSecret is the length of the longer secret.
func (c *client) longestSecret() int {
	n := len(c.key.secret)
	if c.previous != nil {
		n = max(n, len(c.previous.secret))
	}
	return n
}

// readBuffer is the kernel's memory for replies not yet read, in octets: one small
// datagram takes up to 1 KiB of it.
const readBuffer = identifiers << 10

func dial(to netip.AddrPort) (datagrams, error) {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return nil, err
	}
	// 256 replies may come at once; the usual buffer holds fewer. Less than asked for is no fault.
	_ = conn.SetReadBuffer(readBuffer)
	return conn, nil
}

// open adds a socket; c.mu is held.
func (c *client) open(to netip.AddrPort) (*socket, error) {
	conn, err := c.engine.dial(to)
	if err != nil {
		return nil, err
	}
	s := &socket{client: c, conn: conn, remote: to, packets: ipv4.NewPacketConn(conn)}
	for i := range s.free {
		s.free[i] = byte(i)
	}
	c.sockets = append(c.sockets, s)
	go s.read()
	return s, nil
}

// arm makes the signed packet's reply awaited.
func (h held) arm(p *pending) {
	c := h.socket.client
	c.mu.Lock()
	h.socket.slots[h.id] = slot{pending: p, key: p.key, auth: p.auth, code: p.code, eap: p.eap}
	c.mu.Unlock()
}

// release gives back all identifiers of p. After it no reader knows p.
func (c *client) release(p *pending) {
	if len(p.held) == 0 {
		return
	}
	c.mu.Lock()
	for _, h := range p.held {
		s := h.socket
		s.slots[h.id].pending = nil
		s.inFlight--
		s.free[(s.head+identifiers-1-s.inFlight)%identifiers] = h.id
		if s.inFlight == 0 {
			s.idle = time.Now()
			if c.retired || s.silent {
				c.drop(s)
			}
		}
	}
	c.mu.Unlock()
	c.places.Release(int64(len(p.held)))
}

// drop closes a socket; c.mu is held.
func (c *client) drop(s *socket) {
	for i, x := range c.sockets {
		if x == s {
			c.sockets = append(c.sockets[:i], c.sockets[i+1:]...)
			s.conn.Close()
			return
		}
	}
}

// read is the socket's reader, until the socket is closed: by Retire, or by
// itself when it was idle for long enough.
func (s *socket) read() {
	idle := s.client.engine.opts.IdleTimeout
	buf := make([]byte, maxPacket+1, maxPacket+1+s.client.longestSecret())
	wait := idle
	_ = s.conn.SetReadDeadline(time.Now().Add(wait)) // fails on a closed socket alone, which Read will tell
	for {
		n, err := s.conn.Read(buf)
		switch {
		case err == nil:
			if s.reply(buf[:n]) >= batchFrom {
				s.more()
			}
		case errors.Is(err, os.ErrDeadlineExceeded):
			if wait = s.rest(idle); wait <= 0 {
				return
			}
			_ = s.conn.SetReadDeadline(time.Now().Add(wait))
		case unusable(err):
			s.client.mu.Lock()
			s.client.drop(s)
			s.client.mu.Unlock()
			s.fail(err)
			return
		default:
			s.trouble(err)
		}
	}
}

// rest closes the socket and returns 0 if it has been idle for long enough, else
// it returns how long it may rest still.
func (s *socket) rest(idle time.Duration) time.Duration {
	c := s.client
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.inFlight > 0 {
		return idle
	}
	left := idle - time.Since(s.idle)
	if left <= 0 {
		c.drop(s)
	}
	return left
}

// reply hands a datagram to the request that it answers, if it verifies, and
// returns how many requests are out on the socket.
func (s *socket) reply(b []byte) (inFlight int) {
	c := s.client
	whole, err := trim(b)
	if len(b) < 2 {
		return 0
	}
	c.mu.Lock()
	at := s.slots[b[1]]
	inFlight = s.inFlight
	kind := kindOf(&at, b[0])
	needMA := c.demands(kind)
	c.mu.Unlock()
	if at.pending == nil {
		return inFlight // late, a duplicate, or never asked for
	}
	hasMA := false
	if err == nil {
		hasMA, err = verify(whole, at.code, &at.auth, at.key.secret, at.key, needMA)
	}
	var own []byte
	var proven *key
	switch {
	case err == nil:
		own, proven = append(make([]byte, 0, len(whole)), whole...), at.key
		if hasEAP(whole) && !at.eap { // says nothing of other replies
			kind = -1
		}
	case err == errAuth: //nolint:errorlint // as verify returns it
		if proven = c.provenElsewhere(whole, &at); proven != nil {
			err = errOtherKey
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := &s.slots[b[1]]
	p := at.pending
	if now.pending != p || now.auth != at.auth {
		return inFlight // given up in the meantime
	}
	if err != nil {
		why := err // only this rare case needs it on the heap
		p.dropped.Store(&why)
		c.complain(b[0], err)
	} else if p.claim() {
		p.reply, p.asked, p.used = own, at.auth, at.key
		c.lesson(kind, hasMA)
		c.answers++
		c.left = 0
		s.heard++
		s.silent = false
		p.wake()
	}
	if proven != nil {
		c.prove(proven)
	}
	return inFlight
}
