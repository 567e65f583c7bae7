package line

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"syscall"
)

// atOnce is how much is read at once. Longer frames have memory of their own, which grows as they arrive.
const atOnce = 64 << 10

// broken is a fault of the peer.
type broken string

func (b broken) Error() string { return string(b) }

func brokenf(format string, args ...any) error { return broken(fmt.Sprintf(format, args...)) }

// read takes frames until the line ends.
func (c *Conn) read() {
	in := input{from: c.nc, b: make([]byte, 0, atOnce)}
	for {
		if err := c.frame(&in); err != nil {
			c.fail(err)
			return
		}
	}
}

// frame takes one frame.
func (c *Conn) frame(in *input) error {
	head, err := in.next(headOctets)
	if err != nil {
		return endOf(err)
	}
	length := int64(binary.BigEndian.Uint32(head)) - (headOctets - lengthOctets)
	kind, id := head[lengthOctets], binary.BigEndian.Uint32(head[lengthOctets+1:])
	if err := c.mayCome(kind, id, length); err != nil {
		return err
	}
	n := int(length)
	if kind == frameCall {
		return c.called(in, id, n)
	}
	body, err := in.take(n)
	if err != nil {
		return halfOf(err)
	}
	if kind == frameCancel {
		c.cancel(id)
		return nil
	}
	if !c.answered(kind, id, body) {
		return brokenf("it answers the call %d, which nobody made", id)
	}
	return nil
}

// mayCome refuses frames by their head, before there is memory for them.
func (c *Conn) mayCome(kind byte, id uint32, length int64) error {
	most := 0
	switch kind {
	case frameCall:
		if c.o.Handler == nil {
			return broken("it calls an end that serves nothing")
		}
		most = c.o.MaxRequest + maxCallHead
	case frameAnswer, frameError:
		if !c.knows(id) {
			return brokenf("it answers the call %d, which nobody made", id)
		}
		most = c.o.MaxAnswer
	case frameCancel:
	default:
		return brokenf("it sent a frame of the unknown kind %d", kind)
	}
	if length < 0 || length > int64(most) {
		return brokenf("it sent a frame of kind %d with %d octets, where %d are the most", kind, length, most)
	}
	return nil
}

// endOf is why a line ended between two frames: in order where the peer is gone.
func endOf(err error) error {
	if isGone(err) {
		return io.EOF
	}
	return halfOf(err)
}

// isGone reports whether a connection is closed, at this end or the other.
func isGone(err error) bool {
	return errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrClosed) || errors.Is(err, io.ErrClosedPipe) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func halfOf(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return broken("it sent half a frame")
	}
	return err
}

// input reads from a connection, many frames at once.
type input struct {
	from  io.Reader
	b     []byte // what was read
	start int    // of what was not taken yet
}

// next returns the next n octets, no more than the buffer holds, until the next call.
func (in *input) next(n int) ([]byte, error) {
	if err := in.fill(n); err != nil {
		return nil, err
	}
	b := in.b[in.start : in.start+n]
	in.start += n
	return b, nil
}

// fill reads until n octets are there. The error is io.EOF where there is none, io.ErrUnexpectedEOF where there are some.
func (in *input) fill(n int) error {
	for len(in.b)-in.start < n {
		if in.start > 0 && (in.start == len(in.b) || cap(in.b)-in.start < n) {
			in.b = in.b[:copy(in.b, in.b[in.start:])]
			in.start = 0
		}
		got, err := in.from.Read(in.b[len(in.b):cap(in.b)])
		in.b = in.b[:len(in.b)+got]
		if err != nil && len(in.b)-in.start < n {
			if errors.Is(err, io.EOF) && len(in.b) > in.start {
				return io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

// take returns the next n octets. The memory of many grows as they arrive.
func (in *input) take(n int) (string, error) {
	if n <= cap(in.b) {
		b, err := in.next(n)
		return string(b), unexpected(err)
	}
	all := append([]byte(nil), in.b[in.start:]...) // less than n
	in.b, in.start = in.b[:0], 0
	for len(all) < n {
		all = slices.Grow(all, min(n-len(all), max(len(all), atOnce)))
		got, err := in.from.Read(all[len(all):min(n, cap(all))])
		all = all[:len(all)+got]
		if err != nil && len(all) < n {
			return "", unexpected(err)
		}
	}
	return string(all[:n]), nil
}

// skip passes over the next n octets.
func (in *input) skip(n int) error {
	for n > 0 {
		b, err := in.some(n)
		if err != nil {
			return unexpected(err)
		}
		n -= len(b)
	}
	return nil
}

// some returns no more than most of the next octets, until the next call.
func (in *input) some(most int) ([]byte, error) {
	if err := in.fill(1); err != nil {
		return nil, err
	}
	return in.next(min(most, len(in.b)-in.start))
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
