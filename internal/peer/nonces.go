package peer

import (
	"errors"
	"sync"
	"time"
)

// maxNonces bounds the nonces remembered. Only nodes of the service can add any.
const maxNonces = 100_000

// errSeen is returned for a nonce that was used before, errFull where no more can be remembered.
var (
	errSeen = errors.New("the message was seen before")
	errFull = errors.New("too many messages within a minute")
)

// nonces remembers those of messages for at least twice the window, which is as long as a
// message can be good: from a minute before this node's time to a minute after.
type nonces struct {
	mu        sync.Mutex
	limit     int
	since     time.Time // when now began
	now, past map[nonce]struct{}
}

// use notes a nonce, once.
func (n *nonces) use(id nonce, at time.Time) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.now == nil || at.Sub(n.since) >= 2*window {
		n.past = n.now
		if at.Sub(n.since) >= 4*window {
			n.past = nil
		}
		n.now, n.since = map[nonce]struct{}{}, at
	}
	_, inNow := n.now[id]
	_, inPast := n.past[id]
	if inNow || inPast {
		return errSeen
	}
	if len(n.now)+len(n.past) >= n.limit {
		return errFull
	}
	n.now[id] = struct{}{}
	return nil
}

// unused reports a nonce that was used.
func (n *nonces) unused(id nonce, _ time.Time) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, inNow := n.now[id]
	_, inPast := n.past[id]
	if inNow || inPast {
		return errSeen
	}
	return nil
}
