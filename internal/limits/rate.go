package limits

import (
	"sync/atomic"
	"time"

	"aaa-api/internal/aaa"
)

// bucket lets through a number a second. It is the time at which it is full again, in Unix nanoseconds (GCRA), so the rate may
// be another at each call, and taking from it needs no lock. The zero value is full.
type bucket struct{ at atomic.Int64 }

// take takes one at a time, if perSecond lets it; what a window lets through may come at once. wait is how long it takes until
// one is there.
func (b *bucket) take(now time.Time, perSecond int64, window time.Duration) (wait time.Duration, ok bool) {
	if perSecond <= 0 {
		return time.Second, false
	}
	since, each := now.UnixNano(), max(1, int64(time.Second)/perSecond)
	last := since + int64(window)
	for {
		at := b.at.Load()
		next := max(at, since) + each
		if next > last {
			if at > last { // the clock was set back
				b.at.CompareAndSwap(at, last)
			}
			return time.Duration(min(next-last, each)), false
		}
		if b.at.CompareAndSwap(at, next) {
			return 0, true
		}
	}
}

// giveBack puts n back into it.
func (b *bucket) giveBack(n int, perSecond int64) {
	b.at.Add(int64(-n) * int64(time.Second) / max(perSecond, 1))
}

// full reports whether nothing is taken from it, so that it can be forgotten.
func (b *bucket) full(now time.Time) bool { return b.at.Load() <= now.UnixNano() }

// rested reports whether nothing was taken from it for a second.
func (b *bucket) rested(now time.Time) bool { return b.at.Load() <= now.Add(-time.Second).UnixNano() }

// taken is how many of a second's worth are taken.
func (b *bucket) taken(now time.Time, perSecond int64) int64 {
	left := b.at.Load() - now.UnixNano()
	if left <= 0 || perSecond <= 0 {
		return 0
	}
	second := int64(time.Second)
	return (min(left, second)*perSecond + second - 1) / second
}

// Shared is an account above another, with its limits: a rate that is set on it bounds what all below it do together.
type Shared struct {
	Account *Account
	Values  *Values
}

// Take takes one from the account's rate of a limit that is one a second, and from those rates that it shares with others.
// The error is an *aaa.Error of KindLimited.
func (a *Account) Take(l aaa.Limit, now time.Time) error {
	if over, wait, ok := a.take(l, now, time.Second); !ok {
		return over.Error(aaa.KindLimited, wait)
	}
	return nil
}

// take takes one from each rate that bounds the account, or nothing from any.
func (a *Account) take(l aaa.Limit, now time.Time, window time.Duration) (over aaa.Excess, wait time.Duration, ok bool) {
	if own := a.Values().of[l]; own.Allowed != Unlimited {
		if wait, ok = a.used[l].take(now, own.Allowed, window); !ok {
			return aaa.Excess{Limit: l, Account: a.ID, Allowed: own.Allowed, From: own.From}, wait, false
		}
	}
	shared := *a.shared.Load()
	for i, s := range shared {
		v := s.Values.of[l]
		if v.From != s.Account.ID {
			continue // it is not set there
		}
		if wait, ok = s.Account.used[l].take(now, v.Allowed, window); !ok {
			a.putBack(l, 1, shared[:i])
			return aaa.Excess{Limit: l, Account: s.Account.ID, Allowed: v.Allowed, From: v.From}, wait, false
		}
	}
	return over, 0, true
}

// giveBack gives back what take took n times.
func (a *Account) giveBack(l aaa.Limit, n int) { a.putBack(l, n, *a.shared.Load()) }

func (a *Account) putBack(l aaa.Limit, n int, shared []Shared) {
	if own := a.Of(l); own != Unlimited {
		a.used[l].giveBack(n, own)
	}
	for _, s := range shared {
		if v := s.Values.of[l]; v.From == s.Account.ID {
			s.Account.used[l].giveBack(n, v.Allowed)
		}
	}
}

// Taken is how many of a second's worth are taken from a rate.
func (a *Account) Taken(l aaa.Limit, now time.Time) int64 { return a.used[l].taken(now, a.Of(l)) }
