package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// deadFor is how long a host that did not answer a dial is passed over for others.
const deadFor = 10 * time.Second

// errDeadHost is a dial that was not tried.
var errDeadHost = errors.New("the host did not answer a moment ago")

// hosts remembers which of several hosts do not answer: connections are made in the order of the URL, and each would
// wait for a dead host's time-out first.
type hosts struct {
	dial pgconn.DialFunc

	mu   sync.Mutex
	seen map[string]time.Time // dialled addresses → until when they are passed over; zero: they answered
}

func (h *hosts) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if h.passOver(address, time.Now()) {
		return nil, fmt.Errorf("dial %s: %w", address, errDeadHost)
	}
	c, err := h.dial(ctx, network, address)
	var timeout net.Error
	dead := errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen[address] = time.Time{}
	if dead {
		h.seen[address] = time.Now().Add(deadFor)
	}
	return c, err
}

// passOver reports whether an address is dead while another one is not known to be.
func (h *hosts) passOver(address string, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !now.Before(h.seen[address]) {
		return false
	}
	for other, until := range h.seen {
		if other != address && !now.Before(until) {
			return true
		}
	}
	return false
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
	if !told {
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	c.DialFunc = (&hosts{dial: c.DialFunc, seen: map[string]time.Time{}}).Dial
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
