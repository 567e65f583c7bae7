package session

import (
	"sync"
	"time"

	"aaa-api/internal/aaa"
)

// Bounds of what the scheduler of one node works on at once.
const (
	maxAtOnce    = 256
	maxOfAccount = maxAtOnce / 8
	firstOfOne   = 4 // what an account may have that nothing is known of
	// An account whose servers are silent is tried ever more rarely, in the end so often.
	maxSilence = time.Minute
)

// shares gives out a node's places for sessions that are due. What an account may have grows by one with each record that is
// delivered and shrinks by one with each that is not, down to one place now and then: whoever's servers are silent holds no
// places that others wait for. The last places are for accounts that have none.
type shares struct {
	places, most int
	again        chan struct{} // receives where places are free again that were asked for

	mu      sync.Mutex
	running int
	refused bool // somebody, since again last received
	of      map[aaa.AccountID]*part
}

// part is what an account has.
type part struct {
	running, width int
	silent         int       // failures in a row at the width of one
	failing        bool      // the last record was not delivered
	until          time.Time // no place before
	used           time.Time
}

func newShares(places, most int) *shares {
	return &shares{places: places, most: most, again: make(chan struct{}, 1), of: make(map[aaa.AccountID]*part)}
}

// enter takes a place for an account and reports whether there was one.
func (s *shares) enter(account aaa.AccountID, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.of[account]
	if p == nil {
		p = &part{width: min(firstOfOne, s.most)}
		s.of[account] = p
	}
	p.used = now
	if now.Before(p.until) {
		return false
	}
	free := s.places - s.running
	if p.running >= p.width || free <= 0 || p.failing && free <= s.places/2 || p.running > 0 && free <= s.places/4 {
		s.refused = true
		return false
	}
	p.running++
	s.running++
	return true
}

// outcome is what a work on a session found out about the account's servers.
type outcome uint8

const (
	notAsked outcome = iota
	delivered
	undelivered
)

// leave gives a place back.
func (s *shares) leave(account aaa.AccountID, o outcome, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.of[account]
	p.running--
	s.running--
	switch o {
	case delivered:
		p.failing, p.silent, p.until = false, 0, time.Time{}
		p.width = min(p.width+1, s.most)
	case undelivered:
		p.failing = true
		if p.width > 1 {
			p.width--
			break
		}
		p.until = now.Add(min(time.Second<<min(p.silent, 10), maxSilence))
		p.silent++
	}
	if s.refused && p.running <= p.width/2 && now.Compare(p.until) >= 0 {
		s.refused = false
		select {
		case s.again <- struct{}{}:
		default:
		}
	}
}

// forget drops what is known of accounts that had nothing due since a time.
func (s *shares) forget(before time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for account, p := range s.of {
		if p.running == 0 && p.used.Before(before) {
			delete(s.of, account)
		}
	}
}
