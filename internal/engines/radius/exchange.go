package radius

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"aaa-api/internal/engines"
)

// exchange sends the packet that p holds, up to 1 + retries times, and waits for a
// verified reply, which is then in p. The server's health learns how it ended. Errors are a
// *engines.Failure, or ctx's.
func (c *client) exchange(ctx context.Context, p *pending, timeout time.Duration, retries int) (attempts int, err error) {
	to, err := c.target(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		return 0, c.failed(engines.Unreachable, 0, err)
	}
	h, err := c.take(ctx, p, to)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case unreachable(err):
		return 0, c.failed(engines.Unreachable, 0, err)
	default: // this machine's fault, such as too many open files
		return 0, &engines.Failure{Reason: engines.Unreachable, Err: err}
	}
	p.sign(h.id, c.secret, &c.macs)
	h.arm(p)
	start := time.Now()
	for {
		attempts++
		h.socket.send(p.frame.buf)
		p.timer.Reset(engines.Jitter(timeout))
		select {
		case <-p.done:
			p.timer.Stop()
			if p.err != nil {
				return attempts, c.failed(engines.Unreachable, attempts, p.err)
			}
			c.succeeded()
			return attempts, nil
		case <-ctx.Done():
			p.timer.Stop()
			if attempts > 1 {
				c.failing() // at least one whole timeout passed in silence
			}
			return attempts, ctx.Err()
		case <-p.timer.C:
		}
		if attempts > retries {
			if why := p.dropped.Load(); why != nil {
				return attempts, c.failed(engines.BadReply, attempts, *why)
			}
			return attempts, c.failed(engines.NoAnswer, attempts, nil)
		}
		if delay, changed := p.aged(time.Since(start)); changed {
			// A new request with an identifier of its own; the answers to the earlier
			// ones still count, since they tell that the record has arrived.
			if next, ok := c.tryTake(p, to); ok {
				h = next
				binary.BigEndian.PutUint32(p.frame.buf[p.frame.delayAt:], delay)
				p.sign(h.id, c.secret, &c.macs)
				h.arm(p)
			}
		}
	}
}

// errNoReply is the log's word for silence.
var errNoReply = errors.New("no reply")

func (c *client) failed(why engines.Reason, attempts int, err error) error {
	c.failing()
	if err == nil {
		err = errNoReply
	}
	return &engines.Failure{Reason: why, Attempts: attempts, Err: err}
}
