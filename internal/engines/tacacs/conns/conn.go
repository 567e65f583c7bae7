package conns

import (
	"encoding/binary"
	"net"
	"sync/atomic"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/dialtls"
)

// connState is how far a connection is with single connection mode.
type connState uint8

const (
	dialling connState = iota
	first              // one session, whose first reply has not come
	alone              // one session; the mode was not asked for, or refused
	shared             // the mode is granted: many sessions
)

// conn is a connection. Manager.mu guards its fields, apart from those set before its goroutines start.
type conn struct {
	m    *Manager
	key  int      // which secret
	raw  net.Conn // TCP
	wire net.Conn // raw, or TLS on it
	kick chan struct{}

	state    connState
	asked    bool // the first packet asks for single connection mode
	draining bool // no new sessions; closed when the last one has gone
	closing  bool // the writer closes it when all is written
	closed   bool

	sessions  map[uint32]*Session
	dialogues int // of the sessions, those that their users answer
	traffic   traffic
	opened    time.Time // when dialling began, later when it was done
	took      time.Duration

	out     []byte // packets queued for the writer
	writing int    // octets that the writer has taken and not yet written
	tombs   tombstones
	strays  uint64 // replies to ids that nobody used

	idle      *time.Timer // runs while armed
	armed     bool
	idleSince time.Time

	verified atomic.Bool // a reply made sense under the secret
}

// connected puts a connection that was dialled to use; mu is held.
func (c *conn) connected(raw, wire net.Conn, now time.Time) {
	c.raw, c.wire, c.state = raw, wire, first
	c.took, c.opened = now.Sub(c.opened), now
	c.idle = time.AfterFunc(time.Hour, c.rest)
	c.idle.Stop()
	c.asked = !c.m.opts.NoSingleConnect
	go c.write()
	go c.read()
}

// add gives s its place and its id; mu is held.
func (c *conn) add(s *Session) {
	if c.sessions == nil {
		c.sessions = make(map[uint32]*Session)
	}
	for {
		id := random32()
		if _, taken := c.sessions[id]; !taken && !c.tombs.has(id) {
			s.placed(c, id, c.state == first && c.asked)
			c.sessions[id] = s
			c.traffic.expect(&s.turn)
			if s.dialogue {
				c.dialogues++
			}
			return
		}
	}
}

// random32 returns a session id, which RFC 8907 §4.1 wants cryptographically strong. Tests replace it.
var random32 = func() uint32 {
	var b [4]byte
	aaa.Random(b[:])
	return binary.BigEndian.Uint32(b[:])
}

// send queues a request whose reply s awaits; mu is held.
func (c *conn) send(s *Session, packet []byte, now time.Time) {
	c.traffic.sent(&s.turn, now)
	c.queue(packet)
}

// dismiss ends a dialogue with a last packet to which no reply is due; mu is held.
func (c *conn) dismiss(s *Session, packet []byte) {
	c.queue(packet)
	c.tombs.add(s.id, time.Now()) // some servers reply all the same
}

// giveUp expects no reply to the request of s any more, and no sessions if the request may hold them up; mu is held.
func (c *conn) giveUp(s *Session, now time.Time) {
	c.tombs.add(s.id, now)
	if c.blocked(s, now) {
		c.draining = true
	}
}

// drain takes no new sessions, and closes the connection when it has none; mu is held.
func (c *conn) drain() {
	c.draining = true
	c.settle()
}

// verify notes a reply that made sense under the secret; mu is held.
func (c *conn) verify() {
	if !c.verified.Swap(true) {
		c.m.proven(c)
	}
}

// queue gives a packet to the writer; mu is held.
func (c *conn) queue(packet []byte) {
	c.out = append(c.out, packet...)
	c.wake()
}

// unwritten is how many octets the connection has yet to take; mu is held.
func (c *conn) unwritten() int { return len(c.out) + c.writing }

func (c *conn) wake() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// remove takes a session off the connection; mu is held. settle comes next.
func (c *conn) remove(s *Session) {
	if c.sessions[s.id] == s {
		delete(c.sessions, s.id)
		c.traffic.came(&s.turn)
		if s.dialogue {
			c.dialogues--
		}
		c.m.notify()
	}
}

// settle closes the connection, or lets it rest, if it has no session; mu is held.
func (c *conn) settle() {
	if c.closed || c.closing || c.state == dialling || len(c.sessions) > 0 {
		return
	}
	if c.state != shared || c.draining || c.m.retired || c.surplus() {
		c.closing = true
		c.end()
		c.wake()
		return
	}
	c.idleSince = time.Now()
	if !c.armed {
		c.armed = true
		c.idle.Reset(c.m.opts.IdleTimeout)
	}
	c.m.notify()
}

// end takes the connection out of use; mu is held.
func (c *conn) end() {
	c.idle.Stop()
	c.armed = false
	c.m.forget(c)
}

// rest is the idle timer.
func (c *conn) rest() {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	if !c.armed {
		return
	}
	if len(c.sessions) > 0 {
		c.armed = false
		return
	}
	if left := c.m.opts.IdleTimeout - time.Since(c.idleSince); left > 0 {
		c.idle.Reset(left)
		return
	}
	c.drain()
}

// fail closes the connection at once and ends its sessions with an error; mu is held.
func (c *conn) fail(reason engines.Reason, err error) {
	if c.closed {
		return
	}
	c.closed = true
	for _, s := range c.sessions {
		s.finish(&engines.Failure{Reason: reason, Attempts: s.sent, Err: err})
	}
	c.out = nil
	if !c.closing {
		c.end()
	}
	c.closing = true
	c.raw.Close() // not TLS's own Close, which may take seconds
	c.wake()
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
			closing := c.closing
			if len(batch) > 0 {
				c.m.notify()
			}
			c.m.mu.Unlock()
			if len(batch) == 0 {
				if closing {
					c.wire.Close()
					return
				}
				break
			}
			if err := dialtls.Allowed(c.m.opts.Reach, c.raw); err != nil {
				c.m.mu.Lock()
				c.fail(engines.NotAllowed, err)
				c.m.mu.Unlock()
				return
			}
			_ = c.wire.SetWriteDeadline(time.Now().Add(c.m.opts.WriteTimeout)) // fails on a closed connection alone, as Write will
			_, err := c.wire.Write(batch)
			clear(batch) // it is used again, and over TLS there are passwords in it
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

// broken closes the connection after a network error of the reader or the writer.
func (c *conn) broken(err error) {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	c.fail(engines.Unreachable, &closedError{err})
}

// closedError is FaultClosed with the network's error.
type closedError struct{ err error }

func (e *closedError) Error() string   { return FaultClosed.Error() + ": " + e.err.Error() }
func (e *closedError) Unwrap() []error { return []error{FaultClosed, e.err} }
