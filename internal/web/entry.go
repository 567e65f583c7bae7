package web

import (
	"context"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/token"
)

// Gate knows whose tokens are. What it says lets a request in to be read; whoever runs the request asks again.
type Gate interface {
	// Admit tells who holds a token. A token that is none is an *aaa.Error of KindUnauthorized, other errors say that nobody can tell now.
	Admit(ctx context.Context, e *Entry) (Pass, error)
	// Reaches tells which of some accounts the holder of a call's credential reaches: none, where nobody can tell.
	Reaches(c *Call, accounts []aaa.AccountID) []bool
}

// Entry asks whether a request may come in.
type Entry struct {
	Token     string        // as it came
	Reach     Reach         // what Account is about
	Account   aaa.AccountID // that the URL names; empty: a text that is no id
	RequestID string
	At        time.Time // when the request came
	Rate      bool      // takes one from the account's api_requests
	Guessed   bool      // the token was charged to its sender as a guess, so it may be looked up
	Recent    bool      // what was known a moment ago will do
}

// Pass is what is known of a request's sender.
type Pass struct {
	Guess      bool // the token was not looked up, as the sender was not charged for a guess
	Who        token.Principal
	Account    aaa.AccountID // that the request is about
	BodyOctets int64         // limit of the token's account
	// What is wrong, each nil where nothing is, in the order in which it is told.
	Holder *aaa.ErrorData // the token's account is gone or disabled
	Rate   *aaa.ErrorData // the account's api_requests are used up
	Missed *aaa.ErrorData // the token does not reach the account
}

// entry is what the gate is asked about the request.
func (c *Call) entry(text string) *Entry {
	c.asks = Entry{Token: text, Reach: c.route.Reach, RequestID: c.id, At: c.start}
	switch c.asks.Reach {
	case OnAccount:
		if id, err := aaa.ParseAccountID(c.Param("id")); err == nil {
			c.asks.Account = id
		}
	case OnSystem:
		c.asks.Account = aaa.SystemConfig
	}
	return &c.asks
}

// admit asks the gate. The sender of a token that somebody may have made up is charged before it is looked up, and that of one that is none
// afterwards.
func (c *Call) admit(e *Entry) (Pass, error) {
	pass, err := c.server.Gate.Admit(c.Context(), e)
	if err == nil && pass.Guess {
		if err := c.Guess(); err != nil {
			return Pass{}, err
		}
		e.Guessed = true
		pass, err = c.server.Gate.Admit(c.Context(), e)
	}
	if err := c.Judged(err); err != nil {
		return Pass{}, err
	}
	switch {
	case pass.Guess: // the gate does not keep its word
		return Pass{}, ErrNoToken
	case pass.Holder != nil:
		return Pass{}, pass.Holder.Error()
	}
	return pass, nil
}

// enter finds who sent the request, and whether what the URL names exists for them.
func (c *Call) enter() error {
	text := c.token // known since before a tunnelled method was found
	if text == "" {
		var err error
		if text, err = c.tokenText(); err != nil {
			return err
		}
		if text == "" {
			return ErrNoToken
		}
	}
	badPath := c.readPath()
	e := c.entry(text)
	aaaRequest := c.route.Scope == MayRequest
	e.Rate, e.Recent = !aaaRequest, aaaRequest // the gateway takes AAA requests from a rate of theirs
	if badPath != nil {
		e.Reach, e.Account = OnToken, ""
	}
	pass, err := c.admit(e)
	if err != nil {
		return err
	}
	c.who, c.account, c.token, c.bodyOctets = pass.Who, pass.Who.Account, text, pass.BodyOctets
	c.ownHolding()
	if err := c.server.limiter.Allow(c, c.who.TokenID); err != nil {
		return err
	}
	switch {
	case pass.Rate != nil:
		return pass.Rate.Error()
	case badPath != nil:
		return badPath
	case pass.Missed != nil:
		return pass.Missed.Error()
	}
	c.account = pass.Account
	return nil
}

// Recheck tells whether the caller may still do what the gate allowed: a stream may last for long. It changes nothing of the
// call, so that others may use it meanwhile.
func (c *Call) Recheck() error {
	pass, err := c.admit(&Entry{Token: c.token, Reach: OnAccount, Account: c.account, RequestID: c.id, At: c.start})
	if err == nil && pass.Missed != nil {
		err = pass.Missed.Error()
	}
	return err
}
