package conns

import (
	"time"

	"aaa-api/internal/engines"
)

// A server that grants single connection mode may still serve the sessions of a connection one after the
// other (tacquito does). What the server has shown therefore bounds the requests in flight on a connection:
//
//   - The server interleaves once it answers a request after a later one of the same connection. Then only
//     MaxSessions bounds its connections. The later reply by itself shows less: the server may have dropped
//     the earlier request.
//   - Otherwise a connection carries one request. After proof quick replies in a row it carries more, as long as they
//     are needed and replies stay quick. One slow reply ends that.
//   - Otherwise a dialogue has its connection to itself, since what its user types must not wait in a queue.
//   - Otherwise a request that is given up ends its connection, since the server may be busy with it.
//
// A session without room gets a new connection, so that sharing is never slower than not sharing.

// stalled is how long a connection may leave all of its requests unanswered before new sessions go elsewhere.
const stalled = 3 * time.Millisecond

// queueing is how long a session waits for room on connections that make headway before it gets its own.
const queueing = 10 * stalled

// long is the time of a reply after which requests to the server no longer queue.
const long = 100 * time.Millisecond

// proof is the number of quick replies in a row after which requests to a server may queue.
const proof = 256

// pipeline bounds the requests in flight on all connections that are kept. More make no connection faster, and
// each of them waits if one is slow after all.
const pipeline = 32

// maxDoubts is the number of slow replies, in the order of their requests and with others behind them, after which
// the server no longer counts as one that interleaves.
const maxDoubts = 64

// pace is what a server has shown of how it serves requests. The Manager's mu guards it.
type pace struct {
	interleaves bool // a request was answered after a later one of its connection
	doubts      int  // replies since then that took long, in the order of their requests
	quick       int  // replies in a row, up to proof, without one that took the server long
}

// late notes a reply to a request that was overtaken. It reports whether that is news.
func (p *pace) late() bool {
	news := !p.interleaves
	p.interleaves, p.doubts = true, 0
	return news
}

// hurried notes a quick reply. It reports whether enough came before it for requests to queue.
func (p *pace) hurried() bool {
	if p.quick >= proof {
		return true
	}
	p.quick++
	return false
}

// dragged notes that the server, not the queue, took long.
func (p *pace) dragged() { p.quick = 0 }

// doubt notes a reply that took long and came in order while others waited behind it.
func (p *pace) doubt() {
	if !p.interleaves {
		return
	}
	if p.doubts++; p.doubts >= maxDoubts {
		p.interleaves, p.doubts = false, 0
	}
}

// answered takes the request of s off the traffic, and learns from the moment of its reply; mu is held.
func (c *conn) answered(s *Session, now time.Time) {
	m, f, t := c.m, &c.traffic, &s.turn
	waited, took := now.Sub(t.since), now.Sub(f.moved)
	f.arrived(now)
	if !t.flying {
		f.late()
		if m.pace.late() {
			m.notify()
		}
		return
	}
	f.overtake(t)
	switch {
	case waited < stalled:
		if m.pace.hurried() && c.load() >= f.window {
			f.widen(min(max(pipeline/m.opts.Connections, 1), m.opts.MaxSessions))
		}
	default:
		if took >= long {
			m.pace.dragged()
		}
		f.narrow(t, now)
		if waited >= long && f.flying > 1 {
			m.pace.doubt()
		}
	}
	f.land(t)
}

// blocked reports whether new sessions must avoid c once s gives up on its reply: the server may be busy with its
// request, or gone. mu is held.
func (c *conn) blocked(s *Session, now time.Time) bool {
	t := &s.turn
	if !t.flying {
		return false
	}
	return !c.m.pace.interleaves || !c.traffic.received.After(t.since) && now.Sub(t.since) >= engines.Patience(c.m.opts.ReplyTimeout)
}

// apart reports whether a dialogue has a connection to itself; mu is held. While the secret is being changed,
// any other session may make the server close the connection.
func (m *Manager) apart() bool { return !m.pace.interleaves || len(m.secrets) > 1 }

// taken reports whether a dialogue has c to itself; mu is held.
func (c *conn) taken() bool { return c.dialogues > 0 && c.m.apart() }

// room reports whether c, which is shared, takes a new session; mu is held.
func (c *conn) room(dialogue bool, now time.Time) bool {
	m := c.m
	switch {
	case m.pace.interleaves && len(m.secrets) < 2:
		return true
	case c.dialogues > 0, dialogue && len(c.sessions) > 0:
		return false
	case c.load() == 0:
		c.traffic.rested(now)
		return true
	case m.pace.interleaves:
		return true
	default:
		return !c.traffic.stuck(now) && m.pace.quick >= proof && c.load() < c.traffic.window
	}
}

// load returns the number of sessions that keep c busy or are about to; mu is held.
func (c *conn) load() int {
	n := c.traffic.flying + c.traffic.coming
	if c.m.pace.interleaves {
		n += c.traffic.overtaken
	}
	return n
}

// headway returns how much longer c counts as making headway, 0 without load; mu is held.
func (c *conn) headway(now time.Time) time.Duration {
	switch {
	case c.load() == 0 || c.taken():
		return 0
	case c.traffic.flying == 0:
		return stalled
	}
	return max(stalled-now.Sub(c.traffic.moved), 0)
}

// queued returns how much longer a request may wait: time in the queue behind others is not the server's silence,
// unless a later request overtook it. mu is held.
func (s *Session) queued(now time.Time) time.Duration {
	if !s.turn.flying {
		return 0
	}
	return max(s.conn.traffic.moved.Add(s.m.opts.ReplyTimeout).Sub(now), 0)
}

// surplus reports whether there are enough shared connections without c; mu is held.
func (c *conn) surplus() bool {
	others := 0
	for _, x := range c.m.conns {
		if x != c && x.state == shared && !x.draining && x.key == c.key && !x.taken() {
			others++
		}
	}
	return others >= c.m.opts.Connections
}
