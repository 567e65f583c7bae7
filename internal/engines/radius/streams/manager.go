package streams

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"sync"
	"time"

	"aaa-api/internal/engines/dialtls"
	"aaa-api/internal/radius"
)

// Options are a server and how its connections are used. All but Dialer, Watch and Unasked have defaults.
type Options struct {
	Dialer dialtls.Dialer // of a server with TLS; NextProtos are set here

	Connections int // at once; 0: 4
	InFlight    int // requests at once on a connection of RADIUS/1.1; 0: 4096. RADIUS/1.0 has 256 identifiers

	DialTimeout  time.Duration // for the connection and the handshake; 0: 5 s
	WriteTimeout time.Duration // a connection that takes no octets is closed after; 0: 5 s
	IdleTimeout  time.Duration // an unused connection is closed after; 0: 2 min
	Watchdog     time.Duration // a connection on which nothing arrives is asked after; 0: 30 s

	// After a connection could not be made none is tried for BackoffMin, after the next failure for twice as long, and so on up
	// to BackoffMax, each ±10 %.
	BackoffMin time.Duration // 0: 100 ms
	BackoffMax time.Duration // 0: 10 s

	// Watch makes a Status-Server with an identifier or a token. nil: none can be made.
	Watch func(v11 bool, id uint32) []byte
	// Unasked is called with a request from the other end, and returns the reply; nil: none. The packet is valid during the call.
	Unasked func(v11 bool, p radius.Packet) []byte

	Logger *slog.Logger // broken rules; nil: none
}

// identifiers is how many requests a connection of RADIUS/1.0 carries: RFC 2865 §3 has one octet.
const identifiers = 256

// maxQueued bounds the octets that wait to be written on a connection that takes new requests.
const maxQueued = 256 << 10

// Manager holds the connections to one server. It is safe for use by many goroutines. A new one has neither connection nor goroutine.
type Manager struct {
	opts   Options
	dialer dialtls.Dialer

	mu       sync.Mutex
	conns    []*conn
	dialling bool
	changed  chan struct{} // closed when a place may have become free; nil: no request waits
	version  Version       // of the latest connection
	retired  bool
	strays   uint64 // replies to no request

	dials    int   // attempts that have failed
	failures int   // of those, in a row
	dialErr  error // of the latest
	blame    bool  // the latest failure is not yet told
	excused  bool  // the attempt under way is told already: its failure is none
	retryAt  time.Time
	warned   time.Time // when the lack of descriptors was logged last
}

// Version is a version of the protocol.
type Version uint8

// The versions.
const (
	Unknown Version = iota // no connection was made yet
	V10
	V11
)

// New makes the Manager of a server whose host is the server's name in TLS if the configuration has none.
func New(host string, opts Options) *Manager {
	def(&opts.Connections, 4)
	def(&opts.InFlight, 4096)
	def(&opts.DialTimeout, 5*time.Second)
	def(&opts.WriteTimeout, 5*time.Second)
	def(&opts.IdleTimeout, 2*time.Minute)
	def(&opts.Watchdog, 30*time.Second)
	def(&opts.BackoffMin, 100*time.Millisecond)
	def(&opts.BackoffMax, 10*time.Second)
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	m := &Manager{opts: opts, dialer: opts.Dialer}
	m.dialer.TLS = dialtls.Strict(orEmpty(opts.Dialer.TLS), host)
	m.dialer.TLS.NextProtos = []string{radius.ALPN11, radius.ALPN10}
	return m
}

func orEmpty(c *tls.Config) *tls.Config {
	if c == nil {
		return &tls.Config{MinVersion: tls.VersionTLS13}
	}
	return c
}

func def[T ~int | ~int64](n *T, value T) {
	if *n <= 0 {
		*n = value
	}
}

// Version is the version that the server negotiated last.
func (m *Manager) Version() Version {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.version
}

// Retire closes each connection as soon as it has no request. Requests that start afterwards still work.
func (m *Manager) Retire() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.retired = true
	for _, c := range append([]*conn(nil), m.conns...) {
		c.settle()
	}
}

// Stats is a snapshot of a Manager.
type Stats struct {
	Connections int
	InFlight    int
	Strays      uint64 // replies so far to no request
}

// Stats returns a snapshot.
func (m *Manager) Stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := Stats{Connections: len(m.conns), Strays: m.strays}
	for _, c := range m.conns {
		s.InFlight += len(c.calls)
	}
	return s
}

// Errors of Place.
var (
	// ErrFull is the error of a server with as many requests under way as there may be.
	ErrFull = errors.New("as many requests as there may be are waiting for this server's answers")
	// ErrSlow is the error of a server to which no connection is made in time.
	ErrSlow = errors.New("no connection in time")
)

// DialError is a connection that could not be made.
type DialError struct {
	Err   error
	Blame bool // the server's health does not know yet
}

func (e *DialError) Error() string { return e.Err.Error() }
func (e *DialError) Unwrap() error { return e.Err }

// Place reserves a place for a request. It waits, but no longer than patience, for a connection to be made or to have room. Errors
// are a *DialError, ErrFull, or ctx's.
func (m *Manager) Place(ctx context.Context, patience time.Duration) (*Place, error) {
	var late <-chan time.Time
	dials := -1
	for {
		m.mu.Lock()
		if dials < 0 {
			dials = m.dials
		}
		p, changed, err := m.try(dials)
		m.mu.Unlock()
		if p != nil || err != nil {
			return p, err
		}
		if late == nil {
			t := time.NewTimer(patience)
			defer t.Stop()
			late = t.C
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-late:
			return nil, m.late()
		}
	}
}

// try is one attempt at Place; mu is held. dials is how many attempts to connect had failed when the request came.
func (m *Manager) try(dials int) (*Place, <-chan struct{}, error) {
	now := time.Now()
	c := m.choose(now)
	failed := m.dials != dials && m.dialErr != nil // while the request waited
	if (c == nil || c.silent) && !m.dialling && !failed && len(m.conns) < m.opts.Connections && !now.Before(m.retryAt) {
		m.dialling = true
		go m.dial()
	}
	switch {
	case c != nil:
		c.used = now
		return c.reserve(), nil, nil
	case len(m.conns) == 0 && !m.dialling:
		err := &DialError{m.dialErr, m.blame}
		m.blame = false
		return nil, nil, err
	}
	if m.changed == nil {
		m.changed = make(chan struct{})
	}
	return nil, m.changed, nil
}

// choose finds a connection with room: one that answers, else the one that is silent; mu is held.
func (m *Manager) choose(now time.Time) *conn {
	var best, expired *conn
	for _, c := range m.conns {
		switch {
		case !c.expires.IsZero() && now.After(c.expires):
			expired = c
		case c.room() && (best == nil || best.silent && !c.silent):
			best = c
		}
	}
	if expired != nil {
		expired.drain()
	}
	return best
}

// late is the error of a request that has waited in vain.
func (m *Manager) late() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.conns) > 0 || !m.dialling {
		return ErrFull
	}
	blame := !m.excused
	m.excused = true
	return &DialError{ErrSlow, blame}
}

// notify wakes those who wait for a place; mu is held.
func (m *Manager) notify() {
	if m.changed != nil {
		close(m.changed)
		m.changed = nil
	}
}
