// Package tail keeps a summary of each of the last AAA requests of this process, for people who ask why one was refused.
//
// Each account has a ring of its own, so a busy account never pushes out the requests of a quiet one. All rings together are bounded:
// the ring of a busy account grows while there is room, and shrinks if other accounts need it. Followers have one more ring, which is
// filled only while somebody follows.
//
// Adding a request copies its summary into a slot that is there already. It waits for no lock that requests share and allocates nothing,
// except for the rings themselves. Where it would have to wait, the request is left out.
package tail

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/puzpuzpuz/xsync/v4"

	"aaa-api/internal/aaa"
)

// Entry is the summary of a request. Texts that are too long are cut.
type Entry struct {
	Seq     uint64 // number of the request in this process
	At      time.Time
	Took    time.Duration
	Op      aaa.Op
	Account aaa.AccountID
	ID      string // of the request
	User    string
	Outcome string // of aaa.Result, or the kind of the error
	Server  string // that answered, or failed last
	Reason  string // why the outcome is what it is; empty for an accept
	Device  string // that sent it: its protocol, client and address; empty: a caller of the API did
}

// Filter says which requests are meant. The zero value means all.
type Filter struct {
	Account func(aaa.AccountID) bool // nil: any
	User    string                   // whole name, empty: any
	Outcome string                   // empty: any
}

func (f *Filter) takes(e *Entry) bool {
	return (f.User == "" || e.User == cut(f.User, maxUser)) && (f.Outcome == "" || e.Outcome == f.Outcome) && (f.Account == nil || f.Account(e.Account))
}

// Bounds of the rings, in slots.
const (
	allSlots  = 16384 // of all accounts together: 6 MiB
	firstRing = 4
	lastRing  = 1024
	growth    = 4

	idle      = 10 * time.Second // after which an account's requests may be forgotten for those of another
	handSteps = 64               // accounts that are looked at to make room for one
)

// Tail keeps the last requests. It is safe for use by many goroutines.
type Tail struct {
	seq      atomic.Uint64
	accounts *xsync.Map[aaa.AccountID, *account]
	live     atomic.Pointer[live] // nil: nobody follows

	mu    sync.Mutex // never waited for on the way of a request
	slots int        // of all rings
	order []*account // all, in no order
	hand  int        // place in order where the search for room goes on

	most int // allSlots, but in tests
}

// account is the ring of an account.
type account struct {
	id   aaa.AccountID
	ring atomic.Pointer[ring]
	last atomic.Int64 // when it had a request
}

// New makes an empty Tail.
func New() *Tail { return &Tail{accounts: xsync.NewMap[aaa.AccountID, *account](), most: allSlots} }

// Count is how many requests there have been.
func (t *Tail) Count() uint64 { return t.seq.Load() }

// Add keeps the summary of a request, and sets its number.
func (t *Tail) Add(e *Entry) {
	e.Seq = t.seq.Add(1)
	end := e.At.Add(e.Took).UnixNano()
	if l := t.live.Load(); l != nil {
		t.tell(l, e, end)
	}
	a, ok := t.accounts.Load(e.Account)
	if !ok {
		if a = t.admit(e.Account, end); a == nil {
			return
		}
	}
	a.last.Store(end)
	r := a.ring.Load()
	if r.add(e)%len(r.slots) == 0 && len(r.slots) < lastRing {
		t.grow(a, r, end)
	}
}

// admit makes the first ring of an account, or returns nil where that can't be done at once.
func (t *Tail) admit(id aaa.AccountID, now int64) *account {
	if !t.mu.TryLock() {
		return nil
	}
	defer t.mu.Unlock()
	if a, ok := t.accounts.Load(id); ok {
		return a
	}
	if !t.room(firstRing, firstRing, now) {
		return nil
	}
	a := &account{id: aaa.AccountID(strings.Clone(string(id)))} // it may be part of a whole request
	a.ring.Store(&ring{slots: make([]slot, firstRing)})
	t.slots += firstRing
	t.order = append(t.order, a)
	t.accounts.Store(a.id, a)
	return a
}

// grow gives an account that has just had a request, and has filled its ring, a larger one.
func (t *Tail) grow(a *account, r *ring, now int64) {
	if !t.mu.TryLock() {
		return
	}
	defer t.mu.Unlock()
	if !t.keeps(a) || a.ring.Load() != r {
		return
	}
	size := len(r.slots) * growth
	if t.room(size-len(r.slots), size, now) && t.keeps(a) { // the room may be its own, if requests end out of order
		t.resize(a, size)
	}
}

// keeps reports whether an account is among those that have a ring. t.mu is held.
func (t *Tail) keeps(a *account) bool {
	kept, _ := t.accounts.Load(a.id)
	return kept == a
}

// room makes room for a number of slots, at the cost of accounts with rings larger than size and of idle ones. t.mu is held.
func (t *Tail) room(slots, size int, now int64) bool {
	for steps := 0; t.slots+slots > t.most; steps++ {
		if steps == handSteps || len(t.order) == 0 {
			return false
		}
		t.hand %= len(t.order)
		a := t.order[t.hand]
		r := a.ring.Load()
		switch {
		case len(r.slots) > size:
			t.resize(a, len(r.slots)/growth)
		case now-a.last.Load() > int64(idle):
			t.accounts.Delete(a.id)
			t.slots -= len(r.slots)
			last := len(t.order) - 1
			t.order[t.hand] = t.order[last]
			t.order[last] = nil
			t.order = t.order[:last]
			continue
		}
		t.hand++
	}
	return true
}

// resize replaces an account's ring by another with its newest entries. t.mu is held. What is added meanwhile may be lost.
func (t *Tail) resize(a *account, size int) {
	before := a.ring.Load()
	list := before.entries(nil, &Filter{})
	slices.SortFunc(list, bySeq)
	after := &ring{slots: make([]slot, size)}
	for _, e := range list[max(0, len(list)-size):] {
		after.add(&e)
	}
	t.slots += size - len(before.slots)
	a.ring.Store(after)
}

func bySeq(a, b Entry) int { return cmp.Compare(a.Seq, b.Seq) }

// Last returns the newest requests that a filter takes, at most limit, the oldest first.
func (t *Tail) Last(f *Filter, limit int) []Entry {
	var list []Entry
	t.accounts.Range(func(id aaa.AccountID, a *account) bool {
		if f.Account == nil || f.Account(id) {
			list = a.ring.Load().entries(list, &Filter{User: f.User, Outcome: f.Outcome})
		}
		return true
	})
	slices.SortFunc(list, bySeq)
	return list[max(0, len(list)-limit):]
}
