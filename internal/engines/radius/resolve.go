package radius

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

const (
	maxHosts      = 10000           // names kept; the expired are dropped first
	lookupTimeout = 5 * time.Second // of one look-up
	missTTL       = 5 * time.Second // how long a failed look-up holds
)

// hosts caches the addresses of host names. Look-ups run beside the requests: a
// request waits for one only when a name was never resolved; afterwards it gets the
// last known address while a fresh one is fetched.
type hosts struct {
	resolver Resolver
	ttl      time.Duration
	mu       sync.Mutex
	entries  map[string]*host
}

type host struct {
	addr    netip.Addr // zero: none known
	err     error
	expires time.Time
	busy    chan struct{} // closed when the look-up under way ends; nil: none is
}

func newHosts(r Resolver, ttl time.Duration) *hosts {
	return &hosts{resolver: r, ttl: ttl, entries: make(map[string]*host)}
}

// resolve returns an address of the name.
func (h *hosts) resolve(ctx context.Context, name string) (netip.Addr, error) {
	for {
		now := time.Now()
		h.mu.Lock()
		e := h.entries[name]
		if e == nil {
			h.evict(now)
			e = &host{}
			h.entries[name] = e
		}
		if e.busy == nil && !now.Before(e.expires) {
			e.busy = make(chan struct{})
			go h.lookup(name, e)
		}
		addr, err, busy := e.addr, e.err, e.busy
		fresh := now.Before(e.expires)
		h.mu.Unlock()
		switch {
		case addr.IsValid():
			return addr, nil
		case fresh && err != nil:
			return netip.Addr{}, err
		}
		select {
		case <-busy:
		case <-ctx.Done():
			return netip.Addr{}, ctx.Err()
		}
	}
}

// lookup asks the resolver. A failure keeps the address known before: servers
// should not go away with the name service.
func (h *hosts) lookup(name string, e *host) {
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	addrs, err := h.resolver.LookupNetIP(ctx, "ip", name)
	if err == nil && len(addrs) == 0 {
		err = errors.New("no address")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		e.err, e.expires = fmt.Errorf("can't resolve %q: %w", name, err), time.Now().Add(missTTL)
	} else {
		e.err, e.expires = nil, time.Now().Add(h.ttl)
		if !contains(addrs, e.addr) { // a name with several addresses: stay with one
			e.addr = addrs[0].Unmap()
		}
	}
	close(e.busy)
	e.busy = nil
}

func contains(list []netip.Addr, a netip.Addr) bool {
	for _, b := range list {
		if b.Unmap() == a {
			return true
		}
	}
	return false
}

// evict makes room; h.mu is held.
func (h *hosts) evict(now time.Time) {
	if len(h.entries) < maxHosts {
		return
	}
	for name, e := range h.entries {
		if e.busy == nil && now.After(e.expires) {
			delete(h.entries, name)
		}
	}
	for name, e := range h.entries { // all fresh: any will do
		if len(h.entries) < maxHosts {
			return
		}
		if e.busy == nil {
			delete(h.entries, name)
		}
	}
}
