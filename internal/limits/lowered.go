package limits

import (
	"fmt"
	"runtime/debug"
)

// lowered is a thread that runs long computations below the priority of everything else. The kernel lets a thread that computes go
// on for milliseconds before one that has just got an answer from a server, which is longer than a whole request takes.
type lowered struct {
	work chan func()
	done chan any // what work panicked with; nil: it did not
}

// newLowered starts the thread. The caller owes one close of work.
func newLowered() *lowered {
	l := &lowered{make(chan func()), make(chan any)}
	go func() {
		lower()
		for f := range l.work {
			l.done <- panicOf(f)
		}
	}()
	return l
}

// run returns when f has. A panic of f is one of the caller's.
func (l *lowered) run(f func()) {
	l.work <- f
	if p := <-l.done; p != nil {
		panic(p)
	}
}

// panicOf runs f and returns what it panics with, with the stack that is gone afterwards.
func panicOf(f func()) (p any) {
	defer func() {
		if r := recover(); r != nil {
			p = fmt.Sprintf("%v\n%s", r, debug.Stack())
		}
	}()
	f()
	return nil
}

// Lowered runs f, which takes long, on a thread of its own below the priority of everything else, and returns when f has. The
// rest of the service may wait for nothing that f holds: f takes no lock and asks no database.
func Lowered(f func()) {
	l := newLowered()
	defer close(l.work)
	l.run(f)
}
