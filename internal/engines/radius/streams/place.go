package streams

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"aaa-api/internal/radius"
)

// call is a request under way.
type call struct {
	check  func(radius.Packet) error
	queued bool   // under Manager.mu: its packet was given to the writer,
	at     uint64 // after so many octets
	heard  uint64 // packets that the connection had received by then

	ended atomic.Bool   // taken by the one that ends the request
	done  chan struct{} // closed by that one, unless it is the request's own
	reply radius.Packet // set before done is closed, or err is
	err   error

	dropped atomic.Pointer[error] // why the latest reply was dropped
}

// end ends the request for one caller.
func (k *call) end() bool { return k.ended.CompareAndSwap(false, true) }

// Place is a request's place on a connection. One goroutine uses it.
type Place struct {
	conn *conn
	id   uint32
	call *call
}

// ID is the identifier of RADIUS/1.0, or the token of RADIUS/1.1.
func (p *Place) ID() uint32 { return p.id }

// V11 reports that the connection speaks RADIUS/1.1.
func (p *Place) V11() bool { return p.conn.v11 }

// Dropped is why the latest reply was dropped, nil if none was.
func (p *Place) Dropped() error {
	if why := p.call.dropped.Load(); why != nil {
		return *why
	}
	return nil
}

// Lost is a request whose connection ended before its reply.
type Lost struct {
	Err    error
	Unsent bool // no octet of it was written
	Blame  bool // the server's health does not know yet
}

func (l *Lost) Error() string { return "the connection ended before the reply: " + l.Err.Error() }
func (l *Lost) Unwrap() error { return l.Err }

// ErrTimeout is a request without a reply in time.
var ErrTimeout = errors.New("no reply in time")

var errRetired = errors.New("the connection is no longer needed")

// Exchange sends the packet and waits for the reply, until the time given at the latest. check says whether a packet with the
// request's identifier is its reply; one that is not is dropped. check runs on another goroutine, maybe still when Exchange has
// returned. Errors are a *Lost, ErrTimeout, or ctx's. The place is given back in any case.
func (p *Place) Exchange(ctx context.Context, until time.Time, packet []byte, check func(radius.Packet) error) (radius.Packet, error) {
	defer p.Release()
	c, k := p.conn, p.call
	c.m.mu.Lock()
	if !c.closed { // else the call has ended
		k.check, k.heard, k.queued = check, c.received, true
		k.at = c.send(packet)
	}
	c.m.mu.Unlock()
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	err := ErrTimeout
	select {
	case <-k.done:
		return k.reply, k.err
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		p.quiet()
	}
	if !k.end() { // the reply came in this very moment
		<-k.done
		return k.reply, k.err
	}
	return radius.Packet{}, err
}

// quiet takes note that the request's whole time is over.
func (p *Place) quiet() {
	c := p.conn
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	if c.received == p.call.heard {
		c.silent = true
	}
}

// Release gives the place back. Further calls do nothing.
func (p *Place) Release() {
	p.conn.m.mu.Lock()
	defer p.conn.m.mu.Unlock()
	p.conn.used = time.Now()
	p.conn.remove(p.id, p.call)
}
