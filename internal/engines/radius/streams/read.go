package streams

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"aaa-api/internal/radius"
)

// ErrStream is a connection whose octets are no packets.
var ErrStream = errors.New("the octets of the connection are no RADIUS packets")

// read is the reader, until the connection is closed.
func (c *conn) read() {
	r := bufio.NewReaderSize(c.wire, radius.MaxPacket)
	for {
		err := c.packet(r)
		if err != nil {
			if errors.Is(err, ErrStream) {
				c.m.opts.Logger.Warn("a connection is closed", "error", err)
			}
			c.broken(err)
			return
		}
	}
}

// packet reads one packet and hands it over. An error ends the connection.
func (c *conn) packet(r *bufio.Reader) error {
	head, err := r.Peek(4)
	if err != nil {
		return within(err, len(head))
	}
	n := int(binary.BigEndian.Uint16(head[2:]))
	if n < radius.HeaderLen || n > radius.MaxPacket {
		return fmt.Errorf("%w: a length of %d octets", ErrStream, n)
	}
	b, err := r.Peek(n)
	if err != nil {
		return within(err, len(b))
	}
	parse := radius.Parse
	if c.v11 {
		parse = radius.Parse11
	}
	p, err := parse(b)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStream, err)
	}
	c.take(p)
	_, err = r.Discard(n)
	return err
}

// within returns io.ErrUnexpectedEOF for the end of the stream within a packet.
func within(err error, have int) error {
	if errors.Is(err, io.EOF) && have > 0 {
		return io.ErrUnexpectedEOF
	}
	return err
}

// take hands a packet to the request that it answers. A late one, and one that does not verify, is dropped.
func (c *conn) take(p radius.Packet) {
	id := uint32(p.Identifier())
	if c.v11 {
		id = uint32(p.Token())
	}
	var k *call
	var check func(radius.Packet) error
	unasked := p.Code() == radius.CoARequest || p.Code() == radius.DisconnectRequest
	c.m.mu.Lock()
	c.received++
	c.silent = false
	if !unasked && c.watch != nil && c.watch.id == id {
		c.unwatch() // whatever the answer is, there is one
		c.m.mu.Unlock()
		return
	}
	if !unasked {
		if k = c.calls[id]; k != nil && k.queued && !k.ended.Load() {
			check = k.check
		} else {
			c.m.strays++
		}
	}
	c.m.mu.Unlock()
	switch {
	case unasked && c.m.opts.Unasked != nil:
		if b := c.m.opts.Unasked(c.v11, p); b != nil {
			c.answer(b)
		}
	case check == nil:
	default:
		if err := check(p); err != nil {
			k.dropped.Store(&err)
			return
		}
		if k.end() {
			k.reply = p.Clone()
			close(k.done)
		}
	}
}

// answer sends a reply to a request from the other end, unless it takes none: those requests must not fill the memory.
func (c *conn) answer(b []byte) {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	if !c.closed && len(c.out)+c.writing <= maxQueued {
		c.send(b)
	}
}
