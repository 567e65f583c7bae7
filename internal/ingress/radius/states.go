package radius

import (
	"container/list"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/clients"
)

// Bounds of the States that are kept.
const (
	stateExpiry  = 5 * time.Minute
	clientStates = 1 << 12
	allStates    = 1 << 16
	sweepEvery   = 10 * time.Second
	lookedAt     = 8 // shards in which room is looked for
)

// stateID is a State as a device has it.
type stateID [16]byte

// states are the challenges that devices have yet to answer: the State of each by the one that its device got in its place. A device can
// thus answer a challenge once, and only one that it was sent itself.
type states struct {
	seed   maphash.Seed
	total  atomic.Int64
	next   atomic.Uint32 // shard in which room is looked for
	shards [numShards]stateShard
}

type stateShard struct {
	mu    sync.Mutex
	of    map[owner]*challenges
	swept time.Time
}

// owner is a client, whichever revision its document has.
type owner struct {
	account aaa.AccountID
	name    string
}

func ownerOf(c *clients.Client) owner { return owner{c.Account, c.Name} }

// challenges are those of one client.
type challenges struct {
	byID  map[stateID]*list.Element
	byAge list.List // of *state, the oldest first
}

type state struct {
	id      stateID
	text    string // aaa.Result.State
	account aaa.AccountID
	expires time.Time
	taken   string // by which request that is being answered
}

func (s *states) begin() {
	s.seed = maphash.MakeSeed()
	for i := range s.shards {
		s.shards[i].of = make(map[owner]*challenges)
	}
}

func (s *states) shard(o owner) *stateShard {
	return &s.shards[maphash.Comparable(s.seed, o)%numShards]
}

// add keeps the State of an answer, and returns the one that its device gets. A client that has its share of them loses its oldest one.
func (s *states) add(o owner, account aaa.AccountID, text string, now time.Time) stateID {
	st := &state{text: text, account: account, expires: now.Add(stateExpiry)}
	aaa.Random(st.id[:])
	if s.total.Load() >= allStates {
		s.makeRoom()
	}
	h := s.shard(o)
	h.mu.Lock()
	defer h.mu.Unlock()
	if now.Sub(h.swept) >= sweepEvery {
		for who, c := range h.of {
			s.expire(c, now)
			s.drop(h.of, who, c)
		}
		h.swept = now
	}
	c := h.of[o]
	if c == nil {
		c = &challenges{byID: make(map[stateID]*list.Element)}
		h.of[o] = c
	}
	s.expire(c, now)
	if len(c.byID) >= clientStates {
		s.forget(c, c.byAge.Front())
	}
	c.byID[st.id] = c.byAge.PushBack(st)
	s.total.Add(1)
	return st.id
}

// makeRoom takes the older half of the States from the client that has most of them, among those of some shards. Each call looks at others, so
// that it takes little time and clients with few States keep theirs.
func (s *states) makeRoom() {
	var from *stateShard
	var who owner
	most := 0
	for i := 0; i < numShards && (i < lookedAt || most == 0); i++ {
		h := &s.shards[s.next.Add(1)%numShards]
		h.mu.Lock()
		for o, c := range h.of {
			if len(c.byID) > most {
				from, who, most = h, o, len(c.byID)
			}
		}
		h.mu.Unlock()
	}
	if from == nil {
		return
	}
	from.mu.Lock()
	defer from.mu.Unlock()
	c := from.of[who]
	if c == nil {
		return
	}
	for range (len(c.byID) + 1) / 2 {
		s.forget(c, c.byAge.Front())
	}
	s.drop(from.of, who, c)
}

// take finds the State behind the one that a device sends, for a request, until release or end. why is staleState if the device never got that,
// its challenge is answered, or it is too old; usedState while another request has it, as one challenge has one attempt at a time. A
// request that is sent instead of that one takes it over.
func (s *states) take(o owner, account aaa.AccountID, value []byte, by, instead string, now time.Time) (text string, why reason) {
	if len(value) != len(stateID{}) {
		return "", staleState
	}
	h := s.shard(o)
	h.mu.Lock()
	defer h.mu.Unlock()
	st := h.find(o, value)
	switch {
	case st == nil || !now.Before(st.expires) || st.account != account:
		return "", staleState
	case st.taken != "" && st.taken != instead:
		return "", usedState
	}
	st.taken = by
	return st.text, served
}

// release gives back what a request has taken, if it still has it.
func (s *states) release(o owner, value []byte, by string) {
	h := s.shard(o)
	h.mu.Lock()
	defer h.mu.Unlock()
	if st := h.find(o, value); st != nil && st.taken == by {
		st.taken = ""
	}
}

// find is a State of a client; nil: there is none. The shard is locked.
func (h *stateShard) find(o owner, value []byte) *state {
	c := h.of[o]
	if c == nil {
		return nil
	}
	e := c.byID[stateID(value)]
	if e == nil {
		return nil
	}
	return e.Value.(*state)
}

// end forgets a State whose challenge has been answered.
func (s *states) end(o owner, value []byte) {
	h := s.shard(o)
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.of[o]
	if c == nil {
		return
	}
	if e := c.byID[stateID(value)]; e != nil {
		s.forget(c, e)
	}
	s.drop(h.of, o, c)
}

// expire forgets what is too old. The shard is locked here and below.
func (s *states) expire(c *challenges, now time.Time) {
	for e := c.byAge.Front(); e != nil && !now.Before(e.Value.(*state).expires); e = c.byAge.Front() {
		s.forget(c, e)
	}
}

func (s *states) forget(c *challenges, e *list.Element) {
	delete(c.byID, c.byAge.Remove(e).(*state).id)
	s.total.Add(-1)
}

// drop forgets a client that has no States.
func (s *states) drop(of map[owner]*challenges, o owner, c *challenges) {
	if len(c.byID) == 0 {
		delete(of, o)
	}
}
