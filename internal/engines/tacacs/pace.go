package tacacs

import "time"

// A server that grants single connection mode may still serve the sessions of a connection one after the
// other (tacquito does). What is in flight on a connection is therefore bounded by what the server has shown:
//
//   - It interleaves once a reply has overtaken the reply to an earlier request on the same connection. Such
//     connections are bounded by MaxSessions alone.
//   - Otherwise a connection has a window: one request, and one more for each reply that came within the time
//     called stalled. A pause resets it, so that a burst of slow requests does not meet a window that quick ones opened.
//   - Otherwise a dialogue has its connection to itself, since what its user types must not wait in a queue.
//
// A session without room goes to a new connection, so that sharing is never slower than not sharing.

// stalled is how long a connection may leave all its requests unanswered before new sessions go elsewhere.
const stalled = 3 * time.Millisecond

// queueing is how long a session waits for room on connections that make headway before it gets its own.
const queueing = 10 * stalled

// maxDoubts is how many slow replies in the order of their requests, with others behind them, end
// the belief that the server interleaves.
const maxDoubts = 64

// flight lists the sessions of a connection that await a reply, in the order of their requests.
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
	f.n--
}

// answered takes s out of the flight and learns from the moment of its reply; mu is held.
func (c *conn) answered(s *Session, now time.Time) {
	m := c.m
	switch slow := now.Sub(s.since) >= stalled; {
	case c.flight.first != s:
		if m.doubts = 0; !m.interleaves {
			m.interleaves = true
			m.notify()
		}
	case !slow:
		c.window = min(max(c.window, 1)+1, m.opts.MaxSessions)
	case now.Sub(c.moved) >= stalled: // the server took that long
		c.window = 1
		fallthrough
	default: // the queue took that long: one cut for all that is in it
		if s.since.After(c.cut) {
			c.window, c.cut = max(c.window/2, 1), now
		}
		if c.flight.n > 1 && m.interleaves {
			if m.doubts++; m.doubts >= maxDoubts {
				m.interleaves, m.doubts = false, 0
			}
		}
	}
	c.flight.remove(s)
	c.received, c.moved = now, now
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
		return !c.stuck(now) && c.load() < c.window
	}
}

// load is how many sessions keep c busy, or are about to; mu is held.
func (c *conn) load() int { return c.flight.n + c.coming }

// came notes that s has sent its first packet, or never will; mu is held.
func (c *conn) came(s *Session) {
	if s.coming {
		s.coming = false
		c.coming--
	}
}

// stuck reports whether a request is unanswered and nothing has come for a while; mu is held.
func (c *conn) stuck(now time.Time) bool { return c.flight.n > 0 && now.Sub(c.moved) >= stalled }

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

// queued is how much longer a request waits: on a connection whose server does not interleave, the time in the
// queue behind others is no silence. mu is held.
func (s *Session) queued(now time.Time) time.Duration {
	if s.m.interleaves {
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
