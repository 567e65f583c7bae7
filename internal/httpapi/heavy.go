package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"aaa-api/internal/aaa"
	"aaa-api/internal/limits"
)

// Decoding, checking and compiling what tenants write takes a processor as long as the text is: up to seconds. Of such work a
// node does a bounded part at a time, so that AAA requests find a processor. Accounts take turns.

const (
	// heavyOctets is the length from which a text counts as heavy. Shorter ones take a few milliseconds.
	heavyOctets = 16 << 10
	// heavyWait is how long heavy work waits for its turn.
	heavyWait = 20 * time.Second
	// heavyQueue is how many requests of one account may wait, and heavyQueues how many of all accounts.
	heavyQueue, heavyQueues = 16, 256
)

// heavyAtOnce is how much heavy work a node does at a time: one processor of two is left for the rest.
func heavyAtOnce() int { return max(1, runtime.GOMAXPROCS(0)/2) }

// heavyWork gives turns to heavy work: one to an account, some to the node. An account has one request at most among those that
// wait for the node, which come in their order: so accounts take turns, however many requests each has.
type heavyWork struct {
	node *semaphore.Weighted
	wait time.Duration

	mu       sync.Mutex
	accounts map[aaa.AccountID]*heavyAccount
	users    int // of all accounts
}

type heavyAccount struct {
	turn  *semaphore.Weighted
	users int // that hold the turn or wait for it; under heavyWork.mu
}

func newHeavyWork(atOnce int) *heavyWork {
	return &heavyWork{
		node: semaphore.NewWeighted(int64(atOnce)), wait: heavyWait,
		accounts: make(map[aaa.AccountID]*heavyAccount),
	}
}

// enter waits for the turn of an account, and for one of the node if node is true. Without an error, leave is owed.
func (h *heavyWork) enter(ctx context.Context, account aaa.AccountID, node bool) (leave func(), err error) {
	a, err := h.queue(account)
	if err != nil {
		return nil, err
	}
	wait, cancel := context.WithTimeout(ctx, h.wait)
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

// queue finds a place to wait in.
func (h *heavyWork) queue(account aaa.AccountID) (*heavyAccount, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	a := h.accounts[account]
	switch {
	case a != nil && a.users > heavyQueue:
		return nil, &failure{
			status: http.StatusTooManyRequests, slug: "too_many_requests", retryAfter: time.Second,
			detail: fmt.Sprintf("%d uploads and checks of this account wait already: they are done one at a time", heavyQueue),
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

func (h *heavyWork) quit(account aaa.AccountID, a *heavyAccount) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.users--
	if a.users--; a.users == 0 {
		delete(h.accounts, account)
	}
}

// late is why a turn did not come.
func (h *heavyWork) late(ctx context.Context, whose string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return &aaa.Error{
		Kind: aaa.KindBusy, RetryAfter: 5 * time.Second,
		Message: fmt.Sprintf("%s took %v, and it was not yet this one's turn; nothing was changed", whose, h.wait),
	}
}

// heavy waits until a text of so many octets may be decoded, checked or compiled; short ones need not. The turn lasts until
// the answer is sent. The account's turn to write comes after it: who has that one must not wait for this.
func (c *call) heavy(octets int) error {
	if octets < heavyOctets {
		return nil
	}
	if c.leaveHeavy == nil {
		if err := c.holdShared(int64(octets)); err != nil { // of what waits, which no place bounds
			return err
		}
	}
	return c.enterHeavy(true)
}

func (c *call) enterHeavy(node bool) (err error) {
	if c.leaveHeavy == nil {
		c.leaveNode(c.place)
		c.leaveHeavy, err = c.api.heavyWork.enter(c.ctx(), c.who.Account, node)
	}
	return err
}

// heavyBody waits until the body may be decoded. Those of AAA requests are not heavy.
func (c *call) heavyBody() error {
	if c.route.scope == public || c.route.scope == mayRequest {
		return nil
	}
	if len(c.body) < heavyOctets {
		return nil
	}
	return c.enterHeavy(true) // the body is held already
}

// heavyCheck waits until texts of so many octets may be checked. A check stores nothing, so that nothing else slows those
// who send them: an account has one at a time whatever their length.
func (c *call) heavyCheck(octets int) error { return c.enterHeavy(octets >= heavyOctets) }

// lowered runs what takes long in a request that has a turn of heavy work, below the priority of everything else. It asks the store
// for nothing: what others wait for must not be held by a thread that waits for them.
func (c *call) lowered(f func() error) (err error) {
	if c.leaveHeavy == nil {
		return f()
	}
	limits.Lowered(func() { err = f() })
	return err
}

// endHeavy gives the turn back.
func (c *call) endHeavy() {
	if c.leaveHeavy != nil {
		c.leaveHeavy()
		c.leaveHeavy = nil
	}
}
