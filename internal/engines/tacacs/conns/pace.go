package conns

import (
	"time"

	"aaa-api/internal/engines"
)

// A server that grants single connection mode may still serve the sessions of a connection one after the
// other (tacquito does). What is in flight on a connection is therefore bounded by what the server has shown:
//
//   - It interleaves once a request is answered after a later one of the same connection was. Such connections are
//     bounded by MaxSessions alone. A later reply by itself shows only that the earlier request holds up nobody:
//     the server may have dropped it.
//   - Otherwise a connection holds one request. After proof quick replies in a row it holds more as long as they
//     are needed and replies stay quick. One that takes long ends that.
//   - Otherwise a dialogue has its connection to itself, since what its user types must not wait in a queue.
//   - Otherwise a request that is given up ends its connection, since the server may be busy with it.
//
// A session without room goes to a new connection, so that sharing is never slower than not sharing.

// stalled is how long a connection may leave all its requests unanswered before new sessions go elsewhere.
const stalled = 3 * time.Millisecond

// queueing is how long a session waits for room on connections that make headway before it gets its own.
const queueing = 10 * stalled

// long is how much time a reply may take the server before its requests no longer queue.
const long = 100 * time.Millisecond

// proof is how many quick replies in a row let the requests to a server queue.
const proof = 256

// pipeline is how many requests may be in flight on the connections that are kept, together. More make no
// connection faster, and each of them waits where one is slow after all.
const pipeline = 32

// maxDoubts is how many replies that took long and came in the order of their requests, with others behind them,
// end the belief that the server interleaves.
const maxDoubts = 64

// flight lists the sessions of a connection that await a reply, in the order of their requests. Those whose
// requests were overtaken are not in it.
type flight struct {
	first, last *Session
	n           int
}

func (f *flight) add(s *Session) {
	s.before, s.after = f.last, nil
	if f.last == nil {
		f.first = s
	} else {
		f.last.after = s
	}
	f.last = s
	f.n++
	s.flying = true
}

func (f *flight) remove(s *Session) {
	if s.before == nil {
		f.first = s.after
	} else {
		s.before.after = s.after
	}
	if s.after == nil {
		f.last = s.before
	} else {
		s.after.before = s.before
	}
	s.before, s.after = nil, nil
	s.flying = false
	f.n--
}

// answered takes s off the requests that await a reply, and learns from the moment of it; mu is held.
func (c *conn) answered(s *Session, now time.Time) {
	m := c.m
	waited, took := now.Sub(s.since), now.Sub(c.moved)
	c.received, c.moved = now, now
	if !s.flying {
		c.overtaken--
		if m.doubts = 0; !m.interleaves {
			m.interleaves = true
			m.notify()
		}
		return
	}
	for c.flight.first != s {
		c.flight.remove(c.flight.first)
		c.overtaken++
	}
	switch {
	case waited < stalled:
		if m.quick < proof {
			m.quick++
		} else if c.load() >= c.window {
			c.window = min(max(c.window, 1)+1, max(pipeline/m.opts.Connections, 1), m.opts.MaxSessions)
		}
	default:
		if took >= long { // the server, not the queue
			m.quick = 0
		}
		// One cut for all that is in the queue.
		if s.since.After(c.cut) {
			c.window, c.cut = max(c.window/2, 1), now
		}
		if waited >= long && c.flight.n > 1 && m.interleaves {
			if m.doubts++; m.doubts >= maxDoubts {
				m.interleaves, m.doubts = false, 0
			}
		}
	}
	c.flight.remove(s)
}

// left takes s, which gets no reply, off the requests that await one; mu is held.
func (c *conn) left(s *Session) {
	if s.flying {
		c.flight.remove(s)
	} else {
		c.overtaken--
	}
}

// blocked reports whether c is of no use to new sessions once s, whose reply has not come, is given up: the
// server may be busy with its request, or gone. mu is held.
func (c *conn) blocked(s *Session, now time.Time) bool {
	if !s.flying {
		return false
	}
	return !c.m.interleaves || !c.received.After(s.since) && now.Sub(s.since) >= engines.Patience(c.m.opts.ReplyTimeout)
}

// apart reports whether a dialogue has a connection to itself; mu is held. While the secret is being changed
// any other session may have the server close the connection.
func (m *Manager) apart() bool { return !m.interleaves || len(m.secrets) > 1 }

// taken reports whether c is a dialogue's own; mu is held.
func (c *conn) taken() bool { return c.dialogues > 0 && c.m.apart() }

// room reports whether c, which is shared, takes a new session; mu is held.
func (c *conn) room(dialogue bool, now time.Time) bool {
	m := c.m
	switch {
	case m.interleaves && len(m.secrets) < 2:
		return true
	case c.dialogues > 0, dialogue && len(c.sessions) > 0:
		return false
	case c.load() == 0:
		if now.Sub(c.moved) >= stalled {
			c.window = 1
		}
		return true
	case m.interleaves:
		return true
	default:
		return !c.stuck(now) && m.quick >= proof && c.load() < c.window
	}
}

// load is how many sessions keep c busy, or are about to; mu is held.
func (c *conn) load() int {
	n := c.flight.n + c.coming
	if c.m.interleaves {
		n += c.overtaken
	}
	return n
}

// came notes that s has sent its first packet, or never will; mu is held.
func (c *conn) came(s *Session) {
	if s.coming {
		s.coming = false
		c.coming--
	}
}

// stuck reports whether a request is unanswered and nothing has come for a while; mu is held.
func (c *conn) stuck(now time.Time) bool { return c.flight.n > 0 && now.Sub(c.moved) >= stalled }

// slow reports whether a request has been unanswered for long; mu is held.
func (c *conn) slow(now time.Time) bool { return c.flight.n > 0 && now.Sub(c.moved) >= long }

// headway is how much longer c counts as making headway; 0 without requests in flight. mu is held.
func (c *conn) headway(now time.Time) time.Duration {
	switch {
	case c.load() == 0 || c.taken():
		return 0
	case c.flight.n == 0:
		return stalled
	}
	return max(stalled-now.Sub(c.moved), 0)
}

// queued is how much longer a request waits: unless it was overtaken, the time in the queue behind others is no
// silence. mu is held.
func (s *Session) queued(now time.Time) time.Duration {
	if !s.flying {
		return 0
	}
	return max(s.conn.moved.Add(s.m.opts.ReplyTimeout).Sub(now), 0)
}

// surplus reports whether as many connections as are to be kept are there without c; mu is held.
func (c *conn) surplus() bool {
	others := 0
	for _, x := range c.m.conns {
		if x != c && x.state == shared && !x.draining && x.key == c.key && !x.taken() {
			others++
		}
	}
	return others >= c.m.opts.Connections
}
