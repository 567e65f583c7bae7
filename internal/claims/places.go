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
	// growShare is the part of its width by which an account with Steady tries grows, beside one place: its records are many.
	growShare = 8
	// mostTries is how many tries of a silent account may be under way where its tries are Steady: a try may take the whole of a request's time,
	// and one record that is never answered must not keep the others from being tried.
	mostTries = 32
)

// places are the records that a node works on at once. An account's part grows by one with each delivered record. It shrinks by one with an undelivered record,
// and by twice as many with each further one in a row. An account with one place left is silent: it waits between two tries, so that it holds no
// places that others need. Where its tries are Steady, one more goes out at their pace, however many are under way. The last places are for accounts that have none.
type places struct {
	all, ofAccount int
	steady         time.Duration            // Options.Steady
	answered       func(aaa.AccountID) bool // Options.Answered
	again          chan struct{}            // receives when places are free that enter refused

	mu      sync.Mutex
	running int
	failing int  // of them those of accounts whose last record was not delivered
	extra   int  // of them those beyond the width of silent accounts
	refused bool // enter refused a place since again last received
	parts   map[aaa.AccountID]*part
}

// part is one account's part of the places.
type part struct {
	running, width int
	extra          int       // of running, those beyond width
	row            int       // failures in a row
	silent         int       // waits in a row
	answered       bool      // its servers have answered
	until          time.Time // no place before
	moved          time.Time // when a place was last taken or given back
	used           time.Time
}

func newPlaces(all, ofAccount int) *places {
	return &places{all: all, ofAccount: ofAccount, again: make(chan struct{}, 1), parts: make(map[aaa.AccountID]*part)}
}

// of returns the part of an account; mu is held.
func (s *places) of(account aaa.AccountID) *part {
	p := s.parts[account]
	if p == nil {
		p = &part{width: min(firstOfAccount, s.ofAccount)}
		s.parts[account] = p
	}
	return p
}

// enter takes a place for an account and reports whether there was one.
func (s *places) enter(account aaa.AccountID, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.of(account)
	p.used = now
	if now.Before(p.until) {
		return false
	}
	steady := (p.silent > 0 || p.stalls(now, s.steady)) && s.isSteady(account, p)
	tries := p.extra
	if p.silent > 0 {
		tries = p.running // all are tries
	}
	beyond := p.running >= p.width && steady && tries < mostTries && p.running < s.ofAccount && s.extra < s.all/8
	if p.running >= p.width && !beyond || !s.room(p) {
		s.refused = true
		return false
	}
	if steady {
		p.until = now.Add(s.steady)
	}
	if beyond {
		p.extra++
		s.extra++
	}
	s.count(p, 1)
	p.moved = now
	return true
}

// stalls reports whether all places of the account are taken, and none was given back for a time: its servers may be silent, which the records
// under way tell only at the end of their requests' time.
func (p *part) stalls(now time.Time, after time.Duration) bool {
	return p.running >= p.width && now.Sub(p.moved) >= after
}

// room reports whether an account may have one more of all places: the last quarter is for those that have none, and accounts that fail have half
// of all places, and an eighth of them where only the last quarter is left.
func (s *places) room(p *part) bool {
	free := s.all - s.running
	last := free <= s.all/4
	switch {
	case free <= 0, last && p.running > 0:
		return false
	case p.row > 0:
		return s.failing < s.all/2 && (!last || s.failing < s.all/8)
	}
	return true
}

// count adds to the places that an account holds; mu is held.
func (s *places) count(p *part, n int) {
	p.running += n
	s.running += n
	if p.row > 0 {
		s.failing += n
	}
}

// fails sets how many failures of an account there are in a row; mu is held.
func (s *places) fails(p *part, row int) {
	switch {
	case p.row == 0 && row > 0:
		s.failing += p.running
	case p.row > 0 && row == 0:
		s.failing -= p.running
	}
	p.row = row
}

// wasRefused reports whether an account lacked a place since again last received.
func (s *places) wasRefused() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

// isSteady reports whether the tries of an account go on at one pace while its servers are silent.
func (s *places) isSteady(account aaa.AccountID, p *part) bool {
	if !p.answered && s.answered != nil {
		p.answered = s.answered(account)
	}
	return s.steady > 0 && p.answered
}

// leave gives a place back.
func (s *places) leave(account aaa.AccountID, o Outcome, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.parts[account]
	s.count(p, -1)
	p.moved = now
	if p.extra > 0 {
		p.extra--
		s.extra--
	}
	s.learn(account, p, o, now)
	s.wake(p, now)
}

// tell is leave without a place. An account of which nothing is known is none the better for an answer.
func (s *places) tell(account aaa.AccountID, o Outcome, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.parts[account] == nil && o != Undelivered {
		return
	}
	p := s.of(account)
	p.used = now
	s.learn(account, p, o, now)
	s.wake(p, now)
}

// learn changes a part by an outcome; mu is held.
func (s *places) learn(account aaa.AccountID, p *part, o Outcome, now time.Time) {
	switch o {
	case NotAsked:
	case Delivered:
		s.answers(p)
		p.answered = true
		p.width = min(p.width+1, s.ofAccount)
		if s.steady > 0 {
			p.width = min(p.width+p.width/growShare, s.ofAccount)
		}
	case DeliveredLate:
		s.answers(p)
		p.answered = true
		p.width = max(p.width-1, min(firstOfAccount, s.ofAccount))
	case Crowded:
		p.width = max(p.width/2, 1)
	case Undelivered:
		p.width = max(p.width-1<<min(p.row, 16), 1)
		s.fails(p, p.row+1)
		if p.width > 1 || now.Before(p.until) { // it began before this wait did
			break
		}
		p.silent++
		if !s.isSteady(account, p) {
			p.until = now.Add(backoff.Double(firstSilence, maxSilence, p.silent))
		}
	}
}

// answers notes that an account's servers answer. Tries that still wait for the end of their time keep no others from their places.
func (s *places) answers(p *part) {
	if p.silent > 0 || p.extra > 0 {
		p.width = min(max(p.width, p.running+firstOfAccount), s.ofAccount)
	}
	p.silent, p.until = 0, time.Time{}
	s.fails(p, 0)
}

// reset has an account tried that waited since its servers were silent.
func (s *places) reset(account aaa.AccountID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.parts[account]; p != nil && p.row > 0 {
		s.answers(p)
		s.send()
	}
}

// wake has again receive if an account was refused and has places now; mu is held.
func (s *places) wake(p *part, now time.Time) {
	if s.refused && p.running <= p.width-(p.width+3)/4 && now.Compare(p.until) >= 0 {
		s.send()
	}
}

// send has again receive; mu is held.
func (s *places) send() {
	s.refused = false
	select {
	case s.again <- struct{}{}:
	default:
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
