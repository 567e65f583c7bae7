package storetest

import (
	"errors"
	"sync"
	"testing"
)

// race calls fn from n goroutines at once and returns which succeeded last and
// how many did. The others must fail with the error lost.
func race(t *testing.T, n int, fn func(n int) error, lost error) (winner, won int) {
	t.Helper()
	var wg sync.WaitGroup
	errs := make([]error, n)
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = fn(i)
		})
	}
	close(start)
	wg.Wait()
	for i, err := range errs {
		switch {
		case err == nil:
			winner, won = i, won+1
		case !errors.Is(err, lost):
			t.Errorf("racer %d: %v, want %v", i, err, lost)
		}
	}
	return winner, won
}
