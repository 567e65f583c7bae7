package httpapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/token"
)

// tokenView is a credential as answers show it. Text is there once, when it is made.
type tokenView struct {
	ID        string        `json:"id"`
	Account   aaa.AccountID `json:"account_id"`
	Kind      string        `json:"kind"`
	Scopes    []string      `json:"scopes"`
	Note      string        `json:"note,omitempty"`
	CreatedAt time.Time     `json:"created_at"`
	ExpiresAt *time.Time    `json:"expires_at,omitempty"`
	Token     string        `json:"token,omitempty"`
	APIKey    string        `json:"api_key,omitempty"`
}

func viewToken(t store.Token) tokenView {
	v := tokenView{ID: t.ID, Account: t.Account, Kind: t.Kind, Scopes: t.Scopes, Note: t.Note, CreatedAt: t.CreatedAt.UTC()}
	if v.Scopes == nil {
		v.Scopes = []string{}
	}
	if at := t.ExpiresAt.UTC(); !at.IsZero() {
		if at.After(token.LastExpiry) {
			at = token.LastExpiry // written before there was a bound; JSON can't tell it
		}
		v.ExpiresAt = &at
	}
	return v
}

func (a *API) listTokens(c *call) error {
	return serveList(c, func(ctx context.Context, p store.Page) ([]store.Token, string, error) {
		return a.Store.Tokens().List(ctx, c.account, p)
	}, func(t store.Token) string { return t.ID }, func(t store.Token) any { return viewToken(t) })
}

// createToken makes a token of the account with at most the scopes of the one who asks.
func (a *API) createToken(c *call) error {
	if c.who.KeyID != "" && c.account != c.who.Account {
		return errKeyOfAnother
	}
	t, err := c.newToken(token.KindToken)
	if err != nil {
		return err
	}
	text, hash := token.Mint()
	t.Hash = hash
	err = a.Store.Tokens().Create(c.ctx(), t)
	if t.KeyID != "" && errors.Is(err, store.ErrNotFound) {
		return errNoToken // its key was revoked, which this node had not heard of
	}
	if err != nil {
		return err
	}
	c.sync()
	v := viewToken(t)
	v.Token = text
	return c.reply(answer{data: v}.created(""))
}

// newToken reads what a client wants of a credential. It gets at most the scopes of the token that asks, and ends with it at
// the latest: else whoever has a token for an hour has one for good.
func (c *call) newToken(kind string) (store.Token, error) {
	data, err := c.data()
	if err != nil {
		return store.Token{}, err
	}
	t, err := token.New(kind, data, c.start)
	if err != nil {
		return t, err
	}
	t.Account = c.account
	if t.Scopes == nil {
		t.Scopes = slices.Clone(c.who.Scopes)
	}
	for _, s := range t.Scopes {
		if !c.who.Can(s) {
			return t, &aaa.Error{Kind: aaa.KindForbidden, Message: "a token gives no scope that it lacks: " + s}
		}
	}
	if end := c.who.ExpiresAt; !end.IsZero() {
		if t.ExpiresAt.After(end) {
			last := end.UTC().Format(time.RFC3339Nano)
			return t, aaa.Invalid(aaa.Field{Path: "expires_at", Rule: "maximum", Message: "must not be after the end of the token that asks, " + last, Target: last})
		}
		if t.ExpiresAt.IsZero() {
			t.ExpiresAt = end
		}
	}
	t.KeyID = c.who.KeyID
	return t, nil
}

// What came from an API key ends with it. So it makes no other key, nor a token of another account: an account has the
// key that its tokens end with.
var (
	errKeyOfKey     = &aaa.Error{Kind: aaa.KindForbidden, Message: "a token that came from an API key makes no API key, which would outlive its own"}
	errKeyOfAnother = &aaa.Error{Kind: aaa.KindForbidden, Message: "a token that came from an API key makes tokens of its own account only, which end with that key"}
)

func (a *API) revokeToken(c *call) error {
	id := c.param("token")
	if !aaa.IsID(id) {
		return store.ErrNotFound
	}
	if err := a.Store.Tokens().Revoke(c.ctx(), c.account, id); err != nil {
		return err
	}
	c.sync()
	return c.reply(answer{data: map[string]string{"id": id}})
}

// rotateKey gives the account a new API key, shown this once; an older one ends with its sessions.
func (a *API) rotateKey(c *call) error {
	if c.who.KeyID != "" {
		return errKeyOfKey
	}
	t, err := c.newToken(token.KindAPIKey)
	if err != nil {
		return err
	}
	text, hash := token.Mint()
	t.Hash = hash
	if err := a.Store.Tokens().Rotate(c.ctx(), t); err != nil {
		return err
	}
	c.sync()
	v := viewToken(t)
	v.APIKey = text
	return c.reply(answer{data: v}.created(""))
}

// deleteKey ends the account's API key and the sessions made with it.
func (a *API) deleteKey(c *call) error {
	old, err := a.Store.Tokens().RevokeKeys(c.ctx(), c.account)
	if err != nil {
		return err
	}
	c.sync()
	return c.reply(answer{data: viewToken(old[0])})
}

var errNoKey = &failure{status: http.StatusUnauthorized, slug: slugToken, detail: "invalid credentials"}

// apiAuth trades an API key for a token that lives shortly, and no longer than the key.
func (a *API) apiAuth(c *call) error {
	key, err := c.onlyText("api_key", 256)
	if err != nil {
		return err
	}
	who, err := a.Verifier.VerifyKey(c.ctx(), key)
	if err != nil {
		return err
	}
	if err := a.logins.allow(c, who.TokenID); err != nil {
		return err
	}
	if err := c.checkEnabled(who.Account); err != nil {
		return err
	}
	c.account = who.Account
	text, hash := token.Mint()
	now := c.start.UTC().Truncate(time.Microsecond)
	session := store.Token{
		ID: aaa.NewID(), Account: who.Account, Hash: hash, Kind: token.KindSession, Scopes: who.Scopes,
		CreatedAt: now, ExpiresAt: now.Add(a.Limits.SessionLife), KeyID: who.TokenID,
	}
	if end := who.ExpiresAt; !end.IsZero() && end.Before(session.ExpiresAt) {
		session.ExpiresAt = end
	}
	err = a.Store.Tokens().Create(c.ctx(), session)
	if errors.Is(err, store.ErrNotFound) {
		return errNoKey // revoked, which this node had not heard of
	}
	if over := (*store.LimitError)(nil); errors.As(err, &over) {
		return over.Excess.Error(aaa.KindLimited, time.Minute) // they end by themselves
	}
	if err != nil {
		return err
	}
	return c.reply(answer{data: viewToken(session), authToken: text}.created(""))
}

// whoami tells a token's account and scopes.
func (a *API) whoami(c *call) error {
	got, err := a.Tree.Account(c.ctx(), c.who.Account)
	if err != nil {
		return err
	}
	return c.reply(answer{data: struct {
		Account aaa.AccountID `json:"account_id"`
		Name    string        `json:"account_name"`
		Token   string        `json:"token_id"`
		Scopes  []string      `json:"scopes"`
	}{got.ID, got.Name, c.who.TokenID, c.who.Scopes}})
}
