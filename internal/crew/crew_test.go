package crew

import (
	"runtime"
	"sync"
	"testing"
)

// TestGo: what is given runs though all that was given before waits, and the goroutines serve again.
func TestGo(t *testing.T) {
	t.Parallel()
	c := New()
	const n = 2 * most
	for range 3 {
		var all sync.WaitGroup
		all.Add(n)
		for range n {
			c.Go(func() {
				all.Done()
				all.Wait() // for those that came later
			})
		}
		all.Wait()
		for c.idle.Load() < most { // they end beside the last of the work
			runtime.Gosched()
		}
	}
	if kept := c.idle.Load(); kept != most {
		t.Errorf("%d goroutines wait", kept)
	}
}
