package httpapi

import (
	"container/heap"
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
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
// Where memory runs short, the account that holds the most gives up its oldest answers.
type replays struct {
	life time.Duration
	most int64 // octets
	now  func() time.Time

	mu       sync.Mutex
	octets   int64
	entries  map[replayKey]*replay
	order    *list.List // of *replay that are done, the oldest first
	accounts map[aaa.AccountID]*keeper
	largest  keepers
}

type replayKey [sha256.Size]byte

// id is the key as a text: the RepeatID of the request.
func (k replayKey) id() string { return hex.EncodeToString(k[:]) }

// replayOctets is about what an entry costs beside its answer.
const replayOctets = 512

type replay struct {
	key     replayKey
	account aaa.AccountID
	done    chan struct{} // closed when answer is there
	answer  []byte        // data of the answer; nil where the request failed
	expires time.Time

	inOrder, inAccount *list.Element
}

// ended reports whether the run is over.
func (e *replay) ended() bool {
	select {
	case <-e.done:
		return true
	default:
		return false
	}
}

func (e *replay) size() int64 { return replayOctets + int64(len(e.answer)) }

// keeper is what one account has in memory.
type keeper struct {
	octets int64
	done   list.List // of *replay, the oldest first
	place  int       // in the heap
}

// keepers is a heap: the account that holds the most is first.
type keepers []*keeper

func (k keepers) Len() int           { return len(k) }
func (k keepers) Less(i, j int) bool { return k[i].octets > k[j].octets }
func (k keepers) Swap(i, j int)      { k[i], k[j] = k[j], k[i]; k[i].place, k[j].place = i, j }
func (k *keepers) Push(x any)        { x.(*keeper).place = len(*k); *k = append(*k, x.(*keeper)) }
func (k *keepers) Pop() any {
	old := *k
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*k = old[:len(old)-1]
	return last
}

func newReplays(most int64, life time.Duration) *replays {
	return &replays{
		life: life, most: most, now: time.Now,
		entries: make(map[replayKey]*replay), order: list.New(), accounts: make(map[aaa.AccountID]*keeper),
	}
}

// keyOf names a request: one key with another body is another request.
func keyOf(account aaa.AccountID, key string, body []byte) replayKey {
	h := sha256.New()
	var n [8]byte
	part := func(b []byte) { // with its length, so that parts can't be shifted
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	part([]byte(account))
	part([]byte(key))
	part(body)
	var sum replayKey
	h.Sum(sum[:0])
	return sum
}

// do runs fn, or returns the answer of an earlier or concurrent run for the same key; the concurrent run is told by
// repeat, with the id that its fn was given. A failure is not remembered: each caller that waited for it tries the request
// itself. ctx ends the waiting alone.
func (r *replays) do(ctx context.Context, account aaa.AccountID, key replayKey,
	fn func(repeatID string) ([]byte, error), repeat func(repeatID string) error,
) (answer []byte, replayed bool, err error) {
	for {
		e, mine := r.enter(account, key)
		if e == nil {
			answer, err = fn("") // full of requests under way: run it unremembered
			return answer, false, err
		}
		if mine {
			defer r.leave(e)
			e.answer, err = fn(key.id())
			return e.answer, false, err
		}
		if !e.ended() {
			if err := repeat(key.id()); err != nil {
				return nil, false, err
			}
		}
		select {
		case <-e.done:
			if e.answer != nil {
				return e.answer, true, nil
			}
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
	}
}

// enter finds the entry of a key or makes it; it is nil where there is no room.
func (r *replays) enter(account aaa.AccountID, key replayKey) (e *replay, mine bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	for oldest := r.order.Front(); oldest != nil; oldest = r.order.Front() {
		o := oldest.Value.(*replay)
		if now.Before(o.expires) {
			break
		}
		r.forget(o)
	}
	if e, ok := r.entries[key]; ok {
		return e, false
	}
	if !r.makeRoom(replayOctets) {
		return nil, false
	}
	e = &replay{key: key, account: account, done: make(chan struct{})}
	r.entries[key] = e
	r.octets += replayOctets
	return e, true
}

// leave ends a run, also one that panicked.
func (r *replays) leave(e *replay) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer close(e.done)
	r.octets -= replayOctets
	if e.answer == nil {
		delete(r.entries, e.key)
		return
	}
	e.expires = r.now().Add(r.life)
	k, ok := r.accounts[e.account]
	if !ok {
		k = &keeper{}
		r.accounts[e.account] = k
		heap.Push(&r.largest, k)
	}
	e.inOrder, e.inAccount = r.order.PushBack(e), k.done.PushBack(e)
	r.octets += e.size()
	k.octets += e.size()
	heap.Fix(&r.largest, k.place)
	r.makeRoom(0)
}

// makeRoom forgets answers until so many octets more fit. It returns false where requests under way take the room.
func (r *replays) makeRoom(octets int64) bool {
	for r.octets+octets > r.most {
		if len(r.largest) == 0 {
			return false
		}
		r.forget(r.largest[0].done.Front().Value.(*replay))
	}
	return true
}

// forget drops an answer.
func (r *replays) forget(e *replay) {
	k := r.accounts[e.account]
	r.order.Remove(e.inOrder)
	k.done.Remove(e.inAccount)
	delete(r.entries, e.key)
	r.octets -= e.size()
	k.octets -= e.size()
	if k.done.Len() > 0 {
		heap.Fix(&r.largest, k.place)
		return
	}
	heap.Remove(&r.largest, k.place)
	delete(r.accounts, e.account)
}
