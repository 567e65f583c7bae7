package idempotency

import (
	"container/heap"
	"container/list"
	"crypto/sha256"
	"sync"
	"time"

	"aaa-api/internal/aaa"
)

// memory is what this node knows of requests by itself: those that run, and answers for as long as the store may be away. If it
// is full, the account that holds the most gives up its oldest answers.
type memory struct {
	life time.Duration
	most int64 // octets
	now  func() time.Time

	mu       sync.Mutex
	octets   int64
	entries  map[name]*entry
	order    *list.List // of *entry that are done, the oldest first
	accounts map[aaa.AccountID]*keeper
	largest  keepers
}

// entryOctets is about what an entry costs beside its answer.
const entryOctets = 512

type entry struct {
	name    name
	account aaa.AccountID
	digest  [sha256.Size]byte // of what is asked
	done    chan struct{}     // closed when answer is there
	answer  []byte            // nil if the request failed
	expires time.Time

	inOrder, inAccount *list.Element
}

// ended reports whether the run is over.
func (e *entry) ended() bool {
	select {
	case <-e.done:
		return true
	default:
		return false
	}
}

func (e *entry) size() int64 { return entryOctets + int64(len(e.answer)) }

// keeper is what one account has in memory.
type keeper struct {
	octets int64
	done   list.List // of *entry, the oldest first
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

func newMemory(most int64, life time.Duration, now func() time.Time) *memory {
	return &memory{
		life: life, most: most, now: now,
		entries: make(map[name]*entry), order: list.New(), accounts: make(map[aaa.AccountID]*keeper),
	}
}

// enter finds the entry of a request or makes it. It is nil if requests under way take all the room.
func (m *memory) enter(account aaa.AccountID, n name, digest [sha256.Size]byte) (e *entry, mine bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	for oldest := m.order.Front(); oldest != nil; oldest = m.order.Front() {
		o := oldest.Value.(*entry)
		if now.Before(o.expires) {
			break
		}
		m.forget(o)
	}
	if e, ok := m.entries[n]; ok {
		return e, false
	}
	if !m.makeRoom(entryOctets) {
		return nil, false
	}
	e = &entry{name: n, account: account, digest: digest, done: make(chan struct{})}
	m.entries[n] = e
	m.octets += entryOctets
	return e, true
}

// leave ends a run. Its answer goes to those who wait for it, and is kept if keep is true.
func (m *memory) leave(e *entry, keep bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	defer close(e.done)
	m.octets -= entryOctets
	if e.answer == nil || !keep {
		delete(m.entries, e.name)
		return
	}
	e.expires = m.now().Add(m.life)
	k, ok := m.accounts[e.account]
	if !ok {
		k = &keeper{}
		m.accounts[e.account] = k
		heap.Push(&m.largest, k)
	}
	e.inOrder, e.inAccount = m.order.PushBack(e), k.done.PushBack(e)
	m.octets += e.size()
	k.octets += e.size()
	heap.Fix(&m.largest, k.place)
	m.makeRoom(0)
}

// makeRoom forgets answers until so many octets more fit. It returns false if requests under way take the room.
func (m *memory) makeRoom(octets int64) bool {
	for m.octets+octets > m.most {
		if len(m.largest) == 0 {
			return false
		}
		m.forget(m.largest[0].done.Front().Value.(*entry))
	}
	return true
}

// forget drops an answer.
func (m *memory) forget(e *entry) {
	k := m.accounts[e.account]
	m.order.Remove(e.inOrder)
	k.done.Remove(e.inAccount)
	delete(m.entries, e.name)
	m.octets -= e.size()
	k.octets -= e.size()
	if k.done.Len() > 0 {
		heap.Fix(&m.largest, k.place)
		return
	}
	heap.Remove(&m.largest, k.place)
	delete(m.accounts, e.account)
}
