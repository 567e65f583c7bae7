package line

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"
)

// Frames that come while others are written go out together, in one write. The first who adds a frame writes for all; where the socket takes
// no more at once, a goroutine goes on, so that nobody's call waits for the peer to read the frames of others.

var errEnded = errors.New("the line has ended")

const (
	keptBuffer = 64 << 10 // larger buffers are not kept
	chunk      = 256 << 10
	turns      = 4 // writes that one caller makes for others
)

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

func getBuffer() *[]byte {
	b := buffers.Get().(*[]byte) //nolint:forcetypeassert // what the pool holds
	*b = (*b)[:0]
	return b
}

func putBuffer(b *[]byte) {
	if cap(*b) <= keptBuffer {
		buffers.Put(b)
	}
}

// waitForRoom waits until a frame may be queued, while the line lasts. c.mu is held, and is when it returns.
func (c *Conn) waitForRoom(ctx context.Context, octets int) error {
	for c.err == nil && c.queued > 0 && c.queued+octets > c.o.Queue {
		if c.room == nil {
			c.room = make(chan struct{})
		}
		room, before := c.room, c.written.Load()
		c.mu.Unlock()
		stall := time.NewTimer(c.o.Stall)
		var err error
		select {
		case <-room:
		case <-ctx.Done():
			err = ctx.Err()
		case <-stall.C:
			if c.written.Load() == before {
				c.fail(errStalled)
			}
		}
		stall.Stop()
		c.mu.Lock()
		if err != nil {
			return err
		}
	}
	if c.err != nil {
		return errEnded
	}
	return nil
}

// send queues a frame, and writes unless somebody does. c.mu is held; send gives it back.
func (c *Conn) send(frame []byte) {
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.out = append(c.out, frame...)
	c.queued += len(frame)
	if c.writing {
		c.mu.Unlock()
		return
	}
	c.writing = true
	others := len(c.waiting)+len(c.serving) > 1
	c.mu.Unlock()
	if others {
		runtime.Gosched() // they may have frames too, which then go out with this one
	}
	c.write()
}

// write writes what is queued, as far as the socket takes it at once.
func (c *Conn) write() {
	for range turns {
		b := c.next()
		if b == nil {
			return
		}
		n, err := c.try(b)
		if err != nil {
			c.fail(endOf(err))
			return
		}
		c.wrote(n)
		if n < len(b) {
			go c.writeAll(b, b[n:])
			return
		}
		c.keep(b)
	}
	go c.writeAll(nil, nil)
}

// writeAll writes the rest of a buffer, and all that is queued meanwhile, however long the peer takes.
func (c *Conn) writeAll(b, rest []byte) {
	for {
		for len(rest) > 0 {
			n, err := c.nc.Write(rest[:min(len(rest), chunk)])
			if err != nil {
				c.fail(endOf(err))
				return
			}
			c.wrote(n)
			rest = rest[n:]
		}
		c.keep(b)
		if b = c.next(); b == nil {
			return
		}
		rest = b
	}
}

// next takes what is queued; nil where there is nothing, and then nobody writes any more.
func (c *Conn) next() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.out) == 0 || c.err != nil {
		c.writing = false
		return nil
	}
	b := c.out
	c.out, c.spare = c.spare, nil
	return b
}

// keep keeps the memory of a written buffer for the next frames.
func (c *Conn) keep(b []byte) {
	if cap(b) == 0 || cap(b) > keptBuffer {
		return
	}
	c.mu.Lock()
	if c.out == nil {
		c.out = b[:0]
	} else if c.spare == nil {
		c.spare = b[:0]
	}
	c.mu.Unlock()
}

// wrote counts what the socket took.
func (c *Conn) wrote(n int) {
	c.written.Add(int64(n))
	c.mu.Lock()
	c.queued -= n
	c.wake()
	c.mu.Unlock()
}
