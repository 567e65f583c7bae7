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

// A server by name may have several addresses. A Client uses one of them, for as long as the name has it and it
// answers: logins of several rounds should meet the server that began them. An address that can't be reached is
// left at once, and the request goes to the next; one that is silent to all for a request's whole time is left
// by the requests to come.

// target is where to send, and how many addresses there are to choose from: the document's address, or one of those that
// its name resolves to.
func (c *client) target(ctx context.Context) (to netip.AddrPort, choice int, err error) {
	if c.literal {
		return netip.AddrPortFrom(numbered(c.addr), c.port), 1, nil
	}
	addrs, err := c.engine.hosts.resolve(ctx, c.address)
	if err != nil {
		return netip.AddrPort{}, 0, err
	}
	in := c.inUse.Load()
	if in == nil || !slices.Contains(addrs, *in) { // in may be of an older list
		c.inUse.CompareAndSwap(in, &addrs[0])
		in = &addrs[0]
	}
	return netip.AddrPortFrom(numbered(*in), c.port), len(addrs), nil
}

// numbered is an address with its zone as a number, as the kernel tells of it.
func numbered(a netip.Addr) netip.Addr {
	if a.Zone() == "" {
		return a
	}
	if i, err := net.InterfaceByName(a.Zone()); err == nil {
		return a.WithZone(strconv.Itoa(i.Index))
	}
	return a
}

// leave has the next address used in place of one that does not answer, unless others have done so already. It reports
// whether that speaks against the server: when it has no other address, or all have been left since the latest answer.
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

// arrive takes an identifier at the address in use, or at the next where this machine has no way to it. tried counts
// those, so that no request goes round for ever. Errors are those of exchange, which blame is for.
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
		case errors.Is(err, errFull): // those that hold the identifiers tell the server's health
			return held{}, waited, false, failure(engines.NoAnswer, 0, err)
		case engines.Lacking(err):
			return held{}, waited, false, engines.ErrLacking(err)
		case !unreachable(err) && !errors.Is(err, egress.ErrNotAllowed):
			return held{}, waited, false, failure(engines.Unreachable, 0, err)
		}
		blame := c.leave(to.Addr())
		if *tried++; *tried >= choice {
			if errors.Is(err, egress.ErrNotAllowed) { // which says nothing of the server
				return held{}, waited, false, failure(engines.NotAllowed, 0, err)
			}
			return held{}, waited, blame, failure(engines.Unreachable, 0, err)
		}
	}
}

// elsewhere makes a request that the network has ended wait for its reply at another address, where one is left to
// try. The servers of a name share its secret, so that the packet need not be another (RFC 2865 §2.5).
func (c *client) elsewhere(ctx context.Context, p *pending, patience time.Duration, tried *int) (held, bool) {
	if *tried++; c.literal || *tried >= len(c.engine.hosts.known(c.address)) {
		return held{}, false
	}
	c.release(p) // after which nobody else knows p
	p.held = p.held[:0]
	h, _, blame, err := c.arrive(ctx, p, patience, tried)
	if err != nil {
		if blame {
			c.failing()
		}
		return held{}, false
	}
	p.err, p.unsent, p.sent = nil, false, 0
	p.hurry, p.twice = false, false // of the packets that went to the address left
	p.ended.Store(false)
	p.sign(h.id, p.key)
	h.arm(c, p)
	return h, true
}

// unanswered tells the server's health of a request without an answer. Where nobody else got one either in its time, the
// address is left: that one request is ignored says little of it. What was still out at an address that has been left
// tells nothing more: the one that is in use now may answer.
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
