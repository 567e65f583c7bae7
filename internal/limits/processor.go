package limits

import (
	"container/heap"
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"aaa-api/internal/aaa"
)

// minSweep is how many accounts at least are told apart by what they have used.
const minSweep = 4096

// maxWaiting is how much heavy work of one account may wait for the processor at once.
const maxWaiting = 128

// Processor shares the cores of a node between accounts for heavy work: hashes of passwords and costly expressions. It
// leaves one core for everything else. Of the accounts whose work waits, the one that has used the least time goes
// first, so that an account with little work does not wait for the backlog of another. It is safe for use by many goroutines.
type Processor struct {
	now func() time.Time

	mu      sync.Mutex
	free    int
	running int
	virtual time.Duration // the time used, when it last began, of the account that last began
	shares  map[aaa.AccountID]*share
	waiting waitingShares
	arrived uint64
	sweep   int // the number of shares at which idle ones are forgotten
}

// share is one account's part of a Processor.
type share struct {
	account aaa.AccountID
	used    time.Duration // never behind that of the accounts that waited when it came: nobody saves time up
	running int
	queue   []*turnWaiter
	arrived uint64 // breaks ties
	index   int    // in waitingShares
}

type turnWaiter struct {
	granted chan struct{} // holds one token once it is the waiter's turn
}

// NewProcessor makes the Processor of a node.
func NewProcessor() *Processor {
	return newProcessor(max(1, runtime.GOMAXPROCS(0)-1), time.Now)
}

func newProcessor(places int, now func() time.Time) *Processor {
	return &Processor{now: now, free: places, shares: map[aaa.AccountID]*share{}, sweep: minSweep}
}

// Turn is the use of one core by an account. The zero Turn is of no Processor.
type Turn struct {
	p     *Processor
	share *share
	begun time.Time
}

// Do has work done in a Turn of the account. The errors are those of Take.
func (p *Processor) Do(ctx context.Context, account aaa.AccountID, work func()) error {
	t, err := p.Take(ctx, account)
	if err != nil {
		return err
	}
	defer t.End()
	work()
	return nil
}

// Take waits for the account's turn. It returns ctx's error if ctx ends first, and an *aaa.Error of KindBusy if too much
// work of the account waits already. A nil p bounds nothing. After nil the caller owes one End.
func (p *Processor) Take(ctx context.Context, account aaa.AccountID) (Turn, error) {
	if p == nil {
		return Turn{}, nil
	}
	if err := ctx.Err(); err != nil {
		return Turn{}, err
	}
	p.mu.Lock()
	s := p.shareOf(account)
	if p.free > 0 && len(p.waiting) == 0 {
		t := p.begin(s)
		p.mu.Unlock()
		return t, nil
	}
	if len(s.queue) >= maxWaiting {
		p.mu.Unlock()
		return Turn{}, &aaa.Error{
			Kind: aaa.KindBusy, Message: "too many password checks and costly expressions of the account wait for the node's processor",
			RetryAfter: time.Second,
		}
	}
	w := &turnWaiter{granted: make(chan struct{}, 1)}
	if s.queue = append(s.queue, w); len(s.queue) == 1 {
		p.arrived++
		s.arrived = p.arrived
		heap.Push(&p.waiting, s)
	}
	p.mu.Unlock()

	select {
	case <-w.granted:
		return Turn{p: p, share: s, begun: p.now()}, nil
	case <-ctx.Done():
		p.leave(s, w)
		return Turn{}, ctx.Err()
	}
}

// End gives the core to the account whose turn is next.
func (t Turn) End() {
	if t.p == nil {
		return
	}
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	t.p.end(t.share, t.p.now().Sub(t.begun))
}

// Pass ends the Turn and waits for the next one of its account, where another account waits. Where it returns an error,
// the Turn has ended.
func (t *Turn) Pass(ctx context.Context) error {
	if t.p == nil {
		return ctx.Err()
	}
	t.p.mu.Lock()
	others := len(t.p.waiting) > 1 || len(t.p.waiting) == 1 && t.p.waiting[0] != t.share
	t.p.mu.Unlock()
	if !others {
		return ctx.Err()
	}
	p, account := t.p, t.share.account
	t.End()
	var err error
	*t, err = p.Take(ctx, account)
	return err
}

// shareOf returns an account's share; p.mu is held.
func (p *Processor) shareOf(account aaa.AccountID) *share {
	s := p.shares[account]
	if s == nil {
		if len(p.shares) >= p.sweep {
			for id, s := range p.shares {
				if s.idle() { // what it has used is forgotten too early, which bounds the memory
					delete(p.shares, id)
				}
			}
			p.sweep = 2*len(p.shares) + minSweep
		}
		s = &share{account: account}
		p.shares[account] = s
	}
	if s.idle() {
		s.used = max(s.used, p.virtual)
	}
	return s
}

// begin gives a free place to a share; p.mu is held.
func (p *Processor) begin(s *share) Turn {
	p.free--
	p.running++
	s.running++
	p.virtual = max(p.virtual, s.used)
	return Turn{p: p, share: s, begun: p.now()}
}

// end takes a place back from a share that used it for a time; p.mu is held.
func (p *Processor) end(s *share, took time.Duration) {
	p.free++
	p.running--
	s.running--
	s.used += max(took, 0)
	if len(s.queue) > 0 {
		heap.Fix(&p.waiting, s.index)
	}
	for p.free > 0 && len(p.waiting) > 0 {
		next := p.waiting[0]
		w := next.queue[0]
		p.dequeue(next, 0)
		p.begin(next)
		w.granted <- struct{}{}
	}
	if p.running == 0 { // nobody waits, so that nobody has to be told apart
		clear(p.shares)
		p.virtual = 0
	} else if s.idle() && s.used <= p.virtual { // it would be made anew alike
		delete(p.shares, s.account)
	}
}

func (s *share) idle() bool { return s.running == 0 && len(s.queue) == 0 }

// dequeue takes waiter i out of a share's queue; p.mu is held.
func (p *Processor) dequeue(s *share, i int) {
	s.queue = slices.Delete(s.queue, i, i+1)
	if len(s.queue) == 0 {
		heap.Remove(&p.waiting, s.index)
	} else if i == 0 {
		p.arrived++
		s.arrived = p.arrived
		heap.Fix(&p.waiting, s.index)
	}
}

// leave takes a waiter out of the queue. A turn that it was given at the same moment goes on to the next.
func (p *Processor) leave(s *share, w *turnWaiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(s.queue, w); i >= 0 {
		p.dequeue(s, i)
		return
	}
	p.end(s, 0)
}

// waitingShares is the heap of the shares with a queue. The one that has used the least time comes first.
type waitingShares []*share

func (h waitingShares) Len() int { return len(h) }

func (h waitingShares) Less(i, j int) bool {
	if h[i].used != h[j].used {
		return h[i].used < h[j].used
	}
	return h[i].arrived < h[j].arrived
}

func (h waitingShares) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (h *waitingShares) Push(x any) {
	s := x.(*share)
	s.index = len(*h)
	*h = append(*h, s)
}

// Pop implements heap.Interface.
func (h *waitingShares) Pop() any {
	old := *h
	s := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return s
}
