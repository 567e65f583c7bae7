package radius

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
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
	addrs   []netip.Addr // never changed; empty: none known
	err     error
	expires time.Time
	busy    chan struct{} // closed when the look-up under way ends; nil: none is
}

func newHosts(r Resolver, ttl time.Duration) *hosts {
	return &hosts{resolver: r, ttl: ttl, entries: make(map[string]*host)}
}

// resolve returns the addresses of the name, at least one without an error. They are not to be changed.
func (h *hosts) resolve(ctx context.Context, name string) ([]netip.Addr, error) {
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
		addrs, err, busy := e.addrs, e.err, e.busy
		fresh := now.Before(e.expires)
		h.mu.Unlock()
		switch {
		case len(addrs) > 0:
			return addrs, nil
		case fresh && err != nil:
			return nil, err
		}
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// known returns the addresses that resolve found last, if it still has them.
func (h *hosts) known(name string) []netip.Addr {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e := h.entries[name]; e != nil {
		return e.addrs
	}
	return nil
}

// lookup asks the resolver. A failure keeps the addresses known before: servers
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
		e.addrs = inOrder(e.addrs, addrs)
	}
	close(e.busy)
	e.busy = nil
}

// inOrder is the list of a name's addresses, each once: those known before first, in the order that they had, since name
// services like to turn it and Clients of one server should stay together.
func inOrder(before, now []netip.Addr) []netip.Addr {
	list := make([]netip.Addr, 0, len(now))
	for _, a := range now {
		if a = a.Unmap(); !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	place := func(a netip.Addr) int {
		if i := slices.Index(before, a); i >= 0 {
			return i
		}
		return len(before)
	}
	slices.SortStableFunc(list, func(a, b netip.Addr) int { return place(a) - place(b) })
	return list
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
