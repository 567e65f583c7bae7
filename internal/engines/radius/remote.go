package radius

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"aaa-api/internal/limits"
)

// identifiers is how many requests a lane carries: RFC 2865 §3 has one octet.
const identifiers = 256

// remote is the address and port of a server, with the lanes to it. Clients of several tenants may share it: each request
// has its own Client and secret.
type remote struct {
	engine *Engine
	addr   netip.AddrPort
	limit  limits.Destination // of its address

	mu    sync.Mutex // before client.mu, where both are held
	gone  bool       // no longer in Engine.remotes
	heard bool       // it has answered
	lanes []*lane
	turn  int // where to look for an identifier next
}

// lane is a socket's way to a server: an identifier on it tells one request from another. remote.mu guards it.
type lane struct {
	remote *remote
	socket *socket
	slots  slots     // a place taken has no pending until its packet is signed
	idle   time.Time // since when nothing is in flight
	heard  uint32    // answers
	silent bool      // a request has had no answer for an attempt's time, and nor had any other since it was sent
	since  time.Time // of silent

	answers atomic.Bool // as far as is known: not silent, and the server has answered from some port; read without a lock
}

var (
	// errFull is the error of a server with as many requests unanswered as there may be.
	errFull = errors.New("as many requests as there may be are waiting for this server's answers")
	// errClosed is the error of an Engine that was closed.
	errClosed = errors.New("the engine is closed")
)

// remoteAt returns the remote of an address, locked.
func (e *Engine) remoteAt(to netip.AddrPort) *remote {
	for {
		r, ok := e.remotes.Load(to)
		if !ok {
			var old bool
			if r, old = e.remotes.LoadOrStore(to, &remote{engine: e, addr: to, limit: e.opts.Destinations.At(to.Addr())}); !old {
				e.sweepLater()
			}
		}
		r.mu.Lock()
		if !r.gone {
			return r
		}
		r.mu.Unlock()
	}
}

// take reserves an identifier at the server. It waits, but no longer than patience, where as many requests are out as
// MaxInFlight says. Errors are errFull, ctx's and those of opening a socket.
func (c *client) take(ctx context.Context, p *pending, to netip.AddrPort, patience time.Duration) (h held, waited time.Duration, err error) {
	places := c.places.Load()
	if places == nil {
		c.places.CompareAndSwap(nil, semaphore.NewWeighted(int64(c.engine.opts.MaxInFlight)))
		places = c.places.Load()
	}
	if !places.TryAcquire(1) {
		start := time.Now()
		within, cancel := context.WithTimeoutCause(ctx, patience, errFull)
		defer cancel()
		if places.Acquire(within, 1) != nil {
			return held{}, 0, context.Cause(within)
		}
		waited = time.Since(start)
	}
	if h, err = c.place(p, to); err != nil {
		places.Release(1)
	}
	return h, waited, err
}

// tryTake is take that does not wait; p holds an identifier already.
func (c *client) tryTake(p *pending, to netip.AddrPort) (held, bool) {
	if !c.places.Load().TryAcquire(1) {
		return held{}, false
	}
	h, err := c.place(p, to)
	if err != nil {
		c.places.Load().Release(1)
	}
	return h, err == nil
}

// place picks the lane and the identifier.
func (c *client) place(p *pending, to netip.AddrPort) (held, error) {
	r := c.engine.remoteAt(to)
	defer r.mu.Unlock()
	l, err := r.lane()
	if err != nil {
		return held{}, err
	}
	h := held{lane: l, id: l.slots.take(c), heard: l.heard}
	if len(p.held) == 0 && !c.literal {
		p.heard = c.answers.Load()
	}
	p.held = append(p.held, h)
	return h, nil
}

// lane finds one with an identifier left: lanes that answer in turn, else another one, else the one that has been silent for
// longest. What stands between here and the server may send all of one port to the same machine, or have forgotten
// the port. r.mu is held.
func (r *remote) lane() (*lane, error) {
	for i := range r.lanes {
		at := (r.turn + i) % len(r.lanes)
		if l := r.lanes[at]; l.slots.count < identifiers && !l.silent {
			r.turn = at + 1
			return l, nil
		}
	}
	var silent *lane
	for _, l := range r.lanes {
		if l.slots.count < identifiers && (silent == nil || l.since.Before(silent.since)) {
			silent = l
		}
	}
	most := maxSockets
	if silent != nil {
		most = portsAfterSilence
	}
	s, err := r.engine.pick(r.addr.Addr().Is6(), r.lanes, most)
	switch {
	case s != nil:
		l := &lane{remote: r, socket: s, slots: slots{next: anyIdentifier()}, idle: time.Now()}
		l.answers.Store(r.heard)
		r.lanes = append(r.lanes, l)
		return l, nil
	case err != nil && !errors.Is(err, errClosed):
		r.engine.noSocket(err)
	}
	switch {
	case silent != nil:
		return silent, nil
	case err != nil:
		return nil, err
	}
	return nil, errFull
}

// on is the lane of a socket; r.mu is held.
func (r *remote) on(s *socket) *lane {
	for _, l := range r.lanes {
		if l.socket == s {
			return l
		}
	}
	return nil
}

// leave forgets the lane of a socket that is no more.
func (r *remote) leave(s *socket) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lanes = slices.DeleteFunc(r.lanes, func(l *lane) bool { return l.socket == s })
}

// quiet takes note that an attempt's time is over without an answer.
func (h held) quiet() {
	r := h.lane.remote
	r.mu.Lock()
	defer r.mu.Unlock()
	if h.heard == h.lane.heard {
		h.lane.silent, h.lane.since = true, time.Now()
		h.lane.answers.Store(false)
	}
}

// arm makes the signed packet's reply awaited.
func (h held) arm(c *client, p *pending) {
	r := h.lane.remote
	r.mu.Lock()
	*h.lane.slots.get(h.id) = slot{client: c, pending: p, key: p.key, auth: p.auth, code: p.code, eap: p.eap}
	r.mu.Unlock()
}

// send sends p's packet.
func (h held) send(p *pending) {
	h.lane.socket.send(h.lane.remote.addr, p.enc.Packet, h.lane.answers.Load())
}

// release gives back all identifiers of p, which are at one server. After it no reader knows p.
func (c *client) release(p *pending) {
	if len(p.held) == 0 {
		return
	}
	r := p.held[0].lane.remote
	r.mu.Lock()
	for _, h := range p.held {
		if h.lane.slots.free(h.id); h.lane.slots.count == 0 {
			h.lane.idle = time.Now()
		}
	}
	r.mu.Unlock()
	c.places.Load().Release(int64(len(p.held)))
}

// unheardTimeout is how long a server that has never answered is remembered after a request, if that is less than
// IdleTimeout: there may be as many of them as a tenant can think of addresses.
const unheardTimeout = 10 * time.Second

// sweepLater has idle lanes, servers and sockets looked for from time to time, for as long as there are servers.
func (e *Engine) sweepLater() {
	s := &e.sockets
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sweep == nil && !s.closed {
		s.sweep = time.AfterFunc(min(e.opts.IdleTimeout, unheardTimeout)/2, e.sweep)
	}
}

func (e *Engine) sweep() {
	now := time.Now()
	e.remotes.Range(func(_ netip.AddrPort, r *remote) bool {
		r.rest(now)
		return true
	})
	e.closeIdle(now)
	s := &e.sockets
	s.mu.Lock()
	s.sweep = nil
	s.mu.Unlock()
	if e.remotes.Size() > 0 || e.Descriptors() > 2 {
		e.sweepLater()
	}
}

// rest drops lanes that have been idle for long enough, and a remote without lanes.
func (r *remote) rest(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	hold := r.engine.opts.IdleTimeout
	if !r.heard {
		hold = min(hold, unheardTimeout)
	}
	r.lanes = slices.DeleteFunc(r.lanes, func(l *lane) bool {
		idle := l.slots.count == 0 && now.Sub(l.idle) >= hold
		if idle {
			r.engine.giveBack(l.socket, now)
		}
		return idle
	})
	if len(r.lanes) == 0 {
		r.gone = true
		r.engine.remotes.Delete(r.addr)
	}
}
