package radius

import (
	"container/heap"
	"container/list"
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"aaa-api/internal/ingress"
)

// lifetimes are how long a reply is kept for repetitions of its request (RFC 5080 §2.2.2: 5 to 30 s). A lost accounting request costs more
// than a lost login, and devices repeat it for longer.
var lifetimes = map[ingress.Listener]time.Duration{ingress.RADIUSAuth: 10 * time.Second, ingress.RADIUSAcct: 25 * time.Second}

// entryOctets is about what an entry takes beside its reply.
const entryOctets = 512

// key is what a client tells its requests apart by. A client may use one port for several servers, so the destination is part of it.
type key struct {
	listener ingress.Listener
	id       byte
	from, to netip.AddrPort
}

// sum tells the octets of requests apart. The seeds are secret, so nobody can make another request with the same sum.
type sum [2]uint64

// cache has the requests in flight, and the replies to those that were verified. Every datagram of a known client asks it.
type cache struct {
	seeds [2]maphash.Seed
	most  int // octets of entries

	mu      sync.Mutex
	last    uint64 // sequence number
	slots   map[key]*slot
	octets  int
	ending  map[ingress.Listener]*list.List // entries, the oldest first
	sources map[netip.Addr]*source
	largest largest
}

// slot is what is known of one key.
type slot struct {
	flights []*flight
	done    *entry // nil: there is no reply
}

// flight is a request that is being answered.
type flight struct {
	key       key
	sum       sum
	seq       uint64
	told      int  // repetitions that the security module was told of
	abandoned bool // a later request of this key was verified
}

// entry is a reply.
type entry struct {
	key        key
	sum        sum
	seq        uint64
	reply      []byte
	ends       time.Time
	source     *source
	age, place *list.Element // in cache.ending, and in source.entries
}

func (e *entry) octets() int { return len(e.reply) + entryOctets }

// source is an address that has entries.
type source struct {
	addr    netip.Addr
	entries *list.List // the oldest first
	octets  int
	index   int // in cache.largest
}

func newCache(most int) *cache {
	c := &cache{
		seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, most: most,
		slots: map[key]*slot{}, sources: map[netip.Addr]*source{}, ending: map[ingress.Listener]*list.List{},
	}
	for l := range lifetimes {
		c.ending[l] = list.New()
	}
	return c
}

func (c *cache) sumOf(octets []byte) sum {
	return sum{maphash.Bytes(c.seeds[0], octets), maphash.Bytes(c.seeds[1], octets)}
}

// begin looks a request up. It returns the reply to an equal one before, or that an equal one is in flight (again; tell: the security module
// is to be told), or begins a flight, which finish ends.
func (c *cache) begin(k key, s sum, now time.Time) (f *flight, reply []byte, again, tell bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire(now)
	at := c.slots[k]
	if at == nil {
		at = &slot{}
		c.slots[k] = at
	}
	if at.done != nil && at.done.sum == s && now.Before(at.done.ends) {
		return nil, at.done.reply, false, false
	}
	for _, f := range at.flights {
		if f.sum == s {
			f.told++
			return nil, nil, true, f.told <= toldOf
		}
	}
	c.last++
	f = &flight{key: k, sum: s, seq: c.last}
	at.flights = append(at.flights, f)
	return f, nil, false, false
}

// toldOf is how many repetitions of one request the security module is told of.
const toldOf = 4

// finish ends a flight. It reports whether the answer is to be sent: not if a later request of the key was verified before.
//
// An answer to a request that was not verified changes nothing: anyone can send those in the name of a client.
func (c *cache) finish(f *flight, a *ingress.Answer, now time.Time) (send bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.slots[f.key]
	for i := range at.flights {
		if at.flights[i] == f {
			at.flights = append(at.flights[:i], at.flights[i+1:]...)
			break
		}
	}
	defer c.tidy(f.key, at)
	if a == nil || a.Verdict != ingress.Verified || f.abandoned {
		return false
	}
	if at.done != nil {
		if at.done.seq > f.seq {
			return false
		}
		c.remove(at.done)
	}
	for _, older := range at.flights {
		older.abandoned = older.abandoned || older.seq < f.seq
	}
	if len(a.Octets) == 0 {
		return false
	}
	c.add(at, &entry{key: f.key, sum: f.sum, seq: f.seq, reply: a.Octets, ends: now.Add(lifetimes[f.key.listener])})
	return true
}

// tidy forgets a slot that is empty. c.mu is held.
func (c *cache) tidy(k key, at *slot) {
	if at.done == nil && len(at.flights) == 0 && c.slots[k] == at {
		delete(c.slots, k)
	}
}

// add takes an entry, and then drops the oldest ones of whichever source has most, as far as there are too many. c.mu is held.
func (c *cache) add(at *slot, e *entry) {
	from := c.sources[e.key.from.Addr()]
	if from == nil {
		from = &source{addr: e.key.from.Addr(), entries: list.New()}
		c.sources[from.addr] = from
		heap.Push(&c.largest, from)
	}
	at.done, e.source = e, from
	c.slots[e.key] = at // remove may have forgotten it
	e.age = c.ending[e.key.listener].PushBack(e)
	e.place = from.entries.PushBack(e)
	from.octets += e.octets()
	c.octets += e.octets()
	heap.Fix(&c.largest, from.index)
	for c.octets > c.most {
		c.remove(c.largest[0].entries.Front().Value.(*entry)) //nolint:forcetypeassert // what is in it
	}
}

// remove drops an entry. c.mu is held.
func (c *cache) remove(e *entry) {
	from := e.source
	c.ending[e.key.listener].Remove(e.age)
	from.entries.Remove(e.place)
	from.octets -= e.octets()
	c.octets -= e.octets()
	if from.entries.Len() == 0 {
		heap.Remove(&c.largest, from.index)
		delete(c.sources, from.addr)
	} else {
		heap.Fix(&c.largest, from.index)
	}
	if at := c.slots[e.key]; at != nil && at.done == e {
		at.done = nil
		c.tidy(e.key, at)
	}
}

// expired is how many entries one request drops that have ended: more than it can add.
const expired = 4

// expire drops entries that have ended. c.mu is held.
func (c *cache) expire(now time.Time) {
	for _, entries := range c.ending {
		for range expired {
			oldest := entries.Front()
			if oldest == nil {
				break
			}
			e := oldest.Value.(*entry) //nolint:forcetypeassert // what is in it
			if now.Before(e.ends) {
				break
			}
			c.remove(e)
		}
	}
}

// largest is a heap of sources: the one with most octets first.
type largest []*source

func (h largest) Len() int           { return len(h) }
func (h largest) Less(i, j int) bool { return h[i].octets > h[j].octets }
func (h largest) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (h *largest) Push(s any) {
	one := s.(*source) //nolint:forcetypeassert // what is put in
	one.index = len(*h)
	*h = append(*h, one)
}

// Pop implements heap.Interface.
func (h *largest) Pop() any {
	last := len(*h) - 1
	s := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return s
}
