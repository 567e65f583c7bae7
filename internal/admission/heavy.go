package admission

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"aaa-api/internal/aaa"
)

// Decoding, checking and compiling what tenants write takes a processor as long as the text is: up to seconds. Of such work a
// node does a bounded part at a time, so that AAA requests find a processor. Accounts take turns.

const (
	// HeavyOctets is the length from which a text counts as heavy. Shorter ones take a few milliseconds.
	HeavyOctets = 16 << 10
	// heavyWait is how long heavy work waits for its turn.
	heavyWait = 20 * time.Second
	// heavyQueue is how many requests of one account may wait, and heavyQueues how many of all accounts.
	heavyQueue, heavyQueues = 16, 256
)

// HeavyAtOnce is how much heavy work a node does at a time: one processor of two is left for the rest.
func HeavyAtOnce() int { return max(1, runtime.GOMAXPROCS(0)/2) }

// Heavy gives turns to heavy work: one to an account, some to the node. An account has one request at most among those that
// wait for the node, which come in their order: so accounts take turns, however many requests each has.
type Heavy struct {
	// Wait is how long heavy work waits for its turn, 20 s unless set.
	Wait time.Duration
	node *semaphore.Weighted

	mu       sync.Mutex
	accounts map[aaa.AccountID]*heavyAccount
	users    int // of all accounts
}

type heavyAccount struct {
	turn  *semaphore.Weighted
	users int // that hold the turn or wait for it; under Heavy.mu
}

// NewHeavy does so much heavy work at a time, see HeavyAtOnce.
func NewHeavy(atOnce int) *Heavy {
	return &Heavy{
		node: semaphore.NewWeighted(int64(atOnce)), Wait: heavyWait,
		accounts: make(map[aaa.AccountID]*heavyAccount),
	}
}

// Enter waits for the turn of an account, and for one of the node if node is true. Without an error, leave is owed.
func (h *Heavy) Enter(ctx context.Context, account aaa.AccountID, node bool) (leave func(), err error) {
	a, err := h.queue(account)
	if err != nil {
		return nil, err
	}
	wait, cancel := context.WithTimeout(ctx, h.Wait)
	defer cancel()
	if err := a.turn.Acquire(wait, 1); err != nil {
		h.quit(account, a)
		return nil, h.late(ctx, "this account's uploads and checks")
	}
	if node {
		if err := h.node.Acquire(wait, 1); err != nil {
			a.turn.Release(1)
			h.quit(account, a)
			return nil, h.late(ctx, "the uploads and checks of all accounts")
		}
	}
	return func() {
		if node {
			h.node.Release(1)
		}
		a.turn.Release(1)
		h.quit(account, a)
	}, nil
}

// Users is how many requests hold a turn or wait for one.
func (h *Heavy) Users() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.users
}

// queue finds a place to wait in.
func (h *Heavy) queue(account aaa.AccountID) (*heavyAccount, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	a := h.accounts[account]
	switch {
	case a != nil && a.users > heavyQueue:
		return nil, &aaa.Error{
			Kind: aaa.KindLimited, RetryAfter: time.Second,
			Message: fmt.Sprintf("%d uploads and checks of this account wait already: they are done one at a time", heavyQueue),
		}
	case h.users >= heavyQueues:
		return nil, &aaa.Error{
			Kind: aaa.KindBusy, RetryAfter: 2 * time.Second,
			Message: "too many uploads and checks of all accounts wait on this node; nothing was changed",
		}
	case a == nil:
		a = &heavyAccount{turn: semaphore.NewWeighted(1)}
		h.accounts[account] = a
	}
	a.users++
	h.users++
	return a, nil
}

func (h *Heavy) quit(account aaa.AccountID, a *heavyAccount) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.users--
	if a.users--; a.users == 0 {
		delete(h.accounts, account)
	}
}

// late is why a turn did not come.
func (h *Heavy) late(ctx context.Context, whose string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return &aaa.Error{
		Kind: aaa.KindBusy, RetryAfter: 5 * time.Second,
		Message: fmt.Sprintf("%s took %v, and it was not yet this one's turn; nothing was changed", whose, h.Wait),
	}
}
