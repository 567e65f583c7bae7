package conns

import (
	"crypto/rand"
	"encoding/binary"
	"net"
	"sync/atomic"
	"time"

	"aaa-api/internal/engines"
)

// connState is how far a connection is with single connection mode.
type connState uint8

const (
	dialling connState = iota
	first              // one session, whose first reply has not come
	alone              // one session; the mode was not asked for, or refused
	shared             // the mode is granted: many sessions
)

// conn is a connection. Manager.mu guards its fields, but for those set before its goroutines start.
type conn struct {
	m    *Manager
	key  int      // which secret
	raw  net.Conn // TCP
	wire net.Conn // raw, or TLS on it
	kick chan struct{}

	state    connState
	asked    bool // the first packet asked for single connection mode
	draining bool // no new sessions; closed when the last one has gone
	closing  bool // the writer closes it when all is written
	closed   bool

	sessions  map[uint32]*Session
	dialogues int       // of the sessions, those that their users answer
	flight    flight    // sessions whose request is unanswered and was not overtaken
	overtaken int       // sessions whose request is unanswered, while a later one was answered
	coming    int       // sessions that have a place and have sent nothing
	window    int       // how many may be in flight while the server has not shown that it interleaves
	cut       time.Time // when the window was made smaller last
	opened    time.Time // when dialling began, later when it was done
	took      time.Duration
	moved     time.Time // when a packet came last, or the first one of the flight left
	received  time.Time // when a packet came last

	out    []byte // packets queued for the writer
	tombs  tombstones
	strays uint64 // replies to ids that nobody used

	idle      *time.Timer // runs while armed
	armed     bool
	idleSince time.Time

	verified atomic.Bool // a reply made sense under the secret
}

// patience is how much longer a session that has waited so long may wait for what is being negotiated on c; mu
// is held.
func (c *conn) patience(now time.Time, waited time.Duration) time.Duration {
	if c.state == dialling {
		return max(dialPatience-max(now.Sub(c.opened), waited), 0)
	}
	if waited >= queueing {
		return 0
	}
	return max(patience+2*c.took-now.Sub(c.opened), 0)
}

// better compares connections for a new session: what makes headway, then what is less busy; mu is held.
func (c *conn) better(than *conn, now time.Time) bool {
	if than == nil {
		return true
	}
	if a, b := c.stuck(now), than.stuck(now); a != b {
		return b
	}
	return c.load() < than.load()
}

// add gives s its place and its id; mu is held.
func (c *conn) add(s *Session) {
	if c.sessions == nil {
		c.sessions = make(map[uint32]*Session)
	}
	for {
		id := random32()
		if _, taken := c.sessions[id]; !taken && !c.tombs.has(id) {
			s.conn, s.id = c, id
			c.sessions[id] = s
			s.coming = true
			c.coming++
			if s.dialogue {
				c.dialogues++
			}
			return
		}
	}
}

// random32 is a session id: RFC 8907 §4.1 wants cryptographically strong ones. Tests replace it.
var random32 = func() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.BigEndian.Uint32(b[:])
}

// queue gives a packet to the writer; mu is held.
func (c *conn) queue(packet []byte) {
	c.out = append(c.out, packet...)
	c.wake()
}

func (c *conn) wake() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// remove takes a session off; mu is held. settle comes next.
func (c *conn) remove(s *Session) {
	if c.sessions[s.id] == s {
		delete(c.sessions, s.id)
		c.came(s)
		if s.dialogue {
			c.dialogues--
		}
		c.m.notify()
	}
}

// settle closes the connection or lets it rest if no session is left on it; mu is held.
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
	c.draining = true
	c.settle()
}

// fail closes the connection at once and tells every session on it; mu is held.
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

// write is the writer: it sends what is queued, many packets at once, and ends
// with the connection.
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
			if err := c.allowed(); err != nil {
				clear(batch)
				c.m.mu.Lock()
				c.fail(engines.NotAllowed, err)
				c.m.mu.Unlock()
				return
			}
			_ = c.wire.SetWriteDeadline(time.Now().Add(c.m.opts.WriteTimeout)) // fails on a closed connection alone, as Write will
			_, err := c.wire.Write(batch)
			clear(batch) // over TLS there are passwords in it
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

// allowed asks again of a connection that is there what was asked when it was made: networks are taken back, too.
func (c *conn) allowed() error {
	to, ok := c.raw.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return nil // tests have networks of their own
	}
	return c.m.opts.Reach.Check(to.AddrPort())
}

// broken is what the writer and the reader do with a network error.
func (c *conn) broken(err error) {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	c.fail(engines.Unreachable, &closedError{err})
}

// closedError is FaultClosed with the network's word for it.
type closedError struct{ err error }

func (e *closedError) Error() string   { return FaultClosed.Error() + ": " + e.err.Error() }
func (e *closedError) Unwrap() []error { return []error{FaultClosed, e.err} }
