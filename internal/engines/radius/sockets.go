package radius

import (
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"time"
)

// All servers of a node share its sockets: a reply is found by the address that it comes from, the port that it comes to
// and its identifier. So a node needs few descriptors, whatever its tenants' documents name, and one system call carries
// packets to many servers.

const (
	// maxSockets is how many an address family may have: so many times 256 requests are out at one server at most.
	maxSockets = 64
	// portsAfterSilence is how many are opened in search of a port at which a silent server answers.
	portsAfterSilence = 8
	// lanesForAnother is how many servers a socket has before others get another one, up to one a processor.
	lanesForAnother = 64
)

// sockets are the UDP sockets of a node.
type sockets struct {
	open func(ipv6 bool) (wire, error) // tests let the network fail here

	mu       sync.Mutex
	families [2][]*socket // IPv4 and IPv6
	closed   bool
	sweep    *time.Timer // nil: nothing is to be looked after
}

// socket is one of them.
type socket struct {
	engine *Engine
	ipv6   bool
	wire   wire
	queue  queue // has a lock of its own

	// Under sockets.mu.
	lanes int       // servers that use it
	idle  time.Time // since when none does
}

func family(ipv6 bool) int {
	if ipv6 {
		return 1
	}
	return 0
}

// pick finds a socket for another lane of a server, opening one where that helps and there are fewer than most. It is nil
// where all are in use by the server's lanes and no more may be opened. The error is that of opening.
func (e *Engine) pick(ipv6 bool, lanes []*lane, most int) (*socket, error) {
	s := &e.sockets
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.families[family(ipv6)]
	var best *socket
	for _, x := range all {
		if (best == nil || x.lanes < best.lanes) && !slices.ContainsFunc(lanes, func(l *lane) bool { return l.socket == x }) {
			best = x
		}
	}
	more := best == nil && len(all) < most
	if best != nil && best.lanes >= lanesForAnother && len(all) < runtime.GOMAXPROCS(0) {
		more = true
	}
	if more {
		x, err := e.openSocket(ipv6)
		switch {
		case err == nil:
			best = x
		case best == nil:
			return nil, err
		}
	}
	if best != nil {
		best.lanes++
	}
	return best, nil
}

// openSocket adds a socket; sockets.mu is held.
func (e *Engine) openSocket(ipv6 bool) (*socket, error) {
	s := &e.sockets
	if s.closed {
		return nil, errClosed
	}
	w, err := s.open(ipv6)
	if err != nil {
		return nil, err
	}
	x := &socket{engine: e, ipv6: ipv6, wire: w}
	s.families[family(ipv6)] = append(s.families[family(ipv6)], x)
	go x.read()
	return x, nil
}

// read hands what arrives to the requests, until the socket is closed. One that can't be used any more is
// closed, and ends what is out on it.
func (s *socket) read() {
	err := s.wire.receive(s.reply, s.troubled)
	if !s.engine.discard(s) {
		return // it was closed here
	}
	s.engine.opts.Logger.Warn("a socket can't be used any more: another is opened", "engine", Name, "error", err)
	s.engine.remotes.Range(func(_ netip.AddrPort, r *remote) bool {
		r.fail(s, err, true)
		r.leave(s)
		return true
	})
}

// discard takes a socket out of use and closes it. It reports whether it was in use.
func (e *Engine) discard(x *socket) bool {
	s := &e.sockets
	s.mu.Lock()
	defer s.mu.Unlock()
	all := &s.families[family(x.ipv6)]
	i := slices.Index(*all, x)
	if i < 0 {
		return false
	}
	*all = slices.Delete(*all, i, i+1)
	x.wire.Close()
	return true
}

// giveBack takes note that a lane of a socket is no more.
func (e *Engine) giveBack(x *socket, now time.Time) {
	e.sockets.mu.Lock()
	defer e.sockets.mu.Unlock()
	if x.lanes--; x.lanes == 0 {
		x.idle = now
	}
}

// closeIdle closes sockets that no server has used for long enough. The last one of a family stays: there may be no
// descriptor left for it later.
func (e *Engine) closeIdle(now time.Time) {
	s := &e.sockets
	s.mu.Lock()
	defer s.mu.Unlock()
	for f := range s.families {
		all := s.families[f]
		for i := len(all) - 1; i > 0; i-- {
			if x := all[i]; x.lanes == 0 && now.Sub(x.idle) >= e.opts.IdleTimeout {
				all = slices.Delete(all, i, i+1)
				x.wire.Close()
			}
		}
		s.families[f] = all
	}
}

// Close closes all sockets. Requests that are out fail, and so do later ones.
func (e *Engine) Close() error {
	s := &e.sockets
	s.mu.Lock()
	var all []*socket
	if !s.closed {
		all = slices.Concat(s.families[0], s.families[1])
	}
	s.closed = true
	s.families = [2][]*socket{}
	if s.sweep != nil {
		s.sweep.Stop()
	}
	s.mu.Unlock()
	for _, x := range all {
		x.wire.Close()
	}
	e.remotes.Range(func(_ netip.AddrPort, r *remote) bool {
		for _, x := range all {
			r.fail(x, errClosed, true)
		}
		return true
	})
	return nil
}

// Descriptors is how many sockets are open.
func (e *Engine) Descriptors() int {
	e.sockets.mu.Lock()
	defer e.sockets.mu.Unlock()
	return len(e.sockets.families[0]) + len(e.sockets.families[1])
}
