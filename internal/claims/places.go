package claims

import (
	"sync"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/backoff"
)

const (
	firstOfAccount = 4 // places of an account of which nothing is known
	// The waits of an account whose servers are silent.
	firstSilence = time.Second
	maxSilence   = time.Minute
)

// places are the records that a node works on at once. An account's part grows by one with each delivered record and shrinks by
// one with each undelivered one. At the width of one, a silent account waits ever longer between two records, so that it holds no
// places that others need. The last places are for accounts that have none.
type places struct {
	all, ofAccount int
	again          chan struct{} // receives when places are free that enter refused

	mu      sync.Mutex
	running int
	refused bool // enter refused a place since again last received
	parts   map[aaa.AccountID]*part
}

// part is one account's part of the places.
type part struct {
	running, width int
	silent         int       // failures in a row at the width of one
	failing        bool      // the last record was not delivered
	until          time.Time // no place before
	used           time.Time
}

func newPlaces(all, ofAccount int) *places {
	return &places{all: all, ofAccount: ofAccount, again: make(chan struct{}, 1), parts: make(map[aaa.AccountID]*part)}
}

// enter takes a place for an account and reports whether there was one.
func (s *places) enter(account aaa.AccountID, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.parts[account]
	if p == nil {
		p = &part{width: min(firstOfAccount, s.ofAccount)}
		s.parts[account] = p
	}
	p.used = now
	if now.Before(p.until) {
		return false
	}
	free := s.all - s.running
	if p.running >= p.width || free <= 0 || p.failing && free <= s.all/2 || p.running > 0 && free <= s.all/4 {
		s.refused = true
		return false
	}
	p.running++
	s.running++
	return true
}

// leave gives a place back.
func (s *places) leave(account aaa.AccountID, o Outcome, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.parts[account]
	p.running--
	s.running--
	switch o {
	case Delivered:
		p.failing, p.silent, p.until = false, 0, time.Time{}
		p.width = min(p.width+1, s.ofAccount)
	case Undelivered:
		p.failing = true
		if p.width > 1 {
			p.width--
			break
		}
		p.silent++
		p.until = now.Add(backoff.Double(firstSilence, maxSilence, p.silent))
	}
	if s.refused && p.running <= p.width/2 && now.Compare(p.until) >= 0 {
		s.refused = false
		select {
		case s.again <- struct{}{}:
		default:
		}
	}
}

// forget drops the parts of accounts that have asked for no place since a time.
func (s *places) forget(before time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for account, p := range s.parts {
		if p.running == 0 && p.used.Before(before) {
			delete(s.parts, account)
		}
	}
}
