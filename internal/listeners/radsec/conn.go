package radsec

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"aaa-api/internal/ingress"
	"aaa-api/internal/listeners"
	"aaa-api/internal/radius"
)

// conn is a connection of a device.
type conn struct {
	server   *Server
	source   *source
	raw      net.Conn
	tls      *tls.Conn
	number   uint64
	from, to netip.AddrPort
	peer     *ingress.Peer
	v11      bool

	stopping atomic.Bool
	answers  sync.WaitGroup

	mu     sync.Mutex
	flying map[uint32]*flight // by identifier or token

	writing sync.Mutex
}

// flight is a request that is being answered.
type flight struct {
	octets []byte
	told   int // repetitions that the security module was told of
}

// toldOf is how many repetitions of one request the security module is told of.
const toldOf = 4

// errStream is octets that are no packets: the next packet may begin anywhere.
var errStream = errors.New("the octets are no RADIUS packets")

// serve serves the connection to its end, and says what ended it.
func (c *conn) serve(ctx context.Context) connFate {
	o := &c.server.o
	within, cancel := context.WithTimeout(ctx, o.Handshake)
	err := c.tls.HandshakeContext(within)
	cancel()
	goOn := c.server.greeted(c)
	if err != nil {
		return handshakeFailed
	}
	cs := c.tls.ConnectionState()
	if c.peer = listeners.PeerOf(cs); c.peer == nil {
		return handshakeFailed
	}
	c.v11 = cs.NegotiatedProtocol == radius.ALPN11
	c.mu.Lock()
	c.flying = make(map[uint32]*flight)
	c.mu.Unlock()
	if !goOn {
		return closedConn
	}
	var expired atomic.Bool
	stop := listeners.CloseAtExpiry(closer(func() error {
		expired.Store(true)
		return c.raw.Close()
	}), cs)
	defer stop()
	err = c.read(ctx)
	c.answers.Wait()
	switch {
	case expired.Load():
		return expiredConn
	case errors.Is(err, errStream):
		return malformedConn
	}
	_ = c.tls.SetWriteDeadline(time.Now().Add(time.Second)) // fails on a closed connection alone
	_ = c.tls.Close()                                       // says so to the other end, which may have gone
	return closedConn
}

type closer func() error

func (f closer) Close() error { return f() }

// read reads packets until the connection ends. It reads no further while as many as may be are being answered, of it or of its address.
func (c *conn) read(ctx context.Context) error {
	places := make(chan struct{}, c.server.o.InFlight)
	r := bufio.NewReaderSize(c.tls, radius.MaxPacket)
	for {
		p, err := c.next(r)
		if err != nil {
			return err
		}
		if code := p.Code(); code != radius.AccessRequest && code != radius.AccountingRequest && code != radius.StatusServer {
			c.count(malformed) // a request for somebody else, or a reply to nothing: the stream itself is sound
			continue
		}
		q := &ingress.Packet{
			Listener: ingress.RADIUSTLS, Conn: c.number, From: c.from, To: c.to, Peer: c.peer, V11: c.v11,
			Octets: p.Clone().Octets(), At: time.Now(),
		}
		id := uint32(p.Identifier())
		if c.v11 {
			id = uint32(p.Token())
		}
		now, again, tell := c.begin(id, q.Octets)
		if again {
			c.count(repeated)
			if tell {
				c.again(ctx, q)
			}
			continue
		}
		for _, of := range [2]chan struct{}{places, c.source.places} {
			select {
			case of <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		c.server.o.Metrics.inFlight.Inc()
		c.answers.Go(func() {
			c.answer(ctx, q)
			c.landed(id, now)
			c.server.o.Metrics.inFlight.Dec()
			<-c.source.places
			<-places
		})
	}
}

// next reads a packet, which is valid until the next call. The rest of one that has begun must come in time.
func (c *conn) next(r *bufio.Reader) (radius.Packet, error) {
	none := radius.Packet{}
	if c.stopping.Load() {
		return none, net.ErrClosed
	}
	c.deadline(c.server.o.Idle)
	if _, err := r.Peek(1); err != nil {
		return none, err
	}
	if r.Buffered() < 4 {
		c.deadline(c.server.o.Rest)
	}
	head, err := r.Peek(4)
	if err != nil {
		return none, err
	}
	n := int(binary.BigEndian.Uint16(head[2:]))
	if n < radius.HeaderLen || n > radius.MaxPacket {
		return none, errStream
	}
	if r.Buffered() < n {
		c.deadline(c.server.o.Rest)
	}
	b, err := r.Peek(n)
	if err != nil {
		return none, err
	}
	parse := radius.Parse
	if c.v11 {
		parse = radius.Parse11
	}
	p, err := parse(b)
	if err != nil {
		return none, errStream
	}
	_, err = r.Discard(n) // the octets stay where they are until the next read
	return p, err
}

// deadline bounds the next read, unless no more is to be read.
func (c *conn) deadline(d time.Duration) {
	at := time.Now().Add(d)
	_ = c.raw.SetReadDeadline(at) // fails on a closed connection alone
	if c.stopping.Load() {
		c.readNoMore() // Stop came in between
	}
}

// readNoMore ends the reading.
func (c *conn) readNoMore() {
	c.stopping.Store(true)
	_ = c.raw.SetReadDeadline(time.Unix(1, 0))
}

// begin takes note of a request, unless the same octets are being answered already (again; tell: the security module is to be told). Another
// request with the identifier of one in flight is a new one.
func (c *conn) begin(id uint32, octets []byte) (now *flight, again, tell bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at := c.flying[id]; at != nil && bytes.Equal(at.octets, octets) {
		at.told++
		return at, true, at.told <= toldOf
	}
	now = &flight{octets: octets}
	c.flying[id] = now
	return now, false, false
}

// again tells the security module of a repetition. It is a hint.
func (c *conn) again(ctx context.Context, q *ingress.Packet) {
	ctx, cancel := context.WithTimeout(ctx, c.server.o.Within)
	defer cancel()
	_ = c.server.o.Ask.Again(ctx, q)
}

func (c *conn) landed(id uint32, f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flying[id] == f {
		delete(c.flying, id)
	}
}

// answer asks the security module, and sends the reply.
func (c *conn) answer(ctx context.Context, q *ingress.Packet) {
	o := &c.server.o
	within, cancel := context.WithTimeout(ctx, o.Within)
	a, err := o.Ask.Packet(within, q)
	cancel()
	switch {
	case err != nil:
		c.count(failed)
		return
	case a.Verdict == ingress.Unknown:
		c.count(unknown)
	case a.Verdict == ingress.Refused:
		c.count(refused)
	case len(a.Octets) == 0:
		c.count(silent)
	default:
		c.count(answered)
	}
	if len(a.Octets) > 0 {
		c.write(a.Octets)
	}
	if a.Close {
		c.readNoMore()
	}
}

// write sends a reply. A connection that does not take it is closed.
func (c *conn) write(b []byte) {
	c.writing.Lock()
	defer c.writing.Unlock()
	_ = c.tls.SetWriteDeadline(time.Now().Add(c.server.o.Write)) // fails on a closed connection alone, as Write will
	if _, err := c.tls.Write(b); err != nil {
		c.raw.Close()
	}
}

func (c *conn) count(f fate) { c.server.o.Metrics.packets[f].Inc() }
