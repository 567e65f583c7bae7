package streams

import (
	"errors"
	"time"
)

// A connection may be dead without a word from the network. One on which nothing has arrived for Watchdog is asked by Status-Server
// (RFC 3539 §3.4, RFC 5997), and closed if nothing arrives for another two such times: a server that stalls for less keeps it.

const patience = 2 // ticks without a packet after which the next one closes the connection

// errSilent is the end of a connection on which nothing arrives.
var errSilent = errors.New("nothing arrives, not even the answer to Status-Server")

// tick is the timer's work.
func (c *conn) tick() {
	m := c.m
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.closed {
		return
	}
	c.unwatch()
	if c.closed { // it was draining
		return
	}
	now := time.Now()
	busy := len(c.calls) > 0
	switch {
	case !busy && now.Sub(c.used) >= m.opts.IdleTimeout:
		c.fail(errRetired)
		return
	case c.received != c.seen:
		c.seen, c.missed = c.received, 0
	case c.missed >= patience:
		c.fail(errSilent)
		return
	default:
		c.missed++
		c.ask()
	}
	c.timer.Reset(m.opts.Watchdog)
}

// ask sends a Status-Server, if there is room for it; mu is held.
func (c *conn) ask() {
	if c.m.opts.Watch == nil || !c.room() {
		return
	}
	c.watch = c.reserve()
	b := c.m.opts.Watch(c.v11, c.watch.id)
	if b == nil {
		c.unwatch()
		return
	}
	c.send(b)
}

// unwatch no longer waits for the answer to a Status-Server; mu is held.
func (c *conn) unwatch() {
	if w := c.watch; w != nil {
		c.watch = nil
		c.remove(w.id, w.call)
	}
}
