package router

import (
	"runtime"
	"sync"

	"aaa-api/internal/aaa"
	"aaa-api/internal/plans"
)

// Arrived is how many entries have answered that the machine has yet to take.
func (m *Machine) Arrived() int { return len(m.pending.arrivals) }

// Heard reports whether the machine of the request has heard of all its repetitions so far.
func (r *Router) Heard(account aaa.AccountID, id string) bool {
	r.repeats.mu.Lock()
	defer r.repeats.mu.Unlock()
	return len(r.repeats.of[repeatKey{account, id}]) == 0
}

// WatchScratches returns all memory that requests' AVPs are in until stop. No other test may run meanwhile.
func WatchScratches() (all func() [][]aaa.AVP, stop func()) {
	var (
		mu   sync.Mutex
		list []*scratch
	)
	usual := scratches.New
	scratches.New = func() any {
		s := usual()
		mu.Lock()
		defer mu.Unlock()
		list = append(list, s.(*scratch))
		return s
	}
	for range 2 { // what the pool has already
		runtime.GC()
	}
	return func() (all [][]aaa.AVP) {
		mu.Lock()
		defer mu.Unlock()
		for _, s := range list {
			all = append(all, s.avps[:cap(s.avps)])
		}
		return all
	}, func() { scratches.New = usual }
}

// HeedsDup reports whether a repetition of the request matters.
func (r *Router) HeedsDup(plan *plans.Plan, req *aaa.Request) bool { return r.heedsDup(plan, req) }
