package radius

import (
	"net/netip"
	"sync"
)

// places bounds the requests in flight. A source gets a place while it has less than a third of what is free, so that one that floods
// leaves most to the others, and gets more again as they leave. The last eighth is for urgent requests.
type places struct {
	most int

	mu    sync.Mutex
	taken int
	by    map[netip.Addr]int
}

func newPlaces(most int) *places { return &places{most: most, by: map[netip.Addr]int{}} }

// enter takes a place. leave gives it back.
func (p *places) enter(from netip.Addr, urgent bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	own, free := p.by[from], p.most-p.taken
	if urgent {
		own /= 3
	} else {
		own *= 3
		free -= p.most / 8
	}
	if own >= free {
		return false
	}
	p.taken++
	p.by[from]++
	return true
}

func (p *places) leave(from netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	if p.by[from]--; p.by[from] == 0 {
		delete(p.by, from)
	}
}
