package conns

import (
	"slices"
	"time"

	"aaa-api/internal/engines"
)

// patience is how long a session waits for another one's negotiation, beyond the time
// that the network needs, before it makes a connection of its own.
const patience = 3 * time.Millisecond

// dialPatience is how long a session waits for others to dial before it dials itself: one lost packet
// delays them by a second.
const dialPatience = 300 * time.Millisecond

// want is what a new session needs of its connection.
type want struct {
	key      int  // which secret
	dialogue bool // its user answers some rounds
	waited   time.Duration
}

// choose finds the connection for a new session; mu is held. The caller dials one in the state dialling, which is
// new. With neither a connection nor an error it waits for a change, or for wait if that is over 0.
func (m *Manager) choose(w want, now time.Time) (c *conn, wait time.Duration, err error) {
	var best, crowded *conn // the least busy one with room, and without
	kept := 0
	if slices.ContainsFunc(m.conns, func(x *conn) bool { return x.traffic.slow(now) }) {
		m.pace.dragged()
	}
	for _, x := range m.conns {
		if x.draining || x.key != w.key {
			continue
		}
		switch x.state {
		case dialling, first:
			kept++
			wait = max(wait, x.patience(now, w.waited))
		case shared:
			if !x.taken() {
				kept++
			}
			switch {
			case len(x.sessions) >= m.opts.MaxSessions || x.unwritten() >= maxQueued:
			case x.room(w.dialogue, now):
				if x.better(best, now) {
					best = x
				}
			case len(m.secrets) > 1 && (w.dialogue || x.dialogues > 0):
				// Either may make the server close the connection.
			default:
				if x.better(crowded, now) {
					crowded = x
				}
				if left := x.headway(now); left > wait && w.waited < queueing && !w.dialogue {
					wait = left
				}
			}
		}
	}
	if best != nil && best.load() == 0 {
		return best, 0, nil
	}
	held := now.Before(m.retryAt)
	room := len(m.conns) < m.opts.MaxConnections && !held
	switch {
	case room && kept < m.opts.Connections:
		return m.open(w.key), 0, nil
	case best != nil:
		return best, 0, nil
	case held && crowded != nil:
		return crowded, 0, nil
	case held:
		return nil, 0, &engines.Failure{Reason: engines.Unreachable, Err: m.dialErr}
	case wait > 0 && !m.refused && !m.opts.NoSingleConnect:
		return nil, wait, nil
	case room:
		return m.open(w.key), 0, nil
	}
	return crowded, 0, nil
}

// patience returns how much longer a session that has waited so long may wait for the negotiation on c; mu is held.
func (c *conn) patience(now time.Time, waited time.Duration) time.Duration {
	if c.state == dialling {
		return max(dialPatience-max(now.Sub(c.opened), waited), 0)
	}
	if waited >= queueing {
		return 0
	}
	return max(patience+2*c.took-now.Sub(c.opened), 0)
}

// better reports whether c suits a new session better: it makes headway, or it is less busy; mu is held.
func (c *conn) better(than *conn, now time.Time) bool {
	if than == nil {
		return true
	}
	if a, b := c.traffic.stuck(now), than.traffic.stuck(now); a != b {
		return b
	}
	return c.load() < than.load()
}
