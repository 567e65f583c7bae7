package radius

import (
	"net/netip"
	"sync"
	"time"
)

// places bounds the requests in flight. A source gets a place while it has less than a third of what is free, so that one that floods
// leaves most to the others, and gets more again as they leave. The last eighth is for urgent requests.
//
// Where requests wait for a processor, more of them in flight only wait longer: the places become fewer. Those that wait for slow servers
// cost nothing and keep theirs.
type places struct {
	least, most int
	crowded     chan struct{} // has a value when so many are taken that adjust is to be called

	mu    sync.Mutex
	now   int // places that there are, least to most
	taken int
	by    map[netip.Addr]int
}

func newPlaces(most int) *places {
	return &places{least: (most + 15) / 16, most: most, now: most, crowded: make(chan struct{}, 1), by: map[netip.Addr]int{}}
}

// slow is how long a call may wait for a processor before there are too many.
const slow = 10 * time.Millisecond

// adjust makes the places fewer or more by how long a call waited. It reports whether it is to be called again.
func (p *places) adjust(waited time.Duration) (again bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if waited > slow {
		p.now = max(p.least, p.now*3/4)
	} else {
		p.now = min(p.most, p.now+p.now/8+1)
	}
	return p.now < p.most || p.taken > p.least/2
}

// enter takes a place. leave gives it back.
func (p *places) enter(from netip.Addr, urgent bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	own, free := p.by[from], p.now-p.taken
	if urgent {
		own /= 3
	} else {
		own *= 3
		free -= p.now / 8
	}
	if own >= free {
		return false
	}
	p.taken++
	p.by[from]++
	if p.taken > p.least/2 {
		select {
		case p.crowded <- struct{}{}:
		default:
		}
	}
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
