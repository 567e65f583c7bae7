package spool

import (
	"context"
	"sync"

	"aaa-api/internal/aaa"
)

// turns bounds how many claimed records of each account are at its servers at once, on this node. The others wait, first come first served.
type turns struct {
	width Width
	mu    sync.Mutex
	of    map[aaa.AccountID]*turn
}

// turn is the turns of an account that has records at its servers.
type turn struct {
	running int
	queue   []chan struct{} // each is closed when its record's turn comes
}

func newTurns(width Width) *turns { return &turns{width: width, of: make(map[aaa.AccountID]*turn)} }

// take waits for a turn. It reports false if ctx ends or stop is closed before. After true the caller owes one give.
func (t *turns) take(ctx context.Context, stop <-chan struct{}, account aaa.AccountID) bool {
	width := t.widthOf(account)
	t.mu.Lock()
	a := t.of[account]
	if a == nil {
		a = new(turn)
		t.of[account] = a
	}
	if a.running < width {
		a.running++
		t.mu.Unlock()
		return true
	}
	mine := make(chan struct{})
	a.queue = append(a.queue, mine)
	t.mu.Unlock()
	select {
	case <-mine:
		return true
	case <-ctx.Done():
	case <-stop:
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, c := range a.queue {
		if c == mine {
			a.queue = append(a.queue[:i], a.queue[i+1:]...)
			return false
		}
	}
	return true // it came at that moment
}

// give ends a turn.
func (t *turns) give(account aaa.AccountID) {
	width := t.widthOf(account)
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.of[account]
	a.running--
	for len(a.queue) > 0 && a.running < width {
		close(a.queue[0])
		a.queue = a.queue[1:]
		a.running++
	}
	if a.running == 0 {
		delete(t.of, account)
	}
}

func (t *turns) widthOf(account aaa.AccountID) int {
	if t.width == nil {
		return defaultWidth
	}
	return max(t.width(account), 1)
}
