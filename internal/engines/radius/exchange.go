package radius

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"aaa-api/internal/engines"
	"aaa-api/internal/limits"
)

// exchange sends the packet that p holds, up to 1 + retries times, and waits for a
// verified reply, which is then in p. Errors are a *engines.Failure, or ctx's where nothing was sent. blame
// tells that an error is the server's failure and that its health has not learnt of it yet.
func (c *client) exchange(ctx context.Context, p *pending, timeout time.Duration, retries int) (attempts int, blame bool, err error) {
	tried := 0 // addresses that turned out to be out of reach
	h, waited, blame, err := c.arrive(ctx, p, timeout*time.Duration(1+retries), &tried)
	if err != nil {
		return 0, blame, err
	}
	retries -= min(int(waited/timeout), retries) // the time of those attempts is over
	p.sign(h.id, p.key)
	h.arm(c, p)
	start := time.Now()
	sent, wait := start, engines.Jitter(timeout)
	for {
		if err := c.count(p, h); err != nil {
			if !p.claim() { // since it was armed, the network may have said that the server is out of reach
				<-p.done
				return attempts, false, p.outcome(attempts)
			}
			return attempts, attempts > 0, p.heldBack(attempts, err)
		}
		attempts++
		p.timer.Reset(wait) // first, since an error that sending meets may cut it short
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
				wait, silence = engines.Jitter(timeout), true
				h.quiet()
			}
			sent = now
		}
		switch {
		case !gone && attempts <= retries:
			if h, err = c.renew(p, h, silence); err != nil {
				if !p.claim() { // whoever has it wakes it, and must not wake the next request in its memory
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

// renew makes the packet a new request where it can't go out again as it is: under another secret, or because an
// accounting record has become older. Then it has an identifier of its own, on a socket that is not silent. The answers to
// the earlier ones still count, since they tell that the request has arrived. Otherwise it stays the same packet from the
// same port, by which a server knows a repetition (RFC 5080 §2.2.1): a login must not be made twice.
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

// count counts the next packet, or says why it must not be sent. A server that answers this Client's secret wants to be asked:
// its packets do not count for its address, so that whoever floods that under other secrets holds back nobody else.
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

// heldBack is the failure of a request that a limit has ended after so many attempts without an answer.
func (p *pending) heldBack(attempts int, err error) error {
	if attempts > 0 {
		return p.unanswered(attempts, err)
	}
	return failure(engines.HeldBack, 0, err)
}

// unanswered is the failure of a request without a fit reply. gone is the error of a context that has ended, nil
// where the request had all its time.
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

// errNoReply is the log's word for silence.
var errNoReply = errors.New("no reply")

func failure(why engines.Reason, attempts int, err error) error {
	if err == nil {
		err = errNoReply
	}
	return &engines.Failure{Reason: why, Attempts: attempts, Err: err}
}
