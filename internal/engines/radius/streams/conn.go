package streams

import (
	"encoding/binary"
	"net"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines/dialtls"
)

// conn is a connection. Manager.mu guards its fields, apart from those set before its goroutines start.
type conn struct {
	m         *Manager
	raw, wire net.Conn // TCP, and TLS on it
	v11       bool
	expires   time.Time // when the server's certificate is no longer good
	kick      chan struct{}
	timer     *time.Timer // watch.go

	calls    map[uint32]*call
	next     uint32 // where to look for an identifier, so that one is used again as late as possible
	draining bool   // no new requests; closed when the last one has gone
	closed   bool

	out     []byte // packets queued for the writer
	writing int    // octets that the writer has taken and not yet written
	queued  uint64 // octets so far
	taken   uint64 // of those, by the writer

	received uint64    // packets
	seen     uint64    // of those, at the latest tick
	missed   int       // ticks in a row without a packet
	silent   bool      // a request has had no answer in its whole time, and nor had any other since it was sent
	used     time.Time // since when no request of a caller's is under way, or when the latest began
	watch    *Place    // a Status-Server under way
}

// anyID is where identifiers begin: what an earlier connection used a moment ago may still be in somebody's log.
func anyID() uint32 {
	var b [4]byte
	aaa.Random(b[:])
	return binary.BigEndian.Uint32(b[:])
}

// room reports whether the connection takes another request; mu is held.
func (c *conn) room() bool {
	most := identifiers
	if c.v11 {
		most = c.m.opts.InFlight
	}
	return !c.closed && !c.draining && len(c.calls) < most && len(c.out)+c.writing <= maxQueued
}

// reserve gives a request its identifier. There must be room; mu is held.
func (c *conn) reserve() *Place {
	for {
		id := c.next
		c.next++
		if !c.v11 {
			id &= identifiers - 1
		}
		if _, taken := c.calls[id]; !taken {
			k := &call{done: make(chan struct{})}
			c.calls[id] = k
			return &Place{conn: c, id: id, call: k}
		}
	}
}

// send queues a packet; mu is held.
func (c *conn) send(packet []byte) (at uint64) {
	at = c.queued
	c.out = append(c.out, packet...)
	c.queued += uint64(len(packet))
	select {
	case c.kick <- struct{}{}:
	default:
	}
	return at
}

// remove forgets a request; mu is held.
func (c *conn) remove(id uint32, k *call) {
	if c.calls[id] == k {
		delete(c.calls, id)
		c.m.notify()
		c.settle()
	}
}

// settle closes a connection that is of no more use, once it has no request; mu is held.
func (c *conn) settle() {
	if len(c.calls) == 0 && (c.draining || c.m.retired) {
		c.fail(errRetired)
	}
}

// drain takes no new requests, and closes the connection when it has none; mu is held.
func (c *conn) drain() {
	c.draining = true
	c.settle()
}

// fail closes the connection and ends its requests; mu is held. The first of them tells the server's health of it.
func (c *conn) fail(err error) {
	if c.closed {
		return
	}
	c.closed = true
	c.m.forget(c)
	c.timer.Stop()
	blame := true
	for id, k := range c.calls {
		unsent := !k.queued || k.at >= c.taken
		if k.end() {
			k.err = &Lost{Err: err, Unsent: unsent, Blame: blame && !unsent}
			blame = blame && unsent
			close(k.done)
		}
		delete(c.calls, id)
	}
	c.out = nil
	c.raw.Close() // not TLS's own Close, which may take seconds
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// broken is fail for the reader and the writer.
func (c *conn) broken(err error) {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	c.fail(err)
}

// write is the writer. It sends what is queued, many packets at once, and ends with the connection.
func (c *conn) write() {
	var batch []byte
	for range c.kick {
		for {
			c.m.mu.Lock()
			if c.closed {
				c.m.mu.Unlock()
				return
			}
			batch, c.out = c.out, batch[:0]
			c.writing = len(batch)
			c.taken += uint64(len(batch))
			if len(batch) > 0 {
				c.m.notify()
			}
			c.m.mu.Unlock()
			if len(batch) == 0 {
				break
			}
			err := dialtls.Allowed(c.m.opts.Dialer.Reach, c.raw)
			if err == nil {
				_ = c.wire.SetWriteDeadline(time.Now().Add(c.m.opts.WriteTimeout)) // fails on a closed connection alone, as Write will
				err = c.packets(batch)
			}
			clear(batch) // it is used again, and there may be passwords in it
			if err != nil {
				c.broken(err)
				return
			}
			if cap(batch) > maxQueued {
				batch = nil // rarely needed so large
			}
		}
	}
}

// packets writes packets, each in a TLS record of its own: FreeRADIUS takes a record for one packet, and closes the connection if it holds two.
func (c *conn) packets(b []byte) error {
	for len(b) > 0 {
		n := int(binary.BigEndian.Uint16(b[2:]))
		if _, err := c.wire.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}
