// Package radsec takes RADIUS from network devices over TLS (RFC 6613, RFC 6614), and by ALPN RADIUS/1.1 (RFC 9765). It frames and bounds
// what comes, and hands each packet over as it came. Replies go out in the order in which they come.
package radsec

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"aaa-api/internal/ingress"
	"aaa-api/internal/listeners"
)

// Asker is the way to the security module.
type Asker interface {
	// Packet answers a packet.
	Packet(ctx context.Context, p *ingress.Packet) (ingress.Answer, error)
	// Again tells that a packet has come again while it is being answered.
	Again(ctx context.Context, p *ingress.Packet) error
}

// Options of a Server. Ask, Metrics and TLS are required.
type Options struct {
	Ask     Asker
	Metrics *Metrics
	TLS     *tls.Config // that of listeners.TLS for radius.ALPN11 and radius.ALPN10

	Connections int // at once; default 8192
	OfSource    int // of one address, at once; default 256
	Handshakes  int // of one address, at once; default 32
	InFlight    int // requests being answered, of one connection: no more are read; default 256

	InFlightOfSource int // of all connections of one address; default 1024

	Handshake time.Duration // for the handshake; default 10 s
	Rest      time.Duration // for the rest of a packet that has begun; default 10 s
	Idle      time.Duration // a connection without a packet is closed after; default 15 min
	Write     time.Duration // a connection that takes no octets is closed after; default 10 s
	Within    time.Duration // a request's time; default 30 s
}

// Server serves the TLS listeners of a process.
type Server struct {
	o Options

	ctx    context.Context // of calls
	cancel context.CancelFunc

	mu        sync.Mutex
	stopped   bool
	listening []net.Listener
	conns     map[*conn]struct{}
	sources   map[netip.Addr]*source
	work      sync.WaitGroup // connections
}

// source is what an address has open.
type source struct {
	conns, handshakes int
	places            chan struct{} // of its requests in flight
}

// New makes a server without listeners.
func New(o Options) *Server {
	def(&o.Connections, 8192)
	def(&o.OfSource, 256)
	def(&o.Handshakes, 32)
	def(&o.InFlight, 256)
	def(&o.InFlightOfSource, 1024)
	def(&o.Handshake, 10*time.Second)
	def(&o.Rest, 10*time.Second)
	def(&o.Idle, 15*time.Minute)
	def(&o.Write, 10*time.Second)
	def(&o.Within, 30*time.Second)
	s := &Server{o: o, conns: make(map[*conn]struct{}), sources: make(map[netip.Addr]*source)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

func def[T ~int | ~int64](n *T, value T) {
	if *n <= 0 {
		*n = value
	}
}

// acceptPause is how long no connection is accepted after one could not be, as without descriptors.
const acceptPause = 50 * time.Millisecond

// Serve takes the connections of a listener until Stop, or until the listener is closed.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return net.ErrClosed
	}
	s.listening = append(s.listening, l)
	s.mu.Unlock()
	for {
		raw, err := l.Accept()
		switch {
		case err == nil:
			s.take(raw)
		case errors.Is(err, net.ErrClosed):
			return err
		default:
			select {
			case <-time.After(acceptPause):
			case <-s.ctx.Done():
				return net.ErrClosed
			}
		}
	}
}

// take begins to serve a connection, if there is a place for it.
func (s *Server) take(raw net.Conn) {
	c := &conn{server: s, raw: raw, tls: tls.Server(raw, s.o.TLS), number: listeners.NextConn(), from: plain(raw.RemoteAddr()), to: plain(raw.LocalAddr())}
	if !s.enter(c) {
		s.o.Metrics.ended(refusedConn)
		raw.Close()
		return
	}
	go func() {
		defer s.work.Done()
		fate := c.serve(s.ctx)
		raw.Close()
		s.leave(c)
		s.o.Metrics.ended(fate)
	}()
}

// plain is an address in the one form in which clients are looked up.
func plain(a net.Addr) netip.AddrPort {
	at, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	p := at.AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap().WithZone(""), p.Port())
}

// sourceOf is the address that a connection counts for: with IPv6 its network, as whoever has one address of it has all.
func sourceOf(a netip.Addr) netip.Addr {
	if a.Is6() {
		if network, err := a.Prefix(64); err == nil {
			return network.Addr()
		}
	}
	return a
}

// enter counts a connection, whose handshake begins.
func (s *Server) enter(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := sourceOf(c.from.Addr())
	at := s.sources[from]
	if s.stopped || len(s.conns) >= s.o.Connections || at != nil && (at.conns >= s.o.OfSource || at.handshakes >= s.o.Handshakes) {
		return false
	}
	if at == nil {
		at = &source{places: make(chan struct{}, s.o.InFlightOfSource)}
		s.sources[from] = at
	}
	c.source = at
	at.conns++
	at.handshakes++
	s.conns[c] = struct{}{}
	s.work.Add(1)
	s.o.Metrics.open.Inc()
	return true
}

// greeted takes note that the handshake of a connection has ended. It reports whether the connection goes on.
func (s *Server) greeted(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.source.handshakes--
	return !s.stopped
}

func (s *Server) leave(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if c.source.conns--; c.source.conns == 0 {
		delete(s.sources, sourceOf(c.from.Addr()))
	}
	s.o.Metrics.open.Dec()
}

// Stop takes no more connections, reads no more packets, and has those in flight answered, until ctx ends.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	s.stopped = true
	for _, l := range s.listening {
		l.Close()
	}
	for c := range s.conns {
		c.readNoMore()
	}
	s.mu.Unlock()
	finished := make(chan struct{})
	go func() {
		s.work.Wait()
		close(finished)
	}()
	select {
	case <-finished:
		s.cancel()
		return nil
	case <-ctx.Done():
	}
	s.cancel()
	s.mu.Lock()
	for c := range s.conns {
		c.raw.Close()
	}
	s.mu.Unlock()
	<-finished
	return ctx.Err()
}
