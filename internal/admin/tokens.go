package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/document"
	"aaa-api/internal/store"
	"aaa-api/internal/token"
)

// Tokens are the credentials of accounts.
type Tokens struct{ *base }

// Token is a credential without its text.
type Token struct {
	ID        string        `json:"id"`
	Account   aaa.AccountID `json:"account_id"`
	Kind      string        `json:"kind"`
	Scopes    []string      `json:"scopes"`
	Note      string        `json:"note,omitempty"`
	CreatedAt time.Time     `json:"created_at"`
	ExpiresAt *time.Time    `json:"expires_at,omitempty"`
	MadeBy    *Maker        `json:"made_by,omitempty"`
}

// Maker is what made a credential: an account's token or API key, without its id if that is gone.
type Maker struct {
	Account aaa.AccountID `json:"account_id"`
	Token   string        `json:"token_id,omitempty"`
}

func tokenOf(t store.Token) Token {
	v := Token{ID: t.ID, Account: t.Account, Kind: t.Kind, Scopes: t.Scopes, Note: t.Note, CreatedAt: t.CreatedAt.UTC()}
	if v.Scopes == nil {
		v.Scopes = []string{}
	}
	if at := t.ExpiresAt.UTC(); !at.IsZero() {
		if at.After(token.LastExpiry) {
			at = token.LastExpiry // written before there was a bound; JSON has no later time
		}
		v.ExpiresAt = &at
	}
	if t.MakerAccount != "" {
		v.MadeBy = &Maker{t.MakerAccount, t.MadeBy}
	}
	return v
}

// List returns a page of the account's credentials, by id.
func (s *Tokens) List(ctx context.Context, account aaa.AccountID, p store.Page) ([]Token, string, error) {
	rows, next, err := s.Store.Tokens().List(ctx, account, p)
	return views(rows, next, missing(err, noAccount.Message), tokenOf)
}

// Create makes a token of the account with at most the caller's scopes. members is an object of schemas/token.json; text is the
// token's, which nothing keeps.
func (s *Tokens) Create(ctx context.Context, who *Caller, account aaa.AccountID, members map[string]any) (made Token, text string, err error) {
	if who.KeyID != "" && account != who.Account {
		return Token{}, "", errKeyOfAnother
	}
	return s.mint(ctx, who, account, token.KindToken, members, s.Store.Tokens().Create)
}

// RotateKey makes the account's API key. An older one ends with its sessions. It is used as Create.
func (s *Tokens) RotateKey(ctx context.Context, who *Caller, account aaa.AccountID, members map[string]any) (made Token, text string, err error) {
	if who.KeyID != "" {
		return Token{}, "", errKeyOfKey
	}
	return s.mint(ctx, who, account, token.KindAPIKey, members, s.Store.Tokens().Rotate)
}

// mint makes a credential and stores it.
func (s *Tokens) mint(ctx context.Context, who *Caller, account aaa.AccountID, kind string, members map[string]any, put func(context.Context, store.Token) error) (Token, string, error) {
	t, err := newToken(who, account, kind, members)
	if err != nil {
		return Token{}, "", err
	}
	text := s.TokenKey.Mint(&t)
	err = put(ctx, t)
	if errors.Is(err, store.ErrNotFound) {
		err = s.makerGone(ctx, who, account)
	}
	if err != nil {
		return Token{}, "", err
	}
	s.sync(ctx, who, account)
	return tokenOf(t), text, nil
}

// newToken reads what a caller wants of a credential. It gets at most the scopes of the caller's token, and ends with that at
// the latest: else who has a token for an hour has one for good.
func newToken(who *Caller, account aaa.AccountID, kind string, members map[string]any) (store.Token, error) {
	t, err := token.New(kind, members, who.At)
	if err != nil {
		return t, err
	}
	t.Account = account
	if t.Scopes == nil {
		t.Scopes = slices.Clone(who.Scopes)
	}
	for _, scope := range t.Scopes {
		if !who.Can(scope) {
			return t, &aaa.Error{Kind: aaa.KindForbidden, Message: "a token gives no scope that it lacks: " + scope}
		}
	}
	if end := who.ExpiresAt; !end.IsZero() {
		if t.ExpiresAt.After(end) {
			last := end.UTC().Format(time.RFC3339Nano)
			return t, aaa.Invalid(aaa.Field{Path: "expires_at", Rule: "maximum", Message: "must not be after the end of the token that asks, " + last, Target: last})
		}
		if t.ExpiresAt.IsZero() {
			t.ExpiresAt = end
		}
	}
	t.KeyID, t.MadeBy, t.MakerAccount = who.KeyID, who.TokenID, who.Account
	return t, nil
}

// makerGone is why the store does not take a credential, none of which this node had heard of: the account was deleted or moved
// away, or the caller's token was revoked.
func (s *Tokens) makerGone(ctx context.Context, who *Caller, account aaa.AccountID) error {
	got, err := s.Store.Accounts().Get(ctx, account)
	if err != nil {
		return missing(err, noAccount.Message)
	}
	if got.ID != who.Account && !slices.Contains(got.Path, who.Account) {
		return noAccount
	}
	return &aaa.Error{Kind: aaa.KindUnauthorized, Message: "the token was revoked"}
}

// What came from an API key ends with it. So it makes no other key, nor a token of another account: an account has the
// key that its tokens end with.
var (
	errKeyOfKey     = &aaa.Error{Kind: aaa.KindForbidden, Message: "a token that came from an API key makes no API key, which would outlive its own"}
	errKeyOfAnother = &aaa.Error{Kind: aaa.KindForbidden, Message: "a token that came from an API key makes tokens of its own account only, which end with that key"}
)

// Revoke ends a token and all that came from it, and returns how many. With orphan it ends the token alone.
func (s *Tokens) Revoke(ctx context.Context, who *Caller, account aaa.AccountID, id string, orphan bool) (int, error) {
	const noToken = "the account has no token of this id" // which is not repeated: it may be the token itself
	if !aaa.IsID(id) {
		return 0, missing(store.ErrNotFound, noToken)
	}
	gone := store.Revoked{Tokens: 1}
	var err error
	if orphan {
		err = s.Store.Tokens().Orphan(ctx, account, id, who.TokenID)
	} else {
		gone, err = s.Store.Tokens().Revoke(ctx, account, id)
	}
	if err != nil {
		return 0, missing(err, noToken)
	}
	s.sync(ctx, who, account)
	return gone.Tokens, nil
}

// warnRevoked names the accounts whose tokens a move revoked.
func warnRevoked(gone store.Revoked) []document.Warning {
	if gone.Tokens == 0 {
		return nil
	}
	return []document.Warning{{
		Path: "tokens", Rule: "revoked",
		Message:  fmt.Sprintf("tokens revoked: %d, made by accounts that are no longer above, or by such tokens", gone.Tokens),
		Accounts: gone.Accounts[:min(len(gone.Accounts), document.MaxNamed)], Total: len(gone.Accounts),
	}}
}

// DeleteKey ends the account's API key and the sessions made with it.
func (s *Tokens) DeleteKey(ctx context.Context, who *Caller, account aaa.AccountID) (Token, error) {
	old, err := s.Store.Tokens().RevokeKeys(ctx, account)
	if err != nil {
		return Token{}, missing(err, "the account has no API key")
	}
	s.sync(ctx, who, account)
	return tokenOf(old[0]), nil
}

// Session trades an API key, whose holder the caller is, for a token that lives shortly, and no longer than the key.
func (s *Tokens) Session(ctx context.Context, who *Caller) (made Token, text string, err error) {
	now := who.At.UTC().Truncate(time.Microsecond)
	session := store.Token{
		ID: aaa.NewID(), Account: who.Account, Kind: token.KindSession, Scopes: who.Scopes,
		CreatedAt: now, ExpiresAt: now.Add(s.Bounds.SessionLife), KeyID: who.TokenID,
		MadeBy: who.TokenID, MakerAccount: who.Account,
	}
	if end := who.ExpiresAt; !end.IsZero() && end.Before(session.ExpiresAt) {
		session.ExpiresAt = end
	}
	text = s.TokenKey.Mint(&session)
	err = s.Store.Tokens().Create(ctx, session)
	if errors.Is(err, store.ErrNotFound) { // revoked, which this node had not heard of
		return Token{}, "", &aaa.Error{Kind: aaa.KindUnauthorized, Message: "invalid credentials"}
	}
	if over := (*store.LimitError)(nil); errors.As(err, &over) {
		return Token{}, "", over.Excess.Error(aaa.KindLimited, time.Minute) // they end by themselves
	}
	if err != nil {
		return Token{}, "", err
	}
	return tokenOf(session), text, nil
}

// Identity is what a token is.
type Identity struct {
	Account aaa.AccountID `json:"account_id"`
	Name    string        `json:"account_name"`
	Token   string        `json:"token_id"`
	Scopes  []string      `json:"scopes"`
}

// Identity returns the caller's account and scopes.
func (s *Tokens) Identity(ctx context.Context, who *Caller) (Identity, error) {
	got, err := s.Tree.Account(ctx, who.Account)
	if err != nil {
		return Identity{}, err
	}
	return Identity{got.ID, got.Name, who.TokenID, who.Scopes}, nil
}
