package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// deadFor is how long a host that did not answer is passed over for others.
const deadFor = 10 * time.Second

// errDeadHost is a dial that was not tried.
var errDeadHost = errors.New("the host did not answer a moment ago")

// hosts remembers which of several hosts do not answer: connections are made in the order of the URL, and each would
// wait for a dead host's time-out first.
type hosts struct {
	dial     pgconn.DialFunc
	validate pgconn.ValidateConnectFunc // nil: any server is right

	mu   sync.Mutex
	seen map[string]host // by dialled address
}

// host is what the latest attempts found.
type host struct {
	dead time.Time // until when it is passed over
	good bool      // it gave a connection that is in use
}

func (h *hosts) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if h.passOver(address, time.Now()) {
		return nil, fmt.Errorf("dial %s: %w", address, errDeadHost)
	}
	c, err := h.dial(ctx, network, address)
	if err != nil {
		h.failed(address, isTimeout(err))
		return nil, err
	}
	return &hostConn{Conn: c, address: address, missed: func() { h.failed(address, true) }}, nil
}

// Validate is the last step of making a connection.
func (h *hosts) Validate(ctx context.Context, c *pgconn.PgConn) error {
	var err error
	if h.validate != nil {
		err = h.validate(ctx, c)
	}
	nc := c.Conn()
	if encrypted, ok := nc.(*tls.Conn); ok {
		nc = encrypted.NetConn()
	}
	if to, ok := nc.(*hostConn); ok {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.seen[to.address] = host{good: err == nil}
	}
	return err
}

func (h *hosts) failed(address string, dead bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen[address] = host{}
	if dead {
		h.seen[address] = host{dead: time.Now().Add(deadFor)}
	}
}

// passOver reports whether an address is dead and another one is good. Without a good one, as while a standby is not yet
// promoted, the dead one may be slow and no more.
func (h *hosts) passOver(address string, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !now.Before(h.seen[address].dead) {
		return false
	}
	for other, is := range h.seen {
		if other != address && is.good {
			return true
		}
	}
	return false
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// hostConn notices if the first answer never comes: the kernel of a host takes connections for a server that hangs.
type hostConn struct {
	net.Conn
	address string
	heard   bool
	missed  func()
}

func (c *hostConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if !c.heard {
		c.heard = true
		if isTimeout(err) {
			c.missed()
		}
	}
	return n, err
}

// several makes a pool of several hosts keep to the one that takes writes: unless told otherwise
// (target_session_attrs), it connects to no server that is read-only.
func several(config *pgxpool.Config, told bool) {
	c := config.ConnConfig
	others := false
	for _, f := range c.Fallbacks {
		others = others || f.Host != c.Host || f.Port != c.Port
	}
	if !others {
		return
	}
	h := &hosts{dial: c.DialFunc, validate: c.ValidateConnect, seen: map[string]host{}}
	if !told {
		h.validate = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	c.DialFunc, c.ValidateConnect = h.Dial, h.Validate
}

// renewEvery is how often the pool's connections are made anew at the most.
const renewEvery = time.Second

// renew gives up the pool's connections after an error that they may all share: their server does not answer, or has become
// read-only. Those in use are closed when they come back.
func (d *driver) renew() {
	now := time.Now().UnixNano()
	last := d.renewed.Load()
	if now-last >= int64(renewEvery) && d.renewed.CompareAndSwap(last, now) {
		d.pool.Reset()
	}
}
