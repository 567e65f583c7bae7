package radius

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"aaa-api/internal/backoff"
	"aaa-api/internal/engines"
	"aaa-api/internal/limits"
)

// exchange sends p's packet up to 1 + retries times and waits for a verified reply, which it leaves in p. Errors are a
// *engines.Failure, or ctx's if nothing was sent. blame is true if an error is the server's fault and its health does not know yet.
func (c *client) exchange(ctx context.Context, p *pending, timeout time.Duration, retries int) (attempts int, blame bool, err error) {
	if c.overTLS {
		return c.stream(ctx, p, timeout, retries)
	}
	tried := 0 // addresses that turned out to be out of reach
	h, waited, blame, err := c.arrive(ctx, p, timeout*time.Duration(1+retries), &tried)
	if err != nil {
		return 0, blame, err
	}
	retries -= min(int(waited/timeout), retries) // the time of those attempts is over
	p.sign(h.id, p.key)
	h.arm(c, p)
	start := time.Now()
	sent, wait := start, backoff.Jitter(timeout)
	for {
		if err := c.count(p, h); err != nil {
			if !p.claim() { // once armed, a request can be ended by an error from the network
				<-p.done
				return attempts, false, p.outcome(attempts)
			}
			return attempts, attempts > 0, p.heldBack(attempts, err)
		}
		attempts++
		p.timer.Reset(wait) // before sending, since an error there may cut it short
		h.send(p)
		gone, silence := false, false
		select {
		case <-p.done:
			if p.unsent {
				attempts--
			}
			if p.err == nil || !unreachable(p.err) {
				return attempts, false, p.outcome(attempts)
			}
			now := time.Now()
			wait -= min(now.Sub(sent), wait)
			next, ok := c.elsewhere(ctx, p, wait, &tried)
			switch {
			case !ok && ctx.Err() != nil:
				return attempts, false, p.unanswered(attempts, ctx.Err())
			case !ok:
				return attempts, false, p.outcome(attempts)
			}
			retries++ // the same attempt at another address, for what is left of its time
			sent = time.Now()
			wait -= min(sent.Sub(now), wait)
			h, start = next, sent
			continue
		case <-ctx.Done():
			gone = true
		case <-p.timer.C:
			now := time.Now()
			if p.hurried() {
				retries++ // the same attempt once more, for what is left of its time
				wait -= min(now.Sub(sent), wait)
			} else {
				wait, silence = backoff.Jitter(timeout), true
				h.quiet()
			}
			sent = now
		}
		switch {
		case !gone && attempts <= retries:
			if h, err = c.renew(p, h, silence); err != nil {
				if !p.claim() { // the one that claimed it sends on done: wait, or the next request in its memory gets that
					<-p.done
				}
				return attempts, false, err
			}
		case !p.claim(): // the answer came in this very moment
			<-p.done
			return attempts, false, p.outcome(attempts)
		case gone:
			patient := time.Since(start) >= engines.Patience(timeout)
			if patient {
				h.quiet()
			}
			return attempts, patient, p.unanswered(attempts, ctx.Err())
		default:
			return attempts, true, p.unanswered(attempts, nil)
		}
	}
}

// hurried reports, once in a request, that its timer was cut short.
func (p *pending) hurried() bool {
	mu := &p.held[0].lane.remote.mu
	mu.Lock()
	defer mu.Unlock()
	if !p.hurry || p.twice {
		return false
	}
	p.twice = true
	return true
}

// renew makes the packet a new request if it can't go out again as it is: it needs another secret, or an accounting record has
// become older. The new request has an identifier of its own, on a socket that is not silent. Answers to the earlier ones still
// count, since they show that the request has arrived. Otherwise the packet stays the same and leaves from the same port, by
// which a server recognises a repetition (RFC 5080 §2.2.1): a login must not be made twice.
func (c *client) renew(p *pending, h held, silence bool) (held, error) {
	delay, aged := p.aged(time.Now())
	k := c.nextKey(p, silence)
	if !aged && k == p.key {
		return h, nil
	}
	next, ok := c.tryTake(p, h.lane.remote.addr)
	if !ok {
		return h, nil
	}
	if aged {
		binary.BigEndian.PutUint32(p.enc.Packet[p.delayAt:], delay)
	}
	if k != p.key {
		if err := p.rehide(k); err != nil {
			return h, err
		}
		p.key = k
	}
	p.sign(next.id, k)
	next.arm(c, p)
	return next, nil
}

// count counts the next packet. Its error says which limit forbids to send it. Packets to a server that answers under this Client's
// secret do not count for the address, so a flood to that address under other secrets does not hold this Client back.
func (c *client) count(p *pending, h held) error {
	if p.sent == 0 {
		p.to = limits.Destination{}
		if c.health.State() != engines.Alive || !c.health.Answered() {
			p.to = h.lane.remote.limit
		}
	}
	err := p.allow.Send(p.to)
	if err == nil {
		p.sent++
	}
	return err
}

// heldBack is the failure of a request that a limit has ended.
func (p *pending) heldBack(attempts int, err error) error {
	if attempts > 0 {
		return p.unanswered(attempts, err)
	}
	return failure(engines.HeldBack, 0, err)
}

// unanswered is the failure of a request without a usable reply. gone is the error of an ended context, nil if the request had
// all its time.
func (p *pending) unanswered(attempts int, gone error) error {
	why := p.dropped.Load()
	switch {
	case why == nil:
		return failure(engines.NoAnswer, attempts, gone)
	case gone == nil:
		return failure(engines.BadReply, attempts, *why)
	default:
		return failure(engines.BadReply, attempts, fmt.Errorf("%w (%w)", *why, gone))
	}
}

// errNoReply is silence, as the log says it.
var errNoReply = errors.New("no reply")

func failure(why engines.Reason, attempts int, err error) error {
	if err == nil {
		err = errNoReply
	}
	return &engines.Failure{Reason: why, Attempts: attempts, Err: err}
}
