// Package backoff says how long to wait before something that failed is tried again.
package backoff

import (
	"context"
	"math/rand/v2"
	"time"
)

// Double returns the wait after failures in a row: first after one or none, twice as long after each further one, and at most
// longest. A first that is longer than longest stays as it is.
func Double(first, longest time.Duration, failures int) time.Duration {
	d := first
	for range failures - 1 {
		if d >= longest/2 {
			return max(first, longest)
		}
		d *= 2
	}
	return d
}

// Jitter spreads a wait by ±10 %, so that waits which begin together end apart.
func Jitter(d time.Duration) time.Duration {
	return d - d/10 + time.Duration(rand.Int64N(int64(d/5)+1))
}

// Spread spreads a wait by ±50 %, for many nodes that one event sets off.
func Spread(d time.Duration) time.Duration {
	return d/2 + time.Duration(rand.Int64N(int64(d)+1))
}

// Sleep waits for d. Its error is ctx's if that ends first.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Contended waits before a write is repeated that another writer overtook: a random time of up to 10 ms after the first attempt,
// and of up to 100 ms after the tenth and all further ones. Its error is ctx's if that ends first.
func Contended(ctx context.Context, attempt int) error {
	return Sleep(ctx, rand.N(time.Duration(max(1, min(attempt, 10)))*10*time.Millisecond))
}
