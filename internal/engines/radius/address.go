package radius

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"aaa-api/internal/egress"
	"aaa-api/internal/engines"
)

// A server's name may have several addresses. A Client stays with one for as long as the name has it and it answers, because
// logins of several rounds should meet the server that began them. If an address can't be reached, the request itself goes on
// to the next one. If an address is silent to all requests for one request's whole time, later requests use the next one.

// target is where to send: the document's address, or one of those that its name resolves to. choice is their number.
func (c *client) target(ctx context.Context) (to netip.AddrPort, choice int, err error) {
	if c.literal {
		return netip.AddrPortFrom(numbered(c.addr), c.port), 1, nil
	}
	addrs, err := c.engine.hosts.resolve(ctx, c.address)
	if err != nil {
		return netip.AddrPort{}, 0, err
	}
	in := c.inUse.Load()
	if in == nil || !slices.Contains(addrs, *in) { // in may be from an older list
		c.inUse.CompareAndSwap(in, &addrs[0])
		in = &addrs[0]
	}
	return netip.AddrPortFrom(numbered(*in), c.port), len(addrs), nil
}

// numbered is an address whose zone is a number, which is how the kernel reports it.
func numbered(a netip.Addr) netip.Addr {
	if a.Zone() == "" {
		return a
	}
	if i, err := net.InterfaceByName(a.Zone()); err == nil {
		return a.WithZone(strconv.Itoa(i.Index))
	}
	return a
}

// leave moves on from an address that does not answer, unless that has happened already. It reports whether the server itself is to
// blame: it has no other address, or all have been left since its latest answer.
func (c *client) leave(addr netip.Addr) bool {
	if c.literal {
		return true
	}
	addrs := c.engine.hosts.known(c.address)
	if len(addrs) < 2 {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	in := c.inUse.Load()
	if in == nil || *in != addr {
		return false
	}
	next := &addrs[(slices.Index(addrs, addr)+1)%len(addrs)]
	if !c.inUse.CompareAndSwap(in, next) {
		return false
	}
	c.engine.opts.Logger.Debug("going on to another address of a server's name",
		"engine", Name, "account", string(c.account), "server", c.name, "from", addr.String(), "to", next.String())
	if c.left.Add(1) < uint32(len(addrs)) {
		return false
	}
	c.left.Store(0)
	return true
}

// arrive takes an identifier at the address in use, or at the next one if there is no way to that. tried counts the addresses, so
// that no request goes round for ever. Errors and blame are those of exchange.
func (c *client) arrive(ctx context.Context, p *pending, patience time.Duration, tried *int) (h held, waited time.Duration, blame bool, err error) {
	for {
		to, choice, err := c.target(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return held{}, waited, false, ctx.Err()
			}
			return held{}, waited, true, failure(engines.Unreachable, 0, err)
		}
		var more time.Duration
		if err = c.reach.Check(to); err == nil {
			h, more, err = c.take(ctx, p, to, patience-waited)
			waited += more
		}
		switch {
		case err == nil:
			return h, waited, false, nil
		case ctx.Err() != nil:
			return held{}, waited, false, ctx.Err()
		case errors.Is(err, errFull): // the requests that hold the identifiers report to the server's health
			return held{}, waited, false, failure(engines.NoAnswer, 0, err)
		case engines.Lacking(err):
			return held{}, waited, false, engines.ErrLacking(err)
		case !unreachable(err) && !errors.Is(err, egress.ErrNotAllowed):
			return held{}, waited, false, failure(engines.Unreachable, 0, err)
		}
		blame := c.leave(to.Addr())
		if *tried++; *tried >= choice {
			if errors.Is(err, egress.ErrNotAllowed) { // which says nothing about the server
				return held{}, waited, false, failure(engines.NotAllowed, 0, err)
			}
			return held{}, waited, blame, failure(engines.Unreachable, 0, err)
		}
	}
}

// elsewhere moves a request that the network has ended to another address of the name. ok is false if none is left. The servers of a
// name share its secret, so the packet stays the same but for its identifier (RFC 2865 §2.5).
func (c *client) elsewhere(ctx context.Context, p *pending, patience time.Duration, tried *int) (next held, ok bool) {
	if *tried++; c.literal || *tried >= len(c.engine.hosts.known(c.address)) {
		return held{}, false
	}
	c.release(p) // no reader can find p now
	p.held = p.held[:0]
	h, _, blame, err := c.arrive(ctx, p, patience, tried)
	if err != nil {
		if blame {
			c.failing()
		}
		return held{}, false
	}
	p.err, p.unsent, p.sent = nil, false, 0
	p.hurry, p.twice = false, false // these were about the address before
	p.ended.Store(false)
	p.sign(h.id, p.key)
	h.arm(c, p)
	return h, true
}

// unanswered reports a request without an answer to the server's health. It leaves the address if no other request was answered
// in that time: one ignored request says little. A request to an address that is no longer in use reports nothing: the present
// one may answer.
func (c *client) unanswered(p *pending) {
	if c.literal || len(p.held) == 0 {
		c.failing()
		return
	}
	addr := p.held[0].lane.remote.addr.Addr()
	if in := c.inUse.Load(); in != nil && *in != addr {
		return
	}
	c.failing()
	if p.heard == c.answers.Load() {
		c.leave(addr)
	}
}
