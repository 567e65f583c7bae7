package httpapi

import (
	"context"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"

	"aaa-api/internal/aaa"
)

// What is read and written of configuration is held in memory several times over while an answer is made of it, and how
// long it is nobody knows before. So few such requests are served at once; AAA requests are none of them.
const (
	placesOfNode    = 4
	placesOfAccount = 2
	placeTime       = 10 * time.Second // that one may wait
)

// places are those in which requests about configuration are served.
type places struct {
	node     *semaphore.Weighted
	accounts writers
}

func newPlaces() places {
	return places{
		node:     semaphore.NewWeighted(placesOfNode),
		accounts: writers{turns: make(map[aaa.AccountID]*turn), abreast: placesOfAccount},
	}
}

// takePlace waits for one of the places of the token's account, and then of the node. The place lasts until the answer is made.
func (c *call) takePlace() error {
	if !c.route.configures() || c.place != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(c.ctx(), placeTime)
	defer cancel()
	p := &c.api.places
	t, err := p.accounts.take(ctx, c.who.Account)
	if err != nil {
		return c.noPlace()
	}
	if p.node.Acquire(ctx, 1) != nil {
		p.accounts.end(c.who.Account, t)
		return c.noPlace()
	}
	c.place, c.placed = t, true
	if c.route.onlyReads() {
		return c.api.Budget.fits(answered{c.spender(), c.r.URL.RequestURI()})
	}
	return c.api.Budget.room(c.spender())
}

// configures reports a request about configuration, and not one of the AAA service itself.
func (r *route) configures() bool {
	return r.scope == mayRead || r.scope == mayWrite || r.pattern == atDocument+"/translate"
}

// onlyReads reports a request that changes nothing and sends nothing, so that its answer may be refused.
func (r *route) onlyReads() bool {
	return r.method == http.MethodGet || r.scope == mayRead || r.pattern == atDocument+"/translate"
}

func (c *call) noPlace() error {
	if err := c.ctx().Err(); err != nil {
		return err
	}
	return &aaa.Error{Kind: aaa.KindBusy, Message: "too many requests about configuration are under way; nothing was done", RetryAfter: time.Second}
}

// leavePlace gives the place to the next.
func (c *call) leavePlace() {
	if t := c.place; t != nil {
		c.place = nil
		c.leaveNode()
		c.api.places.accounts.end(c.who.Account, t)
	}
}

// leaveNode gives the node's place to the next, and keeps the account's: who waits for a turn of heavy work, which is bounded by
// itself, must not keep others waiting that have none to do.
func (c *call) leaveNode() {
	if c.placed {
		c.placed = false
		c.api.places.node.Release(1)
	}
}
