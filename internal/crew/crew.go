// Package crew runs functions in goroutines that it keeps for the next ones. A new goroutine's stack grows while it serves a request,
// which costs as much as a good part of the request.
package crew

import "sync/atomic"

// most is how many goroutines wait for work.
const most = 512

// Crew is a set of goroutines. Those that wait stay as long as the process.
type Crew struct {
	work chan func()
	idle atomic.Int32
}

// New makes a Crew without goroutines.
func New() *Crew { return &Crew{work: make(chan func())} }

// Go runs f at once, whatever else runs.
func (c *Crew) Go(f func()) {
	select {
	case c.work <- f:
	default:
		go c.run(f)
	}
}

func (c *Crew) run(f func()) {
	for {
		f()
		if c.idle.Add(1) > most {
			c.idle.Add(-1)
			return
		}
		f = <-c.work
		c.idle.Add(-1)
	}
}
