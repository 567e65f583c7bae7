package plans

import (
	"context"
	"time"

	"aaa-api/internal/aaa"
)

// An account leaves memory once nothing asked for it for idleSteps of idleStep, an hour.
const (
	idleStep  = 10 * time.Minute
	idleSteps = 6
)

// touch notes that a request asked for an account. Most calls write nothing: requests of one account share the node.
func (t *Cache) touch(n *node) {
	if now := t.epoch.Load(); n.asked.Load() != now {
		n.asked.Store(now)
	}
}

// ForgetIdle takes accounts that nothing asked for in an hour out of memory, until ctx ends. While the store is away all stay:
// none could be read again.
func (t *Cache) ForgetIdle(ctx context.Context) {
	tick := time.NewTicker(idleStep)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if t.store.Ping(ctx) == nil {
				t.forgetIdle()
			}
		}
	}
}

// forgetIdle ends an idleStep. An account goes after the last one below it: in the next step.
func (t *Cache) forgetIdle() {
	t.epoch.Add(1)
	t.nodes.Range(func(_ aaa.AccountID, n *node) bool {
		if t.idle(n) {
			t.forget(n)
		}
		return true
	})
}

// idle reports whether nothing asked for an account in idleSteps whole steps.
func (t *Cache) idle(n *node) bool { return t.epoch.Load()-n.asked.Load() > idleSteps }

// forget takes an account out of memory, unless it has accounts below it there or requests at work.
func (t *Cache) forget(n *node) {
	t.mu.Lock()
	if n.gone || n.state.Load() == nil || !t.idle(n) || len(t.index.children[n.id]) > 0 || n.busy() {
		t.mu.Unlock()
		return
	}
	levels := t.drop(n)
	t.remember(n.id, levels)
	t.mu.Unlock()
	for _, l := range levels {
		retire(l, nil)
	}
}

// busy reports whether an account has requests running or waiting.
func (n *node) busy() bool {
	p := n.pool.Load()
	if p == nil {
		return false
	}
	running, waiting := p.Depth()
	return running+waiting > 0
}
