package spool

import (
	"context"
	"sync"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

const (
	mostGrouped    = 512 // records of a group, or of a transaction of the mover
	mostOctets     = 4 << 20
	mostWaiting    = 128 << 20 // octets of all records that wait for a group
	mostOfAccount  = 16 << 20  // of them those of one account: what others have waits behind them
	mostCommitting = 2
	gatherTime     = 2 * time.Millisecond // before a second group is begun beside the first
)

// pending is a record on its way into the store or the journal.
type pending struct {
	record store.SpoolRecord
	hold   bool // the caller attempts it
	taken  bool // it is in a group; under group.mu
	left   bool // its caller left before; under group.mu

	done chan struct{} // closed when the members below are known

	kept      bool // it is to be delivered later
	journaled bool
	err       error
}

// octets is about what a record costs.
func (p *pending) octets() int { return len(p.record.Payload) + 512 }

// group gathers records that are committed at once. A lone record is committed at once; those that come meanwhile are the next group.
type group struct {
	commit func([]*pending)
	size   size

	mu      sync.Mutex
	waiting []*pending
	octets  int
	of      map[aaa.AccountID]int // octets of each account
	running int                   // commits under way
	armed   bool                  // a timer begins the second one
}

// add returns when a record is committed. If ctx ends before it is in a group, it is not stored.
func (g *group) add(ctx context.Context, p *pending) error {
	if err := g.enter(p); err != nil {
		return err
	}
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
	}
	g.mu.Lock()
	p.left = !p.taken
	g.mu.Unlock()
	if p.left {
		return ctx.Err()
	}
	<-p.done
	return p.err
}

func (g *group) enter(p *pending) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.octets+p.octets() > mostWaiting {
		return &aaa.Error{Kind: aaa.KindBusy, Message: "this node has too many accounting records to store", RetryAfter: time.Second}
	}
	if g.of[p.record.Account]+p.octets() > mostOfAccount {
		return &aaa.Error{Kind: aaa.KindBusy, Message: "the account has too many accounting records that this node is still to store", RetryAfter: time.Second}
	}
	g.waiting = append(g.waiting, p)
	g.count(p, p.octets())
	switch {
	case g.running == 0 || g.running < mostCommitting && (len(g.waiting) >= g.size.get() || g.octets >= mostOctets):
		g.begin()
	case g.running < mostCommitting && !g.armed:
		g.armed = true
		time.AfterFunc(gatherTime, func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.armed = false
			if g.running < mostCommitting && len(g.waiting) > 0 {
				g.begin()
			}
		})
	}
	return nil
}

// count adds the octets of a record to those that wait, or takes them off. It is called with mu.
func (g *group) count(p *pending, octets int) {
	g.octets += octets
	if g.of == nil {
		g.of = make(map[aaa.AccountID]int)
	}
	if n := g.of[p.record.Account] + octets; n > 0 {
		g.of[p.record.Account] = n
	} else {
		delete(g.of, p.record.Account)
	}
}

// begin starts a goroutine that commits groups until none waits. It is called with mu.
func (g *group) begin() {
	g.running++
	go func() {
		for list := g.next(); list != nil; list = g.next() {
			g.commit(list)
		}
	}()
}

// next takes a group. It returns nil and ends the goroutine's turn if none waits.
func (g *group) next() []*pending {
	g.mu.Lock()
	defer g.mu.Unlock()
	var list []*pending
	n, octets, most := 0, 0, g.size.get()
	for _, p := range g.waiting {
		if len(list) >= most || octets >= mostOctets {
			break
		}
		n++
		g.count(p, -p.octets())
		if p.left {
			continue
		}
		p.taken = true
		octets += p.octets()
		list = append(list, p)
	}
	clear(g.waiting[:n])
	if g.waiting = g.waiting[n:]; len(g.waiting) == 0 {
		g.waiting = nil
	}
	if list == nil {
		g.running--
	}
	return list
}
