package spool

import (
	"sync"
	"time"
)

const (
	leastSize = 8
	quickSize = 250 * time.Millisecond // a transaction that takes no longer may be larger
)

// size is how many records a transaction has at most. It falls while the store is too slow for so many, so that some are stored rather than none.
type size struct {
	most int // at any time

	mu  sync.Mutex
	now int // 0: most
}

func (z *size) get() int {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.now == 0 {
		z.now = z.most
	}
	return z.now
}

// took learns from a transaction of n records.
func (z *size) took(n int, d time.Duration, err error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	switch {
	case err != nil && d > quickSize:
		z.now = max(min(leastSize, z.most), n/4)
	case err == nil && d <= quickSize:
		z.now = min(z.most, 2*z.now)
	}
}
