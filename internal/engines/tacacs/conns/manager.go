package conns

import (
	"context"
	"net"
	"sync"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/tacacs"
)

// Manager holds the connections to one server and gives Sessions their places on them. It
// is safe for use by many goroutines.
type Manager struct {
	addr    string
	secrets []aaa.Secret // one or two; none with TLS
	opts    Options

	mu       sync.Mutex    // guards all below, and what conn and Session say it does
	conns    []*conn       // dialling, open and draining
	changed  chan struct{} // closed when a place may have become free; nil: nobody waits
	key      int           // the secret that new connections use
	refused  bool          // the latest negotiation: the server has no single connection mode
	retired  bool
	failures int // connections in a row that could not be made
	retryAt  time.Time
	warned   time.Time // when the log was told that there are no descriptors
	dialErr  error     // the latest, while retryAt is to come
	strays   uint64    // replies to ids that nobody used

	pace pace
}

// NewManager makes the Manager of the server at address, host:port. It does no I/O and starts
// no goroutine; that is for the first Session to do. Without TLS a current secret is needed: ErrNoSecret.
func NewManager(address string, secrets Secrets, opts Options) (*Manager, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	opts.fill(host)
	m := &Manager{addr: address, opts: opts}
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

// Retire closes the connections as soon as nothing is under way on them. Sessions that
// start afterwards still work, each on a connection that goes with it.
func (m *Manager) Retire() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.retired = true
	for _, c := range append([]*conn(nil), m.conns...) {
		c.settle()
	}
}

// Exchange is a Session of one round.
func (m *Manager) Exchange(ctx context.Context, send tacacs.Request, receive tacacs.Reply) error {
	s := m.Session()
	defer s.Close()
	return s.Exchange(ctx, send, receive)
}

// Stats is what a Manager holds at the moment.
type Stats struct {
	Connections int    // dialling, open, or draining
	Shared      int    // of which in single connection mode
	Sessions    int    // that have a place on a connection
	Tombstones  int    // ids whose late replies are to be dropped
	Strays      uint64 // replies so far to ids that nobody used
	Interleaves bool   // the server has shown that a slow request holds up no other on its connection
}

// Stats counts.
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

// maxQueued is how many octets may wait to be written on a connection that takes new sessions.
const maxQueued = 256 << 10

// open adds a connection that is yet to be dialled; mu is held.
func (m *Manager) open(key int) *conn {
	c := &conn{m: m, key: key, opened: time.Now(), kick: make(chan struct{}, 1)}
	m.conns = append(m.conns, c)
	return c
}

// negotiated notes whether the server has granted single connection mode; mu is held.
func (m *Manager) negotiated(granted bool) { m.refused = !granted }

// stray counts a reply to an id that nobody used; mu is held.
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

// proven makes the secret of a connection that carried a sensible reply the one to use; mu is
// held. What is open under the other one is drained.
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

// secret is the one that a connection uses.
func (m *Manager) secret(key int) string {
	if m.opts.TLS != nil {
		return ""
	}
	return m.secrets[key].Reveal()
}
