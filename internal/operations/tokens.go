package operations

import (
	"context"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
	"aaa-api/internal/store"
)

// Wanted is what a caller wants of a credential: an object of schemas/token.json.
type Wanted struct{ Sent aaa.Decoded }

// Minted is a credential that was made, with its text, which nothing keeps.
type Minted struct {
	Token admin.Token
	Text  string
}

// Revocation names a token to end.
type Revocation struct {
	ID     string
	Orphan bool // what came from it stays
}

// Revoked says how many tokens ended.
type Revoked struct{ Tokens int }

// The operations on credentials: see admin.Tokens.
var (
	ListTokens = define("tokens.list", reads, func(ctx context.Context, s *Served, q *store.Page) (Listed[admin.Token], error) {
		if err := checkPage(*q); err != nil {
			return Listed[admin.Token]{}, err
		}
		return listed(s.Admin.Tokens.List(ctx, s.Account, *q))
	})
	CreateToken = define("tokens.create", writes, func(ctx context.Context, s *Served, q *Wanted) (Minted, error) {
		members, err := s.members(ctx, q.Sent)
		if err != nil {
			return Minted{}, err
		}
		return minted(s.Admin.Tokens.Create(ctx, s.Who, s.Account, members))
	})
	RevokeToken = define("tokens.revoke", writes, func(ctx context.Context, s *Served, q *Revocation) (Revoked, error) {
		n, err := s.Admin.Tokens.Revoke(ctx, s.Who, s.Account, q.ID, q.Orphan)
		return Revoked{n}, err
	})
	RotateKey = define("tokens.rotate_key", writes, func(ctx context.Context, s *Served, q *Wanted) (Minted, error) {
		members, err := s.members(ctx, q.Sent)
		if err != nil {
			return Minted{}, err
		}
		return minted(s.Admin.Tokens.RotateKey(ctx, s.Who, s.Account, members))
	})
	DeleteKey = define("tokens.delete_key", writes, func(ctx context.Context, s *Served, _ *None) (admin.Token, error) {
		return s.Admin.Tokens.DeleteKey(ctx, s.Who, s.Account)
	})
	WhoAmI = define("tokens.whoami", anyToken, func(ctx context.Context, s *Served, _ *None) (admin.Identity, error) {
		return s.Admin.Tokens.Identity(ctx, s.Who)
	})
)

func minted(t admin.Token, text string, err error) (Minted, error) {
	return Minted{t, text}, err
}
