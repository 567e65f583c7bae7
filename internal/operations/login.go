package operations

import (
	"context"
	"errors"

	"aaa-api/internal/aaa"
	"aaa-api/internal/token"
)

// KeyShown is an API key that a caller shows, before it trades it: see TradeKey.
type KeyShown struct {
	Key     string
	Guessed bool // the key was charged to its sender as a guess, so it may be looked up
}

// KeyHolder is whose an API key is.
type KeyHolder struct {
	Guess bool // as of Pass
	Who   token.Principal
}

// CheckKey tells a front whose an API key is. A text that is none is an error of KindUnauthorized, of which the front keeps count by the sender's
// address.
var CheckKey = define("login.check", public, func(ctx context.Context, s *Served, q *KeyShown) (h KeyHolder, err error) {
	if h.Who, err = s.verifyKey(ctx, q.Key, guard(q.Guessed)); errors.Is(err, errGuess) {
		return KeyHolder{Guess: true}, nil
	}
	return h, err
}).checked(checkKey)

// verifyKey is verify of an API key.
func (p *Parts) verifyKey(ctx context.Context, text string, g token.Guard) (token.Principal, error) {
	if p.Stale != nil && p.Stale() {
		return token.Principal{}, ErrTooOld
	}
	return p.Verifier.VerifyKey(ctx, text, g)
}

// MaxAPIKey is how many octets are looked at of what is to be an API key.
const MaxAPIKey = 256

func checkKey(q *KeyShown) error {
	if len(q.Key) > MaxAPIKey {
		return aaa.Errorf(aaa.KindBadInput, "an API key has %d octets at the most", MaxAPIKey)
	}
	return nil
}

// KeyTraded is an API key to trade for a token.
type KeyTraded struct{ Key string }

// String hides the key from logs.
func (KeyTraded) String() string { return "API key" }

// TradeKey makes a token that lives shortly of an API key. The key is the caller's authority, so that no token is asked for.
var TradeKey = define("tokens.trade_key", public, func(ctx context.Context, s *Served, q *KeyTraded) (Minted, error) {
	who, err := s.verifyKey(ctx, q.Key, nil)
	if err != nil {
		return Minted{}, err
	}
	if err := s.enabled(ctx, who.Account); err != nil {
		return Minted{}, err
	}
	s.Who.Principal = who
	return minted(s.Admin.Tokens.Session(ctx, s.Who))
})
