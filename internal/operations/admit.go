package operations

import (
	"context"
	"errors"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/line"
	"aaa-api/internal/token"
)

// Entry asks whether a request may come in. The account that it is about is line.From's.
type Entry struct {
	Reach   Reach
	Rate    bool // takes one from the account's api_requests: the request is no AAA request, whose rate Handle takes
	Guessed bool // the token was charged to its sender as a guess, so it may be looked up
}

// Pass is what a front knows of a caller. It gives the front no right: each operation asks the gate again.
type Pass struct {
	// Guess: the token could not be told from one that somebody made up, and was not looked up. The front asks again with Guessed.
	Guess      bool
	Who        token.Principal
	Account    aaa.AccountID // that the request is about
	BodyOctets int64         // limit of the token's account
	// What is wrong, each nil where nothing is. The front checks things of its own between them, in the order of the members.
	Holder *aaa.ErrorData // the token's account is gone or disabled
	Rate   *aaa.ErrorData // the account's api_requests are used up
	Missed *aaa.ErrorData // the token does not reach the account
}

// Admit tells a front who holds a token and what the token's account may use. A token that is none is an error of KindUnauthorized, of which the front keeps
// count by the sender's address.
var Admit = defineQuick("admit", public, func(ctx context.Context, p *Parts, from line.From, q *Entry) (pass Pass, err error) {
	pass.Who, err = p.verify(ctx, from.Token, guard(q.Guessed))
	if errors.Is(err, errGuess) {
		return Pass{Guess: true}, nil
	}
	if err != nil {
		return Pass{}, err
	}
	own := pass.Who.Account
	if err := p.enabled(ctx, own); err != nil {
		pass.Holder = dataOf(err)
		return pass, nil
	}
	have, err := p.Tree.Limits(ctx, own)
	if err != nil {
		return Pass{}, err
	}
	pass.BodyOctets = have.Of(aaa.LimitBodyOctets)
	if q.Rate {
		if err := have.Take(aaa.LimitAPIRequests, time.Now()); err != nil { // what came before may have taken long
			pass.Rate = dataOf(err)
			return pass, nil
		}
	}
	if pass.Account, err = p.reach(ctx, q.Reach, own, from.Account); err != nil {
		pass.Missed = dataOf(err)
	}
	return pass, nil
})

func dataOf(err error) *aaa.ErrorData {
	d := aaa.DataOf(err)
	return &d
}

// guard keeps a text that somebody may have made up from being looked up before its sender was charged for it.
type guard bool

// errGuess tells the gate that the guard stopped a look-up. Nobody else sees it.
var errGuess = errors.New("a guess")

// Guess implements token.Guard.
func (charged guard) Guess() error {
	if charged {
		return nil
	}
	return errGuess
}

// Named are accounts of which a message names those alone that its reader reaches.
type Named struct{ Accounts []aaa.AccountID }

// Reached has an entry for each of the accounts.
type Reached struct{ Each []bool }

// maxNamed is more than any message names.
const maxNamed = 16

// Reaches tells which of some accounts a caller reaches. The credential is a token or an API key. Who shows no good one reaches none.
var Reaches = defineQuick("reaches", public, func(ctx context.Context, p *Parts, from line.From, q *Named) (Reached, error) {
	r := Reached{make([]bool, len(q.Accounts))}
	who, err := p.verify(ctx, from.Token, guard(false))
	if err != nil {
		who, err = p.Verifier.VerifyKey(ctx, from.Token, guard(false))
	}
	if err != nil {
		return r, nil //nolint:nilerr // then nothing is named
	}
	for i, id := range q.Accounts {
		within, err := p.Tree.Within(ctx, who.Account, id)
		r.Each[i] = err == nil && within
	}
	return r, nil
}).checked(func(q *Named) error {
	if len(q.Accounts) > maxNamed {
		return aaa.Errorf(aaa.KindBadInput, "%d accounts are asked about at once, of %d at the most", len(q.Accounts), maxNamed)
	}
	return nil
})
