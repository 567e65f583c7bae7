package engines

import (
	"sync/atomic"
	"time"
)

// State is where a server stands on the way alive → zombie → dead.
type State uint8

// The states of a server. A zombie has left a request unanswered and is still
// used; a dead one is passed over while another server is usable.
const (
	Alive State = iota
	Zombie
	Dead
)

func (s State) String() string {
	switch s {
	case Alive:
		return "alive"
	case Zombie:
		return "zombie"
	default:
		return "dead"
	}
}

const (
	// FailuresToDead is how many exchanges or probes in a row end without an
	// answer before a server counts as dead.
	FailuresToDead = 3
	// AnswersToAlive is how many answers in a row make a zombie or dead server
	// alive again.
	AnswersToAlive = 3
)

// Health is a server's health as its exchanges and probes found it. The zero
// value is alive. It is safe for use by many goroutines and is one word large,
// since a node holds one for each server of each tenant.
type Health struct{ word atomic.Uint64 }

// The word: bits 0-7 the State, 8-15 failures in a row, 16-23 answers in a row, then the bits below, 32-63 when the State last changed, in
// seconds of Unix.
func pack(s State, failures, answers uint64) uint64 {
	return uint64(s) | failures<<8 | answers<<16
}

// Bits of the word that Recovery sets.
const (
	answered = 1 << (24 + iota) // the server has answered, once or more
	retired                     // under Recovery.mu: nobody asks any more
	busy                        // under Recovery.mu: a probe is under way; of an earlier term, maybe

	kept       = answered | retired | busy // at each step
	sinceShift = 32
)

func (h *Health) is(bit uint64) bool { return h.word.Load()&bit != 0 }

// Answered reports whether the server has ever answered.
func (h *Health) Answered() bool { return h.is(answered) }

// Since is when the state last changed, to the second; zero if it never did.
func (h *Health) Since() time.Time {
	seconds := h.word.Load() >> sinceShift
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0) //nolint:gosec // 32 bits
}

func unpack(w uint64) (s State, failures, answers uint64) {
	return State(w & 0xff), w >> 8 & 0xff, w >> 16 & 0xff
}

// replace puts what pack made in the place of old. It returns false if another goroutine was faster.
func (h *Health) replace(old, next uint64) bool {
	since := old >> sinceShift
	if before, _, _ := unpack(old); before != State(next&0xff) {
		since = uint64(time.Now().Unix()) //nolint:gosec // after 1970
	}
	return h.word.CompareAndSwap(old, next|old&kept|since<<sinceShift)
}

// State returns the present state.
func (h *Health) State() State { s, _, _ := unpack(h.word.Load()); return s }

// Usable reports whether requests should be sent: alive or zombie.
func (h *Health) Usable() bool { return h.State() != Dead }

// Success records an answer and returns the state after it. The third answer
// in a row makes a server that was not alive alive again.
func (h *Health) Success() State {
	for {
		old := h.word.Load()
		s, _, answers := unpack(old)
		if s == Alive {
			return Alive // alive holds no counts: a busy server's answers write nothing
		}
		next := pack(s, 0, answers+1)
		if s == Dead {
			next = pack(Dead, FailuresToDead, answers+1)
		}
		if answers+1 >= AnswersToAlive {
			s, next = Alive, pack(Alive, 0, 0)
		}
		if h.replace(old, next) {
			return s
		}
	}
}

// Failure records an exchange or probe without an answer and returns the state
// after it: the first makes an alive server a zombie, the third in a row kills it.
func (h *Health) Failure() State {
	for {
		old := h.word.Load()
		s, failures, _ := unpack(old)
		failures = min(failures+1, FailuresToDead)
		switch {
		case s == Alive:
			s = Zombie
		case failures >= FailuresToDead:
			s = Dead
		}
		if h.replace(old, pack(s, failures, 0)) {
			return s
		}
	}
}

// Patience is the silence that speaks against a server whose caller did not wait for the end of a
// timeout: a whole one, less the jitter, or a second. Less says more of the caller.
func Patience(timeout time.Duration) time.Duration { return min(timeout-timeout/10, time.Second) }

// Revive gives a dead server one more chance and returns the state after it: it becomes a
// zombie that the next failure kills again. Servers that can't be probed come back this way.
func (h *Health) Revive() State {
	for {
		old := h.word.Load()
		if s, _, _ := unpack(old); s != Dead {
			return s
		}
		if h.replace(old, pack(Zombie, FailuresToDead-1, 0)) {
			return Zombie
		}
	}
}
