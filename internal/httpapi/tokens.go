package httpapi

import (
	"context"
	"errors"
	"slices"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/schema"
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
	if !t.ExpiresAt.IsZero() {
		at := t.ExpiresAt.UTC()
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
	t, err := c.newToken(token.KindToken)
	if err != nil {
		return err
	}
	text, hash := token.Mint()
	t.Hash = hash
	if err := a.Store.Tokens().Create(c.ctx(), t); err != nil {
		return err
	}
	c.sync()
	v := viewToken(t)
	v.Token = text
	return c.reply(answer{data: v}.created(""))
}

// newToken reads what a client wants of a credential. It gets at most the scopes of the token that asks.
func (c *call) newToken(kind string) (store.Token, error) {
	data, err := c.data()
	if err != nil {
		return store.Token{}, err
	}
	if faults := schema.Validate(schema.Token, data); len(faults) > 0 {
		return store.Token{}, aaa.Invalid(faults...)
	}
	now := c.start.UTC().Truncate(time.Microsecond)
	t := store.Token{ID: aaa.NewID(), Account: c.account, Kind: kind, Scopes: slices.Clone(c.who.Scopes), CreatedAt: now}
	if given, ok := data["kind"].(string); ok && given != kind {
		return t, aaa.Invalid(aaa.Field{Path: "kind", Rule: "enum", Message: "must be " + kind + " here", Target: []string{kind}})
	}
	t.Note, _ = data["note"].(string)
	if list, ok := data["scopes"].([]any); ok {
		t.Scopes = nil
		for _, v := range list {
			s, _ := v.(string)
			t.Scopes = append(t.Scopes, s)
		}
	}
	if text, ok := data["expires_at"].(string); ok {
		if t.ExpiresAt, err = time.Parse(time.RFC3339, text); err != nil || !t.ExpiresAt.After(now) {
			return t, aaa.Invalid(aaa.Field{Path: "expires_at", Rule: "format", Message: "must be a time to come (RFC 3339)", Target: "date-time"})
		}
		t.ExpiresAt = t.ExpiresAt.UTC().Truncate(time.Microsecond)
	}
	for _, s := range t.Scopes {
		if !c.who.Can(s) {
			return t, &aaa.Error{Kind: aaa.KindForbidden, Message: "a token gives no scope that it lacks: " + s}
		}
	}
	return t, nil
}

func (a *API) revokeToken(c *call) error {
	id := c.param("token")
	if !aaa.IsID(id) {
		return errNotFound
	}
	if err := a.Store.Tokens().Revoke(c.ctx(), c.account, id); err != nil {
		return err
	}
	c.sync()
	return c.reply(answer{data: map[string]string{"id": id}})
}

// rotateKey gives the account a new API key, shown this once; an older one ends.
func (a *API) rotateKey(c *call) error {
	t, err := c.newToken(token.KindAPIKey)
	if err != nil {
		return err
	}
	old, err := a.keys(c)
	if err != nil {
		return err
	}
	text, hash := token.Mint()
	t.Hash = hash
	if err := a.Store.Tokens().Create(c.ctx(), t); err != nil {
		return err
	}
	// The new one is there before the old ones go: a failure here leaves the account with a key.
	if err := a.revoke(c, old); err != nil {
		return err
	}
	c.sync()
	v := viewToken(t)
	v.APIKey = text
	return c.reply(answer{data: v}.created(""))
}

func (a *API) deleteKey(c *call) error {
	old, err := a.keys(c)
	if err != nil {
		return err
	}
	if len(old) == 0 {
		return errNotFound
	}
	if err := a.revoke(c, old); err != nil {
		return err
	}
	c.sync()
	return c.reply(answer{data: viewToken(old[0])})
}

// keys finds the account's API keys: one, unless two rotations met.
func (a *API) keys(c *call) ([]store.Token, error) {
	all, _, err := a.Store.Tokens().List(c.ctx(), c.account, store.Page{})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(t store.Token) bool { return t.Kind != token.KindAPIKey }), nil
}

func (a *API) revoke(c *call, list []store.Token) error {
	for _, t := range list {
		if err := a.Store.Tokens().Revoke(c.ctx(), c.account, t.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return nil
}

// apiAuth trades an API key for a token that lives shortly.
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
		CreatedAt: now, ExpiresAt: now.Add(a.Limits.SessionLife),
	}
	if err := a.Store.Tokens().Create(c.ctx(), session); err != nil {
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
