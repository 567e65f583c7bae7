package operations

import (
	"context"
)

// KeyTraded is an API key to trade for a token.
type KeyTraded struct{ Key string }

// String hides the key from logs.
func (KeyTraded) String() string { return "API key" }

// TradeKey makes a token that lives shortly of an API key. The key is the caller's authority, so that no token is asked for.
var TradeKey = define("tokens.trade_key", public, func(ctx context.Context, s *Served, q *KeyTraded) (Minted, error) {
	if s.Stale != nil && s.Stale() {
		return Minted{}, ErrTooOld
	}
	who, err := s.Verifier.VerifyKey(ctx, q.Key, nil)
	if err != nil {
		return Minted{}, err
	}
	if err := s.enabled(ctx, who.Account); err != nil {
		return Minted{}, err
	}
	s.Who.Principal = who
	return minted(s.Admin.Tokens.Session(ctx, s.Who))
})
