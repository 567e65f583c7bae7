package conns

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
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

	interleaves bool // a request was answered after a later one of its connection
	doubts      int  // replies since then that took long, in the order of their requests
	quick       int  // replies in a row, up to proof, without one that took the server long
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
	s := Stats{Connections: len(m.conns), Strays: m.strays, Interleaves: m.interleaves}
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

// patience is how long a session waits for what another one negotiates, beyond the time
// that the network needs, before it makes a connection of its own.
const patience = 3 * time.Millisecond

// dialPatience is how long a session waits for the dialling of others before it dials itself: one packet that
// is lost on the way holds up a dialling by a second.
const dialPatience = 300 * time.Millisecond

// proved asks place for the secret that is known to work, or is tried first.
const proved = -1

// place gives s a place on a connection, under the secret key. Errors are ctx's, a
// *engines.Failure, or why s has ended.
func (m *Manager) place(ctx context.Context, s *Session, key int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	begun := time.Now()
	c, wait, changed, err := m.try(s, key, begun)
	if err != nil || c != nil && c.state != dialling {
		return err
	}
	// All that takes long.
	ctx, cancel := context.WithTimeoutCause(ctx, m.opts.ReplyTimeout+m.opts.DialTimeout, FaultBusy)
	defer cancel()
	for c == nil {
		if err := await(ctx, changed, wait); err != nil {
			return err
		}
		c, wait, changed, err = m.try(s, key, begun)
		if err != nil || c != nil && c.state != dialling {
			return err
		}
	}
	return m.dial(ctx, c, s)
}

// try is choose, with s added to a connection that is there. changed tells of the next time
// that it is worth trying, begun when the session asked first.
func (m *Manager) try(s *Session, key int, begun time.Time) (c *conn, wait time.Duration, changed <-chan struct{}, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.state == ended {
		return nil, 0, nil, s.failed()
	}
	if key == proved {
		key = m.key
	}
	now := time.Now()
	c, wait, err = m.choose(want{key: key, dialogue: s.dialogue, waited: now.Sub(begun)}, now)
	switch {
	case err != nil:
	case c == nil:
		if m.changed == nil {
			m.changed = make(chan struct{})
		}
		changed = m.changed
	case c.state != dialling:
		c.add(s)
	}
	return c, wait, changed, err
}

// await waits for a change, at most so long where that is over 0.
func await(ctx context.Context, changed <-chan struct{}, atMost time.Duration) error {
	var late <-chan time.Time
	if atMost > 0 {
		timer := time.NewTimer(atMost)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-changed:
		return nil
	case <-late:
		return nil
	case <-ctx.Done():
		return why(ctx)
	}
}

// why is the error of a context that has ended: the caller's own, or a Failure where place ran out of time.
func why(ctx context.Context) error {
	if errors.Is(context.Cause(ctx), FaultBusy) {
		return &engines.Failure{Reason: engines.NoAnswer, Err: FaultBusy}
	}
	return ctx.Err()
}

// want is what a new session wants of its connection.
type want struct {
	key      int  // which secret
	dialogue bool // it has rounds that its user answers
	waited   time.Duration
}

// choose finds the connection for a new session; mu is held. One in the state dialling is
// new and for the caller to dial. Without one or an error the caller waits for a change, at
// most so long where that is over 0.
func (m *Manager) choose(w want, now time.Time) (c *conn, wait time.Duration, err error) {
	var best, crowded *conn // the least busy one with room, and without
	kept := 0
	if slices.ContainsFunc(m.conns, func(x *conn) bool { return x.slow(now) }) {
		m.quick = 0
	}
	for _, x := range m.conns {
		if x.draining || x.key != w.key {
			continue
		}
		switch x.state {
		case dialling, first:
			kept++
			wait = max(wait, x.patience(now, w.waited))
		case shared:
			if !x.taken() {
				kept++
			}
			switch {
			case len(x.sessions) >= m.opts.MaxSessions || len(x.out) >= maxQueued:
			case x.room(w.dialogue, now):
				if x.better(best, now) {
					best = x
				}
			case len(m.secrets) > 1 && (w.dialogue || x.dialogues > 0):
				// Either may have the server close the connection.
			default:
				if x.better(crowded, now) {
					crowded = x
				}
				if left := x.headway(now); left > wait && w.waited < queueing && !w.dialogue {
					wait = left
				}
			}
		}
	}
	if best != nil && best.load() == 0 {
		return best, 0, nil
	}
	held := now.Before(m.retryAt)
	room := len(m.conns) < m.opts.MaxConnections && !held
	switch {
	case room && kept < m.opts.Connections:
		return m.open(w.key), 0, nil
	case best != nil:
		return best, 0, nil
	case held && crowded != nil:
		return crowded, 0, nil
	case held:
		return nil, 0, &engines.Failure{Reason: engines.Unreachable, Err: m.dialErr}
	case wait > 0 && !m.refused && !m.opts.NoSingleConnect:
		return nil, wait, nil
	case room:
		return m.open(w.key), 0, nil
	}
	return crowded, 0, nil
}

// open adds a connection that is yet to be dialled; mu is held.
func (m *Manager) open(key int) *conn {
	c := &conn{m: m, key: key, opened: time.Now(), kick: make(chan struct{}, 1)}
	m.conns = append(m.conns, c)
	return c
}

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
			x.draining = true
			x.settle()
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
