package tacacs

import (
	"bufio"
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"aaa-api/internal/ingress"
	"aaa-api/internal/listeners"
	"aaa-api/internal/tacacs"
)

// conn is a connection of a device. One goroutine reads it; each packet is answered by another, and who has a reply while nobody writes is the writer.
type conn struct {
	l        *Listener
	nc       net.Conn // as it was accepted
	stream   net.Conn // nc, or TLS over it: set before the first packet
	number   uint64
	from, to netip.AddrPort
	peer     *ingress.Peer
	stranger *list.Element // of the Listener's strangers; guarded by the Listener's mu
	known    atomic.Bool   // a packet was verified

	mu      sync.Mutex
	idle    *sync.Cond          // a packet was answered
	flying  map[uint32]struct{} // sessions whose packet is being answered
	single  bool                // single connection mode (RFC 8907 §4.3)
	first   bool                // a packet came
	replied bool                // a reply went out
	ended   string              // why the connection ends; empty: it goes on
	pending []byte              // replies that wait for the writer
	spare   []byte              // the writer's other buffer
	writing bool
}

// Reasons of a connection's end, as the metric has them.
const (
	byPeer    = "peer"
	byStop    = "stop"
	doneWith  = "done"
	idleLong  = "idle"
	half      = "half_packet"
	malformed = "malformed"
	stranger  = "unknown"
	refused   = "refused"
	away      = "away"
	handshake = "tls"
	unwritten = "write"
	crowded   = "crowded"
)

// serve runs a connection to its end and tells why it ended.
func (c *conn) serve() (why string) {
	c.stream = c.nc
	defer func() { _ = c.stream.Close() }()
	ctx, cancel := context.WithCancel(c.l.ctx)
	defer cancel()
	if c.l.o.TLS != nil {
		s := tls.Server(c.nc, c.l.o.TLS)
		hand, done := context.WithTimeout(ctx, c.l.o.Handshake)
		err := s.HandshakeContext(hand)
		done()
		if err != nil {
			return handshake
		}
		if c.peer = listeners.PeerOf(s.ConnectionState()); c.peer == nil {
			return handshake
		}
		c.stream, c.peer.From = s, c.from.Addr()
		defer listeners.CloseAtExpiry(s, s.ConnectionState())()
	}
	why = c.read(ctx)
	// What is being asked for a device that went away is of no use; what the end of the service cuts off is answered.
	if why != byStop && why != doneWith && why != idleLong {
		cancel()
	}
	c.mu.Lock()
	for len(c.flying) > 0 || c.writing {
		c.idle.Wait()
	}
	if c.ended != "" {
		why = c.ended
	}
	sent := c.first
	c.mu.Unlock()
	if sent && c.l.o.Closed != nil {
		c.l.o.Closed(c.number)
	}
	return why
}

// read takes packets until there are no more, and tells why.
func (c *conn) read(ctx context.Context) (why string) {
	r := bufio.NewReaderSize(c.stream, 4096)
	for {
		if r.Buffered() == 0 {
			wait := c.l.o.Idle
			if !c.first { // the reader alone writes it
				wait = c.l.o.First
			}
			if !c.within(wait) {
				return c.reason(byStop)
			}
			if _, err := r.Peek(1); err != nil {
				return c.fault(err, idleLong)
			}
			if !c.within(c.l.o.Half) {
				return c.reason(byStop)
			}
		} else if r.Buffered() < tacacs.HeaderLen && !c.within(c.l.o.Half) {
			return c.reason(byStop)
		}
		head, err := r.Peek(tacacs.HeaderLen)
		if err != nil {
			return c.fault(err, half)
		}
		h, err := tacacs.ParseHeader(head)
		if err != nil {
			return malformed
		}
		if r.Buffered() < tacacs.HeaderLen+int(h.Length) && !c.within(c.l.o.Half) {
			return c.reason(byStop)
		}
		octets, err := take(r, tacacs.HeaderLen+int(h.Length))
		if err != nil {
			return c.fault(err, half)
		}
		if why := c.begin(ctx, h, octets); why != "" {
			return why
		}
	}
}

// within sets how long the next reads may take, unless the connection ends.
func (c *conn) within(d time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != "" || c.l.ending.Load() {
		return false
	}
	_ = c.nc.SetReadDeadline(time.Now().Add(d))
	return !c.l.ending.Load() // else Stop may have set its own before
}

// reason is why the connection ends, or otherwise.
func (c *conn) reason(otherwise string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != "" {
		return c.ended
	}
	return otherwise
}

// fault is why a read failed; late: what it is if its time was over.
func (c *conn) fault(err error, late string) string {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return byPeer
	}
	if c.l.ending.Load() {
		return byStop
	}
	return c.reason(late)
}

// take reads n octets. It takes memory as they come, not as they are promised.
func take(r *bufio.Reader, n int) ([]byte, error) {
	const step = 4096
	octets := make([]byte, min(n, step))
	for at := 0; ; {
		m, err := io.ReadFull(r, octets[at:])
		if at += m; err != nil || at == n {
			return octets, err
		}
		octets = append(octets, make([]byte, min(n-at, at))...)
	}
}

// maxPending is how many octets of replies may wait for a device that does not read them until its next packet waits too.
const maxPending = 64 << 10

// begin hands a packet over, once there is room for it and for its reply. why tells that the connection ends.
func (c *conn) begin(ctx context.Context, h tacacs.Header, octets []byte) (why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.first {
		c.first, c.single = true, h.Flags&tacacs.FlagSingleConnect != 0
	}
	for (len(c.flying) >= c.l.o.MaxInFlight || len(c.pending) > maxPending) && c.ended == "" {
		c.idle.Wait()
	}
	if c.ended != "" {
		return c.ended
	}
	if _, twice := c.flying[h.SessionID]; twice { // a client waits for its answer (§4.1)
		return malformed
	}
	c.flying[h.SessionID] = struct{}{}
	p := &ingress.Packet{
		Listener: c.l.name, Conn: c.number, From: c.from, To: c.to, Peer: c.peer, Octets: octets, At: time.Now(),
	}
	c.l.crew.Go(func() { c.answer(ctx, h.SessionID, p) })
	return ""
}

// answer asks for a packet's reply and writes it.
func (c *conn) answer(ctx context.Context, session uint32, p *ingress.Packet) {
	a, err := c.l.o.Packet(ctx, p)
	if err != nil {
		c.l.unanswered.Inc()
	} else {
		c.l.packets[a.Verdict].Inc()
	}
	if err == nil && a.Verdict == ingress.Verified && c.known.CompareAndSwap(false, true) {
		c.l.mu.Lock() // before the connection's
		c.l.knowLocked(c)
		c.l.mu.Unlock()
	}
	c.mu.Lock()
	delete(c.flying, session)
	switch {
	case err != nil:
		c.endLocked(away)
	case len(a.Octets) > 0:
		c.send(a.Octets)
	}
	switch {
	case a.Close && a.Verdict == ingress.Unknown:
		c.endLocked(stranger)
	case a.Close:
		c.endLocked(refused)
	case a.Done && !c.single:
		c.endLocked(doneWith)
	}
	c.mu.Unlock()
	c.idle.Broadcast()
}

// endLocked makes the connection end. The caller holds mu.
func (c *conn) endLocked(why string) {
	if c.ended == "" {
		c.ended = why
	}
	_ = c.nc.SetReadDeadline(time.Unix(1, 0))
}

// flagsAt is where a header has its flags.
const flagsAt = 3

// send writes a reply, and those that come while it writes. The caller holds mu, which is free while octets go out.
func (c *conn) send(octets []byte) {
	if c.single && !c.replied && len(octets) >= tacacs.HeaderLen {
		octets[flagsAt] |= tacacs.FlagSingleConnect // granted by the first reply (§4.3)
	}
	c.replied = true
	c.pending = append(c.pending, octets...)
	if c.writing {
		return
	}
	c.writing = true
	for len(c.pending) > 0 {
		out := c.pending
		c.pending = c.spare[:0]
		c.mu.Unlock()
		_ = c.nc.SetWriteDeadline(time.Now().Add(c.l.o.Write))
		_, err := c.stream.Write(out)
		c.mu.Lock()
		c.spare = out
		if cap(c.spare) > 64<<10 {
			c.spare = nil
		}
		if err != nil {
			c.pending = nil
			c.endLocked(unwritten)
		}
		c.idle.Broadcast()
	}
	c.writing = false
}
