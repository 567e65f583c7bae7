package router

import (
	"sync"

	"aaa-api/internal/aaa"
)

// repeats are the requests that run and can be told of a repetition.
type repeats struct {
	mu sync.Mutex
	of map[repeatKey]chan struct{}
}

// repeatKey holds the account too, so that no account repeats another's request.
type repeatKey struct {
	account aaa.AccountID
	id      string
}

// begin returns the channel that receives when the request is repeated, until end. A request under the id of one that
// runs is itself a repetition: the other is told, and this one can't be; its channel is nil.
func (r *repeats) begin(key repeatKey) (again <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if first, ok := r.of[key]; ok {
		tell(first)
		return nil
	}
	if r.of == nil {
		r.of = make(map[repeatKey]chan struct{})
	}
	c := make(chan struct{}, 1)
	r.of[key] = c
	return c
}

// end forgets a request for which begin returned a channel.
func (r *repeats) end(key repeatKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.of, key)
}

// Repeat tells a request of the account that it has come again, while it waits or runs: the machine's event DUP. It does not
// wait, and does nothing if no request runs under the id.
func (r *Router) Repeat(account aaa.AccountID, id string) {
	r.repeats.mu.Lock()
	defer r.repeats.mu.Unlock()
	if c, ok := r.repeats.of[repeatKey{account, id}]; ok {
		tell(c)
	}
}

// tell says that a request has come again. Repetitions that the machine has yet to hear of count as one.
func tell(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
