package spool

import (
	"context"
	"errors"
	"sync"
	"time"

	"aaa-api/internal/backoff"
	"aaa-api/internal/store"
)

const (
	mostSettled   = 512 // outcomes written in one transaction
	mostSettlers  = 2   // transactions under way
	settleAgain   = time.Second
	settleTimeout = 15 * time.Second
	lastSettle    = 5 * time.Second // for what is left when the node stops
)

// settler writes outcomes of attempts, many in one transaction: those that come while others are being written are the next group. What the
// store does not take is tried again each second. Its goroutines end when nothing is left to write.
type settler struct {
	s       *Spool
	mu      sync.Mutex
	idle    sync.Cond // writers is 0
	writers int
	queue   []settlement
	open    context.Context // its end is that of all tries
	abandon context.CancelFunc
}

// settlement is an outcome to be written.
type settlement struct {
	store.SpoolSettlement
	since   time.Time
	written chan struct{} // closed when it is written or given up
}

func newSettler(s *Spool) *settler {
	t := &settler{s: s}
	t.idle.L = &t.mu
	t.open, t.abandon = context.WithCancel(context.Background())
	return t
}

// settle queues an outcome and does not wait. The channel is closed when it is written, or given up because the node stops.
func (t *settler) settle(o store.SpoolSettlement) <-chan struct{} {
	e := settlement{SpoolSettlement: o, since: t.s.now(), written: make(chan struct{})}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.queue = append(t.queue, e)
	if t.writers < mostSettlers {
		t.writers++
		go t.drain()
	}
	return e.written
}

// close returns when all is written, or soon if the store is away.
func (t *settler) close() {
	defer time.AfterFunc(lastSettle, t.abandon).Stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.writers > 0 {
		t.idle.Wait()
	}
}

// drain writes what there is.
func (t *settler) drain() {
	for group := t.next(); group != nil; group = t.next() {
		t.write(group)
	}
}

// next takes outcomes from the queue. It returns nil, and the writer ends, where there are none.
func (t *settler) next() []settlement {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := min(len(t.queue), mostSettled)
	if n == 0 {
		t.queue = nil
		if t.writers--; t.writers == 0 {
			t.idle.Broadcast()
		}
		return nil
	}
	group := t.queue[:n:n]
	t.queue = t.queue[n:]
	return group
}

// write writes a group. If the store refuses it for another reason than being away, one of its outcomes may be at fault, so each is written
// alone. One that is refused then is given up: the record's lease ends, and it is claimed again.
func (t *settler) write(group []settlement) {
	err := t.try(group)
	if err != nil && len(group) > 1 && t.open.Err() == nil {
		for _, o := range group {
			t.write([]settlement{o})
		}
		return
	}
	if err != nil {
		for _, o := range group {
			t.s.o.Log.Error("the outcome of an attempt to deliver an accounting record was not written: the record is tried again", "account", o.Account, "record", o.ID, "error", err)
		}
	} else {
		t.s.o.Metrics.settlements(group, t.s.now())
		t.s.wakeBehind()
	}
	for _, o := range group {
		close(o.written)
	}
}

// try writes a group, again and again while the store is away. Its error is of another kind, or the last one if the node stops.
func (t *settler) try(group []settlement) error {
	list := make([]store.SpoolSettlement, len(group))
	for i, o := range group {
		list[i] = o.SpoolSettlement
	}
	for failures := 0; ; failures++ {
		ctx, cancel := context.WithTimeout(t.open, settleTimeout)
		err := t.s.o.Store.Settle(ctx, t.s.now(), list)
		cancel()
		if err == nil || !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		if failures == 0 {
			t.s.o.Log.Warn("outcomes of attempts to deliver accounting records wait for the database", "records", len(list), "error", err)
		}
		if backoff.Sleep(t.open, settleAgain) != nil {
			return err
		}
	}
}
