package limits

import (
	"sync/atomic"
	"time"

	"aaa-api/internal/aaa"
)

// A bucket lets through a number a second, of which a second's worth may come at once. It is the time at which it is full
// again, in nanoseconds since epoch (GCRA), so the rate may be another at each call, and taking from it needs no lock.

// window is how much may come at once, as time.
const window = int64(time.Second)

var epoch = time.Now()

// take takes one at a time, if perSecond lets it. wait is how long it takes until one is there.
func take(bucket *atomic.Int64, now time.Time, perSecond int64) (wait time.Duration, ok bool) {
	if perSecond <= 0 {
		return time.Second, false
	}
	at, each := int64(now.Sub(epoch)), max(1, int64(time.Second)/perSecond)
	for {
		full := bucket.Load()
		next := max(full, at) + each
		if over := next - at - window; over > 0 {
			return time.Duration(over), false
		}
		if bucket.CompareAndSwap(full, next) {
			return 0, true
		}
	}
}

// taken is how many of a second's worth are taken.
func taken(bucket *atomic.Int64, now time.Time, perSecond int64) int64 {
	left := bucket.Load() - int64(now.Sub(epoch))
	if left <= 0 || perSecond <= 0 {
		return 0
	}
	return min(perSecond, (left*perSecond+window-1)/window)
}

// Shared is an account above another, with its limits: a rate that is set on it bounds what all below it do together.
type Shared struct {
	Account *Account
	Values  *Values
}

// Take takes one from the account's rate of a limit that is one a second, and from those rates that it shares with others.
// The error is an *aaa.Error of KindLimited.
func (a *Account) Take(l aaa.Limit, now time.Time) error {
	if own := a.Values().Of(l); own.Allowed != Unlimited {
		if wait, ok := take(&a.used[l], now, own.Allowed); !ok {
			return tooMany(l, a.ID, own, wait)
		}
	}
	for _, s := range *a.shared.Load() {
		v := s.Values.of[l]
		if v.From != s.Account.ID {
			continue // it is not set there
		}
		if wait, ok := take(&s.Account.used[l], now, v.Allowed); !ok {
			return tooMany(l, s.Account.ID, v, wait)
		}
	}
	return nil
}

func tooMany(l aaa.Limit, id aaa.AccountID, v Value, wait time.Duration) error {
	return aaa.Excess{Limit: l, Account: id, Allowed: v.Allowed, From: v.From}.Error(aaa.KindLimited, wait)
}

// Taken is how many of a second's worth were taken from a rate by Take.
func (a *Account) Taken(l aaa.Limit, now time.Time) int64 { return taken(&a.used[l], now, a.Of(l)) }
