package spool

import (
	"context"
	"sync"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/backoff"
)

// recoverPause is between two writes for accounts whose servers are back: a server that comes and goes must not make one for each of its answers.
const recoverPause = 250 * time.Millisecond

// recoveries has waiting records tried at once when a server may answer again.
type recoveries struct {
	s       *Spool
	mu      sync.Mutex
	pending map[aaa.AccountID]time.Duration // accounts to try, with the silence that is over; 0: it may be over
	answers map[aaa.AccountID]bool          // accounts whose document has a server that answers
	kick    chan struct{}
}

func newRecoveries(s *Spool) *recoveries {
	return &recoveries{s: s, pending: make(map[aaa.AccountID]time.Duration), answers: make(map[aaa.AccountID]bool), kick: make(chan struct{}, 1)}
}

// Answers is called when a server of an account's document answers again. The document may serve the account and all accounts below it: those that
// are silent are tried at once. It does not wait.
func (c *recoveries) Answers(document aaa.AccountID) {
	c.mu.Lock()
	c.answers[document] = true
	c.mu.Unlock()
	c.wakeUp()
}

// Resent is called when records of an account were made due by hand. If its servers are silent, they are tried at once: the cause may be mended.
// It does not wait.
func (c *recoveries) Resent(account aaa.AccountID) {
	if c.s.standings.silent(account) {
		c.recover(account, 0)
	}
}

func (c *recoveries) recover(account aaa.AccountID, silence time.Duration) {
	c.mu.Lock()
	c.pending[account] = max(c.pending[account], silence)
	c.mu.Unlock()
	c.wakeUp()
}

func (c *recoveries) wakeUp() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// run deals with accounts until ctx ends.
func (c *recoveries) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.kick:
		}
		c.mu.Lock()
		pending := c.pending
		c.pending = make(map[aaa.AccountID]time.Duration)
		answers := c.answers
		c.answers = make(map[aaa.AccountID]bool)
		c.mu.Unlock()
		for _, account := range c.served(ctx, answers) {
			if _, ok := pending[account]; !ok {
				pending[account] = 0
			}
		}
		for account := range pending {
			c.s.scheduler.Reset(account)
		}
		c.s.wake()
		for account, silence := range pending {
			c.account(ctx, account, silence)
		}
		c.s.wake()
		if backoff.Sleep(ctx, recoverPause) != nil {
			return
		}
	}
}

// served returns the silent accounts that documents may serve: their own and those below.
func (c *recoveries) served(ctx context.Context, documents map[aaa.AccountID]bool) (list []aaa.AccountID) {
	if len(documents) == 0 {
		return nil
	}
	for _, account := range c.s.standings.inSilence() {
		for document := range documents {
			is := account == document
			if !is && c.s.o.Within != nil {
				within, err := c.s.o.Within(ctx, document, account)
				is = err == nil && within
			}
			if is {
				list = append(list, account)
				break
			}
		}
	}
	return list
}

func (c *recoveries) account(ctx context.Context, account aaa.AccountID, silence time.Duration) {
	log := c.s.o.Log
	if _, err := c.s.o.Store.Recover(ctx, account, c.s.now()); err != nil {
		if ctx.Err() == nil {
			log.WarnContext(ctx, "accounting records that wait are not tried at once", "account", account, "error", err)
		}
		return
	}
	if silence == 0 {
		return
	}
	if counts, err := c.s.o.Store.Counts(ctx, account); err == nil {
		log.InfoContext(ctx, "accounting records are taken again", "account", account, "after", silence.Round(time.Millisecond).String(), "waiting", counts.Waiting)
	}
}
