package radius

import (
	"net/netip"
	"sync"
	"time"

	"aaa-api/internal/ingress"
)

const (
	// unknownFor is how long packets of an address are dropped that has no client.
	unknownFor = 500 * time.Millisecond
	// knownFor is how long an address counts as known after a packet of a client there.
	knownFor = 10 * time.Minute
	// maxUnknown and maxKnown bound how many addresses are remembered, of each sort.
	maxUnknown, maxKnown = 1 << 13, 1 << 16
	// newRate is how many packets a second of addresses that are not known ask the security module, and at once.
	newRate = 1000
)

// sources remembers which addresses have clients, so that strangers ask the security module for little.
type sources struct {
	mu      sync.Mutex
	unknown map[netip.Addr]time.Time // until when
	known   map[netip.Addr]time.Time // that a packet was proven of; until when
	refused map[netip.Addr]time.Time // that have a client, which no packet was proven of: all of a wide prefix can be forged
	tokens  float64                  // packets of new addresses that may come now
	at      time.Time                // of tokens
}

func newSources() *sources {
	return &sources{
		unknown: map[netip.Addr]time.Time{}, known: map[netip.Addr]time.Time{}, refused: map[netip.Addr]time.Time{}, tokens: newRate,
	}
}

// pass reports whether a packet of an address may ask the security module.
func (s *sources) pass(a netip.Addr, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Before(s.known[a]) || now.Before(s.refused[a]) {
		return true
	}
	if until, ok := s.unknown[a]; ok {
		if now.Before(until) {
			return false
		}
		delete(s.unknown, a)
	}
	if d := now.Sub(s.at); d > 0 {
		s.tokens, s.at = min(newRate, s.tokens+d.Seconds()*newRate), now
	}
	if s.tokens < 1 {
		return false
	}
	s.tokens--
	return true
}

// learn notes what a packet of an address turned out to be.
func (s *sources) learn(a netip.Addr, v ingress.Verdict, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch v {
	case ingress.Unknown:
		delete(s.known, a)
		delete(s.refused, a)
		remember(s.unknown, a, now.Add(unknownFor), maxUnknown)
		return
	case ingress.Verified:
		delete(s.refused, a)
		remember(s.known, a, now.Add(knownFor), maxKnown)
	default:
		if !now.Before(s.known[a]) {
			remember(s.refused, a, now.Add(knownFor), maxKnown)
		}
	}
	delete(s.unknown, a)
}

// remember makes room by forgetting any other address.
func remember(m map[netip.Addr]time.Time, a netip.Addr, until time.Time, most int) {
	if _, there := m[a]; !there && len(m) >= most {
		for other := range m {
			delete(m, other)
			break
		}
	}
	m[a] = until
}
