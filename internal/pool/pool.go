// Package pool bounds how many requests of one account are at work at once.
package pool

import (
	"context"
	"errors"
	"sync"
	"time"

	"aaa-api/internal/aaa"
)

// busyRetryAfter is the Retry-After of a refused request. A queue turns over in far less, but HTTP counts in whole seconds.
const busyRetryAfter = time.Second

// leastTime is the time that a waiting request must have left when it gets its place. With less, it would ask a server in vain,
// and so would the requests behind it, which have hardly more.
const leastTime = 100 * time.Millisecond

// Pool gives out places. Requests without one wait in a bounded queue, first come first served. A Pool has no goroutine and,
// while its queue is empty, no memory beyond itself.
type Pool struct {
	mu      sync.Mutex
	workers int
	queue   int // most that may wait
	running int
	waiting int
	head    *waiter
	tail    *waiter
}

type waiter struct {
	next, prev *waiter
	granted    chan struct{} // holds one token once the place is given
	queued     bool          // still in the list; under Pool.mu
}

// NewPool makes a Pool of workers places (at least 1) and a queue of at most
// queue waiting requests (0: none waits).
func New(workers, queue int) *Pool {
	return &Pool{workers: max(workers, 1), queue: max(queue, 0)}
}

// SetWorkers changes the number of places, at least 1. Waiting requests get additional places at once; running requests keep
// theirs.
func (p *Pool) SetWorkers(n int) {
	p.mu.Lock()
	p.workers = max(n, 1)
	p.grant()
	p.mu.Unlock()
}

// TryAcquire takes a place if one is free and the queue is empty. After true the caller owes one Release.
func (p *Pool) TryAcquire() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running >= p.workers || p.head != nil {
		return false
	}
	p.running++
	return true
}

// Acquire takes a place and waits for one if need be. After nil the caller owes one Release. Errors are ctx's if it is
// cancelled, else an *aaa.Error of KindBusy with RetryAfter: the queue is full, or ctx's deadline came too near to ask a server.
func (p *Pool) Acquire(ctx context.Context) error {
	p.mu.Lock()
	if p.running < p.workers && p.head == nil {
		p.running++
		p.mu.Unlock()
		return nil
	}
	if p.waiting >= p.queue {
		p.mu.Unlock()
		return busy("the account's queue is full")
	}
	w := &waiter{granted: make(chan struct{}, 1)}
	p.push(w)
	p.mu.Unlock()

	select {
	case <-w.granted:
		if inTime(ctx) {
			return nil
		}
		p.Release()
	case <-ctx.Done():
		p.leave(w)
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return busy("the request's time ran out in the account's queue")
}

// inTime reports whether a request has the time left to ask a server. It reads the clock since ctx's own timer may be late.
func inTime(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() == nil && (!ok || time.Until(deadline) >= leastTime)
}

// leave takes a waiter out of the queue. A place granted at the same moment goes to the next waiter.
func (p *Pool) leave(w *waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.queued {
		p.remove(w)
		return
	}
	p.running--
	p.grant()
}

// Release gives a place back. The longest waiting request gets it.
func (p *Pool) Release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running == 0 {
		panic("pool: Release without Acquire")
	}
	p.running--
	p.grant()
}

// Depth returns how many requests hold a place and how many wait.
func (p *Pool) Depth() (running, waiting int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running, p.waiting
}

func busy(why string) error {
	return &aaa.Error{Kind: aaa.KindBusy, Message: why, RetryAfter: busyRetryAfter}
}

// grant gives free places to the head of the queue. Its caller holds p.mu.
func (p *Pool) grant() {
	for p.head != nil && p.running < p.workers {
		w := p.head
		p.remove(w)
		p.running++
		w.granted <- struct{}{}
	}
}

func (p *Pool) push(w *waiter) {
	w.prev, w.next, w.queued = p.tail, nil, true
	if p.tail != nil {
		p.tail.next = w
	} else {
		p.head = w
	}
	p.tail = w
	p.waiting++
}

func (p *Pool) remove(w *waiter) {
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		p.head = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		p.tail = w.prev
	}
	w.prev, w.next, w.queued = nil, nil, false
	p.waiting--
}
