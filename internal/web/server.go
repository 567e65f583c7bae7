package web

import (
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// NewHTTPServer makes a server with limits for what strangers may do to it. The time to
// write an answer is above the longest deadline of an AAA request.
func NewHTTPServer(addr string, h http.Handler) *http.Server {
	return &http.Server{
		Addr:              addr,
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       60 * time.Second,
		WriteTimeout:      120 * time.Second,
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    32 << 10,
		ConnState:         noteState,
	}
}

const (
	// lookAfter is how long a request lasts before the server looks whether the client is still there.
	// Most are answered by then, and the look is two system calls.
	lookAfter = 50 * time.Millisecond
	// slack is how much too early a deadline may pass: one that moves with each request is set once in this time.
	slack = time.Second
)

// conn is a connection as net/http uses it. For each request that sets seven deadlines and reads, in a
// goroutine of its own, one octet to learn of a client that leaves. Here a read deadline is set when something is
// read, and for the octet nobody looks at the network until the request has lasted a while.
type conn struct {
	*net.TCPConn
	all     *Connections
	waits   atomic.Int64 // for a request since then, Unix nanoseconds; 0: it is served one
	mu      sync.Mutex
	want    time.Time // the read deadline
	set     time.Time // as the network knows it
	write   time.Time // the write deadline as the network knows it
	reading int       // reads on the network under way
	waiting bool      // for the octet
	wake    chan struct{}
	timer   *time.Timer
}

// Read implements net.Conn.
func (c *conn) Read(b []byte) (int, error) {
	c.mu.Lock()
	if len(b) == 1 && !c.wait() {
		c.mu.Unlock()
		return 0, os.ErrDeadlineExceeded
	}
	if err := c.apply(); err != nil {
		c.mu.Unlock()
		return 0, err
	}
	c.reading++
	c.mu.Unlock()
	n, err := c.TCPConn.Read(b)
	c.mu.Lock()
	c.reading--
	c.mu.Unlock()
	return n, err
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.all.leave(c)
	return c.TCPConn.Close()
}

// wait waits for lookAfter, and no longer than until the deadline is in the past, which it then reports as false.
// mu is held, but for the wait itself.
func (c *conn) wait() bool {
	if past(c.want) {
		return false
	}
	if c.timer == nil {
		c.timer = time.AfterFunc(lookAfter, c.rouse)
	} else {
		c.timer.Reset(lookAfter)
	}
	c.waiting = true
	c.mu.Unlock()
	<-c.wake
	c.mu.Lock()
	c.waiting = false
	c.timer.Stop()
	return !past(c.want)
}

// rouse ends the wait. One that comes too late ends the next, which does no harm.
func (c *conn) rouse() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// SetReadDeadline implements net.Conn. The deadline may pass up to a second early.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.want = t
	if c.waiting && past(t) {
		c.rouse()
	}
	if c.reading > 0 {
		return c.apply()
	}
	return nil
}

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// apply tells the network of the read deadline, if need be; mu is held.
func (c *conn) apply() error {
	if near(c.set, c.want) {
		return nil
	}
	c.set = c.want
	return c.TCPConn.SetReadDeadline(c.want)
}

// SetWriteDeadline implements net.Conn. The deadline may pass up to a second early.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if near(c.write, t) {
		return nil
	}
	c.write = t
	return c.TCPConn.SetWriteDeadline(t)
}

// near reports that a deadline that is set does for one that is wanted.
func near(set, want time.Time) bool {
	early := want.Sub(set)
	return set.IsZero() == want.IsZero() && early >= 0 && early < slack
}

func past(deadline time.Time) bool { return !deadline.IsZero() && !deadline.After(time.Now()) }
