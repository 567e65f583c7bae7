package web

import (
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admission"
	"aaa-api/internal/limits"
)

// Hold takes octets of the node's budget until the request ends.
func (c *Call) Hold(octets int64) error {
	return c.server.Budget.Hold(&c.holding, c.charged(), octets)
}

// charged is the account whose part of the budget the request uses: that of its holding, else the spender.
func (c *Call) charged() *limits.Account {
	if a := c.holding.Account(); a != nil {
		return a
	}
	return c.Spender()
}

// ownHolding charges the token's account with what the request held before its token was known, for the body that the token
// is in, and with what it takes later: strangers' part is for strangers.
func (c *Call) ownHolding() {
	if c.holding.Account() != nil {
		c.server.Budget.Transfer(&c.holding, c.Spender())
	}
}

// Spender is the account of the token, that of strangers before the token is known.
func (c *Call) Spender() *limits.Account {
	if c.who.TokenID != "" {
		return c.server.spenders.of(c.who.Account, c.bodyOctets)
	}
	return c.server.Budget.Strangers()
}

// holdShared is Hold for what a body becomes once it is decoded.
func (c *Call) holdShared(octets int64) error {
	return c.server.Budget.HoldShared(&c.holding, octets)
}

// holdAnswer exchanges what the request holds for octets of its answer. An answer that tells of something done is not
// refused.
func (c *Call) holdAnswer(octets int64) error {
	c.body, c.buffer, c.envelope = nil, nil, nil
	return c.server.Budget.HoldAnswer(&c.holding, c.asked(c.charged()), octets, !c.route.onlyReads())
}

func (c *Call) asked(by *limits.Account) admission.Answer {
	return admission.Answer{Account: by, URI: c.r.URL.RequestURI()}
}

// heavyBody waits until the body may be decoded; the turn lasts until EndHeavy. Those of AAA requests are not heavy.
func (c *Call) heavyBody() error {
	if c.route.Scope == Public || c.route.Scope == MayRequest {
		return nil
	}
	if len(c.body) < admission.HeavyOctets {
		return nil
	}
	if c.leaveHeavy != nil {
		return nil
	}
	c.LeaveNode()
	var err error
	c.leaveHeavy, err = c.server.heavy.Enter(c.Context(), c.who.Account, true)
	return err
}

// LeaveNode gives the node's place back before the request waits for heavy work.
func (c *Call) LeaveNode() {
	if c.place != nil {
		c.place.LeaveNode()
	}
}

// EndHeavy gives the turn of heavy work back: the body is decoded.
func (c *Call) EndHeavy() {
	if c.leaveHeavy != nil {
		c.leaveHeavy()
		c.leaveHeavy = nil
	}
}

// takePlace waits for a place to work on configuration. It lasts until the answer is made.
func (c *Call) takePlace() (err error) {
	if !c.route.configures() || c.place != nil {
		return nil
	}
	if c.place, err = c.server.places.Take(c.Context(), c.who.Account); err != nil {
		return err
	}
	if c.route.onlyReads() {
		return c.server.Budget.Fits(c.asked(c.Spender()))
	}
	return c.server.Budget.Room(c.Spender())
}

// Patience is how long one request waits for a store that hangs before those behind it fail with its error.
const Patience = time.Second

// losePlace fails all requests that wait for a place, if this one has waited for the store in vain: each of them would wait
// as long, one after the other.
func (c *Call) losePlace(err error) {
	if c.place != nil && aaa.KindOf(err) == aaa.KindUnavailable && c.place.Held() >= Patience {
		c.place.Lose(err)
	}
}

// leavePlace gives the place to the next.
func (c *Call) leavePlace() {
	if p := c.place; p != nil {
		c.place = nil
		p.Leave()
	}
}
