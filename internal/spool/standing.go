package spool

import (
	"sync"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/backoff"
	"aaa-api/internal/store"
)

const (
	// The waits of a record that is not taken while others of its account are.
	firstWait = time.Second
	maxWait   = 15 * time.Minute
	// An account is remembered for forgetStanding after its last delivery, and for forgetSilence during a silence, because its records are tried
	// each minute.
	forgetStanding = 10 * time.Minute
	forgetSilence  = 24 * time.Hour
)

// standings are how the last attempts of each account ended on this node.
type standings struct {
	mu    sync.Mutex
	of    map[aaa.AccountID]*standing
	swept time.Time
}

// standing is that of one account. The account is in a silence if attempts have failed since its last delivery.
type standing struct {
	delivered time.Time // last
	good      time.Time // since when records are delivered, without a silence of more than one record
	silent    time.Time // when the first attempt of this silence began; zero: there is none
	by        string    // the record of that attempt
	sure      bool      // another record came to nothing too
}

func newStandings() *standings { return &standings{of: make(map[aaa.AccountID]*standing)} }

// delivered notes a delivery. silence is the silence that it ends, zero if there was none. sure reports that attempts of more than one record
// had failed.
func (l *standings) delivered(account aaa.AccountID, now time.Time) (silence time.Duration, sure bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.get(account, now)
	if !s.silent.IsZero() {
		silence, sure = max(now.Sub(s.silent), 1), s.sure
	}
	if s.sure || s.good.IsZero() {
		s.good = now
	}
	s.delivered, s.silent, s.by, s.sure = now, time.Time{}, "", false
	return silence, sure
}

// failed notes a failed attempt. alone reports that other records of the account were delivered meanwhile: then the record is at fault, not the
// server. first reports that a silence begins. due is when the record is tried again.
//
// The wait of a record grows only with attempts that failed while others were delivered: a server that was away for a day must not make it grow.
func (l *standings) failed(r *store.SpoolRecord, began, now time.Time) (alone, first bool, due time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.get(r.Account, now)
	alone = !s.delivered.IsZero() && !s.delivered.Before(began.Add(now.Sub(began)/2))
	since := began
	if n := len(r.Attempts); n > 0 {
		since = r.Attempts[n-1].At
	}
	if !alone {
		switch {
		case s.silent.IsZero():
			first = true
			s.silent, s.by = began, r.ID
		case s.by != r.ID:
			s.sure = true
		}
	}
	grown := 1
	if alone || !s.sure && !s.delivered.IsZero() && s.delivered.After(since) {
		for _, a := range r.Attempts {
			if !a.At.Before(s.good) {
				grown++
			}
		}
	}
	return alone, first, now.Add(backoff.Double(firstWait, maxWait, grown))
}

// silent reports whether an account is in a silence.
func (l *standings) silent(account aaa.AccountID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.of[account]
	return s != nil && !s.silent.IsZero()
}

// inSilence returns the accounts that are in a silence.
func (l *standings) inSilence() (list []aaa.AccountID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for account, s := range l.of {
		if !s.silent.IsZero() {
			list = append(list, account)
		}
	}
	return list
}

// get returns the standing of an account; mu is held.
func (l *standings) get(account aaa.AccountID, now time.Time) *standing {
	if now.Sub(l.swept) >= forgetStanding {
		l.swept = now
		for account, s := range l.of {
			if now.Sub(s.delivered) >= forgetStanding && now.Sub(s.silent) >= forgetSilence {
				delete(l.of, account)
			}
		}
	}
	s := l.of[account]
	if s == nil {
		s = new(standing)
		l.of[account] = s
	}
	return s
}
