package clients

import (
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"aaa-api/internal/aaa"
)

const (
	maxUnknown = 100 // addresses that are listed
	maxWhy     = 200 // octets of a reason
)

// UnknownDevice is an address whose packets no client or secret fits.
type UnknownDevice struct {
	Address  netip.Addr `json:"address"`
	Protocol string     `json:"protocol"` // of the last packet, as is Why
	Why      string     `json:"why"`      // a text of the server that refused the packet
	Count    uint64     `json:"count"`
	First    time.Time  `json:"first"`
	Last     time.Time  `json:"last"`
}

// unknown lists the addresses that were unknown last.
//
// Sources are easily forged, so a flood may name millions. It must neither slow down the packets of others nor push a device that is
// set up wrongly out of the list: a packet that finds the lock taken is not listed, few new addresses a second get in, and addresses
// that came only once leave first.
type unknown struct {
	mu      sync.Mutex
	entries []UnknownDevice
	places  map[netip.Addr]int // in entries
	admit   *rate.Limiter      // new addresses
	tell    *rate.Limiter      // lines in the log
	untold  int                // addresses without a line, since the last one
}

func newUnknown() unknown {
	return unknown{places: make(map[netip.Addr]int), admit: rate.NewLimiter(20, maxUnknown), tell: rate.NewLimiter(1, 10)}
}

// Missed counts a packet that no client has sent, or that none of the client's secrets verifies. why is for operators.
func (r *Registry) Missed(p aaa.ClientProtocol, from netip.Addr, why string) {
	r.metrics.unknown[p].Inc()
	u := &r.unknown
	if !u.mu.TryLock() {
		return
	}
	defer u.mu.Unlock()
	from, now := plain(from), r.now()
	i, listed := u.places[from]
	if !listed {
		if !u.admit.AllowN(now, 1) {
			return
		}
		if i = u.place(); i == len(u.entries) {
			u.entries = append(u.entries, UnknownDevice{})
		}
		delete(u.places, u.entries[i].Address)
		u.places[from] = i
		u.entries[i] = UnknownDevice{Address: from, First: now}
	}
	d := &u.entries[i]
	d.Protocol, d.Last = p.String(), now
	d.Count++
	if why = why[:min(len(why), maxWhy)]; d.Why != why {
		d.Why = strings.Clone(why)
	}
	if d.Count > 1 {
		return
	}
	if !u.tell.AllowN(now, 1) {
		u.untold++
		return
	}
	r.log.Warn("an unknown device", "protocol", p.String(), "address", from, "why", d.Why, "others", u.untold)
	u.untold = 0
}

// place is where a new address goes: at the end, or over the one that is missed least. u.mu is held.
func (u *unknown) place() int {
	if len(u.entries) < maxUnknown {
		return len(u.entries)
	}
	least := 0
	for i, d := range u.entries {
		l := u.entries[least]
		if once, was := d.Count == 1, l.Count == 1; once != was && once || once == was && d.Last.Before(l.Last) {
			least = i
		}
	}
	return least
}

// Unknown lists up to 100 addresses whose packets no client or secret fits, the last one first. In a flood counts are too low.
func (r *Registry) Unknown() []UnknownDevice {
	r.unknown.mu.Lock()
	list := slices.Clone(r.unknown.entries)
	r.unknown.mu.Unlock()
	slices.SortFunc(list, func(a, b UnknownDevice) int { return b.Last.Compare(a.Last) })
	return list
}
