package httpapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
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
	node     turns // of one name, everybody's
	accounts turns
}

// place is one that a request has: one of its account's, and one of the node's until it waits for heavy work.
type place struct {
	account, node *turn
	since         time.Time
}

// everybody is who has the node's places.
const everybody aaa.AccountID = ""

func newPlaces() places {
	return places{
		node:     turns{of: make(map[aaa.AccountID]*turn), abreast: placesOfNode},
		accounts: turns{of: make(map[aaa.AccountID]*turn), abreast: placesOfAccount},
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
		return c.noPlace(err)
	}
	n, err := p.node.take(ctx, everybody)
	if err != nil {
		p.accounts.end(c.who.Account, t)
		return c.noPlace(err)
	}
	c.place = &place{t, n, time.Now()}
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

// losePlace gives all who wait for a place the error of the store, where the request has waited for that in vain: each of
// them would do so, one after the other.
func (c *call) losePlace(err error) {
	if c.place != nil && errors.Is(err, store.ErrUnavailable) && time.Since(c.place.since) >= askTime {
		c.api.places.accounts.lose(c.who.Account, c.place.account, err)
		if c.place.node != nil {
			c.api.places.node.lose(everybody, c.place.node, err)
		}
	}
}

func (c *call) noPlace(why error) error {
	if !errors.Is(why, errNoTurn) {
		return why
	}
	if err := c.ctx().Err(); err != nil {
		return err
	}
	return &aaa.Error{Kind: aaa.KindBusy, Message: "too many requests about configuration are under way; nothing was done", RetryAfter: time.Second}
}

// leavePlace gives the place to the next.
func (c *call) leavePlace() {
	if t := c.place; t != nil {
		c.place = nil
		c.leaveNode(t)
		c.api.places.accounts.end(c.who.Account, t.account)
	}
}

// leaveNode gives the node's place to the next, and keeps the account's: who waits for a turn of heavy work, which is bounded by
// itself, must not keep others waiting that have none to do.
func (c *call) leaveNode(p *place) {
	if p != nil && p.node != nil {
		c.api.places.node.end(everybody, p.node)
		p.node = nil
	}
}
