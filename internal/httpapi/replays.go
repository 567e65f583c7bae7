package httpapi

import (
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"

	"aaa-api/internal/aaa"
)

// maxReplayKey is how long an Idempotency-Key may be.
const maxReplayKey = 255

// replays remembers the answers to accounting requests that came with an
// Idempotency-Key, so that a caller who heard nothing may ask again without the
// record being sent twice. It is this node's memory: a repetition that reaches another
// node runs again, which accounting allows for (RFC 2866 §4.1 by Acct-Session-Id).
type replays struct {
	life time.Duration
	max  int
	now  func() time.Time

	mu      sync.Mutex
	entries map[replayKey]*replay
	order   *list.List // of *replay that are done, the oldest first
}

type replayKey [sha256.Size]byte

type replay struct {
	key     replayKey
	done    chan struct{} // closed when result is there
	again   chan struct{} // receives when the request comes again while it runs
	result  *aaa.Result   // nil where the request failed
	expires time.Time
}

func newReplays(max int, life time.Duration) *replays {
	return &replays{life: life, max: max, now: time.Now, entries: make(map[replayKey]*replay), order: list.New()}
}

// keyOf names a request: one key with another body is another request.
func keyOf(account aaa.AccountID, key string, trace bool, body []byte) replayKey {
	h := sha256.New()
	var n [8]byte
	part := func(b []byte) { // with its length, so that parts can't be shifted
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	part([]byte(account))
	part([]byte(key))
	if trace {
		part([]byte("trace"))
	}
	part(body)
	var sum replayKey
	h.Sum(sum[:0])
	return sum
}

// do runs fn, or returns the result of an earlier or concurrent run for the same
// key; the concurrent run hears of it by again. Failures are not remembered: whoever waited for one tries it itself. ctx
// ends the waiting alone.
func (r *replays) do(ctx context.Context, key replayKey, fn func(again <-chan struct{}) (*aaa.Result, error)) (res *aaa.Result, replayed bool, err error) {
	for {
		e, mine := r.enter(key)
		if e == nil {
			res, err = fn(nil) // full of requests under way: run it unremembered
			return res, false, err
		}
		if mine {
			defer r.leave(e)
			e.result, err = fn(e.again)
			return e.result, false, err
		}
		select {
		case e.again <- struct{}{}: // the running one hears of it once; more at a time tell nothing new
		default:
		}
		select {
		case <-e.done:
			if e.result != nil {
				return e.result, true, nil
			}
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
	}
}

// enter finds the entry of a key or makes it; it is nil where there is no room.
func (r *replays) enter(key replayKey) (e *replay, mine bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	for oldest := r.order.Front(); oldest != nil; oldest = r.order.Front() {
		o := oldest.Value.(*replay)
		if now.Before(o.expires) && len(r.entries) < r.max {
			break
		}
		r.order.Remove(oldest)
		delete(r.entries, o.key)
	}
	if e, ok := r.entries[key]; ok {
		return e, false
	}
	if len(r.entries) >= r.max {
		return nil, false
	}
	e = &replay{key: key, done: make(chan struct{}), again: make(chan struct{}, 1)}
	r.entries[key] = e
	return e, true
}

// leave ends a run, also one that panicked.
func (r *replays) leave(e *replay) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.result == nil {
		delete(r.entries, e.key)
	} else {
		e.expires = r.now().Add(r.life)
		r.order.PushBack(e)
	}
	close(e.done)
}
