package conns

import (
	"context"
	"net"
	"sync"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines/dialtls"
	"aaa-api/internal/tacacs"
)

// Manager holds the connections to one server and opens Sessions on them. It is safe for use by many goroutines.
type Manager struct {
	addr    string
	secrets []aaa.Secret // one or two; none with TLS
	opts    Options
	dialer  dialtls.Dialer

	mu       sync.Mutex    // guards all below, and the parts of conn and Session that say so
	conns    []*conn       // dialling, open and draining
	changed  chan struct{} // closed when a place may have become free; nil: no session waits
	key      int           // the secret that new connections use
	refused  bool          // in the latest negotiation the server refused single connection mode
	retired  bool
	failures int // connections in a row that could not be made
	retryAt  time.Time
	warned   time.Time // when the lack of descriptors was logged last
	dialErr  error     // of the latest of them
	strays   uint64    // replies to ids of no session

	pace pace
}

// NewManager makes the Manager of the server at address, host:port. It does no I/O and starts
// no goroutine until the first Session does. The error is ErrNoSecret without TLS and a current secret.
func NewManager(address string, secrets Secrets, opts Options) (*Manager, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	opts.fill(host)
	m := &Manager{addr: address, opts: opts, dialer: dialtls.Dialer{
		Address: address, TLS: opts.TLS, Dial: opts.Dial, Reach: opts.Reach, Limits: opts.Limits,
	}}
	if opts.TLS == nil {
		if secrets.Current.Reveal() == "" {
			return nil, ErrNoSecret
		}
		m.secrets = append(m.secrets, secrets.Current)
		if secrets.Previous.Reveal() != "" {
			m.secrets = append(m.secrets, secrets.Previous)
		}
	}
	return m, nil
}

// Retire closes each connection as soon as it has no session. Sessions that
// start afterwards still work, each on a connection of its own.
func (m *Manager) Retire() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.retired = true
	for _, c := range append([]*conn(nil), m.conns...) {
		c.settle()
	}
}

// Exchange runs a Session of one round.
func (m *Manager) Exchange(ctx context.Context, send tacacs.Request, receive tacacs.Reply) error {
	s := m.Session()
	defer s.Close()
	return s.Exchange(ctx, send, receive)
}

// Stats is a snapshot of a Manager.
type Stats struct {
	Connections int    // dialling, open, or draining
	Shared      int    // of those, in single connection mode
	Sessions    int    // with a place on a connection
	Tombstones  int    // ids whose late replies will be dropped
	Strays      uint64 // replies so far to ids of no session
	Interleaves bool   // the server has shown that a slow request holds up no other on its connection
}

// Stats returns a snapshot.
func (m *Manager) Stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := Stats{Connections: len(m.conns), Strays: m.strays, Interleaves: m.pace.interleaves}
	now := time.Now()
	for _, c := range m.conns {
		if c.state == shared {
			s.Shared++
		}
		s.Sessions += len(c.sessions)
		c.tombs.expire(now)
		s.Tombstones += c.tombs.len()
	}
	return s
}

// maxQueued bounds the octets that wait to be written on a connection that takes new sessions.
const maxQueued = 256 << 10

// open adds a connection, which the caller dials; mu is held.
func (m *Manager) open(key int) *conn {
	c := &conn{m: m, key: key, opened: time.Now(), kick: make(chan struct{}, 1)}
	m.conns = append(m.conns, c)
	return c
}

// negotiated notes whether the server has granted single connection mode; mu is held.
func (m *Manager) negotiated(granted bool) { m.refused = !granted }

// stray counts a reply to an id of no session; mu is held.
func (m *Manager) stray() { m.strays++ }

// forget takes a connection off the list; mu is held.
func (m *Manager) forget(c *conn) {
	for i, x := range m.conns {
		if x == c {
			last := len(m.conns) - 1
			m.conns[i], m.conns[last] = m.conns[last], nil
			m.conns = m.conns[:last]
			break
		}
	}
	m.notify()
}

// notify wakes those who wait for a place; mu is held.
func (m *Manager) notify() {
	if m.changed != nil {
		close(m.changed)
		m.changed = nil
	}
}

// proven makes new connections use the secret of c, on which a reply made sense, and drains those under the
// other one; mu is held.
func (m *Manager) proven(c *conn) {
	if m.key == c.key {
		return
	}
	m.key = c.key
	m.opts.Logger.Info("TACACS+ server uses the other one of its two secrets", "server", m.addr, "previous", c.key == 1)
	for _, x := range append([]*conn(nil), m.conns...) {
		if x.key != c.key && x.state != dialling {
			x.drain()
		}
	}
}

// secret returns the secret with that key, empty with TLS.
func (m *Manager) secret(key int) string {
	if m.opts.TLS != nil {
		return ""
	}
	return m.secrets[key].Reveal()
}
