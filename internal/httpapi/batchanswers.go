package httpapi

import (
	"runtime"
	"sync"

	"aaa-api/internal/admission"
	"aaa-api/internal/web"
)

const (
	// freeUnread is how many octets of answers may be unread at the cost of the call, and maxUnread how many at that of the account. Nearly every
	// call fits into maxUnread, so a caller may send everything before it reads.
	freeUnread = 64 << 10
	maxUnread  = 4 << 20
)

// answers are the answers of a batch on their way to the caller. Adding one never waits: while too many are unread, no further line is taken.
type answers struct {
	to     *web.Duplex
	budget *admission.Budget
	as     admission.Answer
	lost   func() // called when nobody reads any more

	mu      sync.Mutex
	changed sync.Cond // of what room and underWay wait for
	pending []byte
	writing int // octets
	held    int // octets that may be unread
	holding admission.Holding
	weight  int   // of the lines under way
	err     error // of writing
	closed  bool

	wake   chan struct{}
	wrote  chan struct{} // closed when the writer has ended
	writes bool          // there is one
}

func newAnswers(to *web.Duplex, budget *admission.Budget, as admission.Answer, lost func()) *answers {
	a := &answers{to: to, budget: budget, as: as, lost: lost, held: freeUnread, wake: make(chan struct{}, 1), wrote: make(chan struct{})}
	a.changed.L = &a.mu
	return a
}

// start lets answers go out.
func (a *answers) start() {
	a.writes = true
	go a.write()
}

// add takes the answer to a line, which is then no longer under way.
func (a *answers) add(text []byte, weight int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.weight -= weight; weight > 0 {
		a.changed.Signal()
	}
	if a.err != nil {
		return
	}
	if n := len(a.pending) + a.writing + len(text); n > a.held { // the line was run, so its answer is not refused
		a.budget.HoldAnswer(&a.holding, a.as, int64(2*n), true) //nolint:errcheck // so it gives none
		a.held = 2 * n
	}
	a.pending = append(a.pending, text...)
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// room waits until another answer may be made. It is false if nobody reads them.
func (a *answers) room() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.err == nil && !a.mayGrow() {
		a.changed.Wait()
	}
	return a.err == nil
}

// mayGrow reports whether more may be unread, and takes memory for it. mu is held.
func (a *answers) mayGrow() bool {
	unread := len(a.pending) + a.writing
	if unread <= freeUnread/2 {
		return true
	}
	if unread > maxUnread {
		return false
	}
	for unread > a.held-freeUnread/2 {
		if a.budget.Hold(&a.holding, a.as.Account, freeUnread) != nil {
			return false
		}
		a.held += freeUnread
	}
	return true
}

// underWay waits until a line of a weight may be under way. It is false if nobody reads answers.
func (a *answers) underWay(weight int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.err == nil && a.weight > 0 && a.weight+weight > batchUnderWay {
		a.changed.Wait()
	}
	a.weight += weight
	return a.err == nil
}

// write sends answers until there are no more. They are flushed when none is waiting.
func (a *answers) write() {
	defer close(a.wrote)
	var spare []byte
	for range a.wake {
		runtime.Gosched() // those who have an answer may add it to this write
		for {
			a.mu.Lock()
			text, closed := a.pending, a.closed
			a.pending, a.writing = spare[:0], len(text)
			a.mu.Unlock()
			var err error
			if len(text) > 0 {
				_, err = a.to.Write(text)
			} else {
				err = a.to.Flush()
			}
			a.mu.Lock()
			a.writing, a.err = 0, err
			a.changed.Broadcast()
			a.mu.Unlock()
			spare = text
			if err != nil {
				a.lost()
				return
			}
			if len(text) == 0 {
				if closed {
					return
				}
				break
			}
		}
	}
}

// close waits until the answers are written. Its error is that of writing them.
func (a *answers) close() error {
	a.mu.Lock()
	closed := a.closed
	a.closed = true
	a.mu.Unlock()
	if !closed && a.writes {
		select {
		case a.wake <- struct{}{}:
		default:
		}
	}
	if a.writes {
		<-a.wrote
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.budget.Release(&a.holding)
	return a.err
}
