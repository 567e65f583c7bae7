package conns

import (
	"bufio"
	"errors"
	"io"
	"time"

	"aaa-api/internal/engines"
	"aaa-api/internal/tacacs"
)

// readAhead is the size of the reader's buffer in octets. A body that fits is copied only for a
// session that awaits it, and a longer one is read only for such a session.
const readAhead = 4096

// read is the reader: it hands each packet to the session that awaits it, until the
// connection is closed.
func (c *conn) read() {
	r := bufio.NewReaderSize(c.wire, readAhead)
	for {
		head, err := r.Peek(tacacs.HeaderLen)
		if err != nil {
			c.broken(notEOF(err, len(head)))
			return
		}
		h, err := tacacs.ParseHeader(head)
		if err == nil && int(h.Length) > c.m.opts.MaxReply {
			err = tacacs.FaultTooLong
		}
		if err != nil {
			c.distrust(err) // the next packet may begin anywhere
			return
		}
		_, _ = r.Discard(tacacs.HeaderLen) // was peeked
		if err := c.packet(r, h); err != nil {
			c.broken(notEOF(err, 1))
			return
		}
	}
}

// notEOF returns io.ErrUnexpectedEOF for the end of the stream within a packet.
func notEOF(err error, have int) error {
	if errors.Is(err, io.EOF) && have > 0 {
		return io.ErrUnexpectedEOF
	}
	return err
}

// distrust closes the connection after a header that can't be one.
func (c *conn) distrust(err error) {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	c.complain(err)
	c.fail(engines.BadReply, badReply(err))
}

// complain logs a broken rule; mu is held, since this is rare.
func (c *conn) complain(err error) {
	c.m.opts.Logger.Warn("TACACS+ server broke the protocol", "server", c.m.addr, "error", err)
}

// packet reads and hands over the body that follows the header. Errors are the network's.
func (c *conn) packet(r *bufio.Reader, h tacacs.Header) error {
	n := int(h.Length)
	if n <= readAhead {
		body, err := r.Peek(n)
		if err != nil {
			return err
		}
		c.m.mu.Lock()
		if s := c.await(h); s != nil {
			s.deliver(h, append(make([]byte, 0, n), body...))
		}
		c.m.mu.Unlock()
		_, err = r.Discard(n)
		return err
	}
	c.m.mu.Lock()
	s := c.await(h)
	c.m.mu.Unlock()
	if s == nil {
		_, err := r.Discard(n)
		return err
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return err
	}
	c.m.mu.Lock()
	// A session that was given up meanwhile has a tombstone, which takes this packet.
	if s := c.await(h); s != nil {
		s.deliver(h, body)
	}
	c.m.mu.Unlock()
	return nil
}

// await finds the session that awaits a packet with this header; mu is held. It returns nil if the packet must be
// dropped, after it has dealt with a broken rule.
func (c *conn) await(h tacacs.Header) *Session {
	if c.closed || c.closing {
		return nil
	}
	s := c.sessions[h.SessionID]
	if (h.Flags&tacacs.FlagUnencrypted != 0) != (c.m.opts.TLS != nil) {
		c.complain(tacacs.FaultFlag)
		if s != nil {
			s.finish(&engines.Failure{Reason: engines.BadReply, Attempts: s.sent, Err: malformed{tacacs.FaultFlag}})
		}
		c.fail(engines.Unreachable, FaultClosed)
		return nil
	}
	if s == nil {
		c.stray(h.SessionID)
		return nil
	}
	var fault tacacs.Fault
	switch {
	case h.Type != s.kind:
		fault = tacacs.FaultType
	case s.state != awaiting || h.Seq != s.seq+1:
		fault = tacacs.FaultSequence
	}
	if fault != 0 {
		// The other sessions of the connection may end, and none are added.
		c.complain(fault)
		s.finish(&engines.Failure{Reason: engines.BadReply, Attempts: s.sent, Err: malformed{fault}})
		c.drain()
		return nil
	}
	if c.state == first {
		c.negotiated(c.asked && h.Flags&tacacs.FlagSingleConnect != 0)
	}
	return s
}

// negotiated notes whether the server has granted single connection mode; mu is held.
func (c *conn) negotiated(granted bool) {
	c.state = alone
	if c.asked {
		c.m.negotiated(granted)
	}
	if granted {
		c.state = shared
		if !c.taken() && c.surplus() {
			c.draining = true // it was opened while it seemed needed
		}
	}
	c.m.notify()
}

// stray handles a packet whose id is of no session; mu is held.
func (c *conn) stray(id uint32) {
	if c.tombs.take(id) {
		c.traffic.arrived(time.Now())
		return
	}
	c.m.stray()
	c.strays++
	if c.strays == 1 {
		c.complain(tacacs.FaultSessionID) // once, or a server could fill the log
	}
	if c.state != shared {
		// There is one session, and this is not its answer.
		c.fail(engines.BadReply, errStray)
	}
}
