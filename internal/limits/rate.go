package limits

import (
	"sync/atomic"
	"time"

	"aaa-api/internal/aaa"
)

// bucket lets through a number a second, of which a second's worth may come at once. It holds the time at which it is full
// again, in nanoseconds since epoch (GCRA), so the rate may be another at each call, and taking from it needs no lock.
type bucket struct{ full atomic.Int64 }

// window is how much may come at once, as time.
const window = int64(time.Second)

var epoch = time.Now()

// take takes one at a time, if perSecond lets it. wait is how long it takes until one is there.
func (b *bucket) take(now time.Time, perSecond int64) (wait time.Duration, ok bool) {
	if perSecond <= 0 {
		return time.Second, false
	}
	at, each := int64(now.Sub(epoch)), max(1, int64(time.Second)/perSecond)
	for {
		full := b.full.Load()
		next := max(full, at) + each
		if over := next - at - window; over > 0 {
			return time.Duration(over), false
		}
		if b.full.CompareAndSwap(full, next) {
			return 0, true
		}
	}
}

// used is how many of the last second's worth are taken.
func (b *bucket) used(now time.Time, perSecond int64) int64 {
	left := b.full.Load() - int64(now.Sub(epoch))
	if left <= 0 || perSecond <= 0 {
		return 0
	}
	return min(perSecond, (left*perSecond+window-1)/window)
}

// Shared is the rate of an account, which all accounts below it share.
type Shared struct {
	Account *Account
	Rate    Value
}

// Request takes one request of the account from its rate, and from those that it shares with others. The error is an
// *aaa.Error of KindLimited.
func (a *Account) Request(now time.Time) error {
	if own := a.Values().Of(aaa.LimitRequestsPerSecond); own.Allowed != Unlimited {
		if wait, ok := a.requests.take(now, own.Allowed); !ok {
			return tooMany(a.ID, own, wait)
		}
	}
	for _, s := range *a.shared.Load() {
		if wait, ok := s.Account.requests.take(now, s.Rate.Allowed); !ok {
			return tooMany(s.Account.ID, s.Rate, wait)
		}
	}
	return nil
}

func tooMany(id aaa.AccountID, v Value, wait time.Duration) error {
	return aaa.Excess{Limit: aaa.LimitRequestsPerSecond, Account: id, Allowed: v.Allowed, From: v.From}.Error(aaa.KindLimited, wait)
}

// Requests is how many of the second's worth of requests are taken now.
func (a *Account) Requests(now time.Time) int64 {
	return a.requests.used(now, a.Of(aaa.LimitRequestsPerSecond))
}
