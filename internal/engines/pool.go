package engines

import (
	"context"
	"errors"
	"sync"
	"time"

	"aaa-api/internal/aaa"
)

// busyRetryAfter is the Retry-After of a refused request: a queue turns over in
// far less, and a caller that counts in whole seconds can't wait for less.
const busyRetryAfter = time.Second

// leastTime is how much time a request that waited must have left when it gets its place.
// With less it would ask a server whose answer nobody waits for any more, and so would
// those behind it, one after the other, who came soon after it and have hardly more.
const leastTime = 100 * time.Millisecond

// Pool bounds how many requests of one account are at backends at once. More
// wait in a bounded queue, first come first served. It holds no goroutine and,
// while nobody waits, no memory beyond itself.
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
func NewPool(workers, queue int) *Pool {
	return &Pool{workers: max(workers, 1), queue: max(queue, 0)}
}

// SetWorkers changes the number of places, at least 1. More places are given to
// those who wait at once; of fewer, none is taken away from a running request.
func (p *Pool) SetWorkers(n int) {
	p.mu.Lock()
	p.workers = max(n, 1)
	p.grant()
	p.mu.Unlock()
}

// TryAcquire takes a place if one is free and nobody waits for it. After true the
// caller owes one Release.
func (p *Pool) TryAcquire() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running >= p.workers || p.head != nil {
		return false
	}
	p.running++
	return true
}

// Acquire takes a place, waiting for one where none is free. It returns an
// *aaa.Error of KindBusy, with RetryAfter, when the queue is full or when ctx's
// deadline passes while waiting, or comes too near to ask a server, and ctx's error
// when ctx is cancelled. After nil the caller owes one Release.
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

// inTime reports whether a request whose turn it is has time to ask a server. The clock is
// looked at since the timer behind ctx may be late itself.
func inTime(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() == nil && (!ok || time.Until(deadline) >= leastTime)
}

// leave takes a waiter out of the queue. A place that was given to it at the same moment is handed on.
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

// Release gives a place back, to the one who waited longest if any.
func (p *Pool) Release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running == 0 {
		panic("engines: Release of a Pool that nobody holds")
	}
	p.running--
	p.grant()
}

// Depth tells how many requests hold a place and how many wait.
func (p *Pool) Depth() (running, waiting int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running, p.waiting
}

func busy(why string) error {
	return &aaa.Error{Kind: aaa.KindBusy, Message: why, RetryAfter: busyRetryAfter}
}

// grant gives free places to the head of the queue; p.mu is held.
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
