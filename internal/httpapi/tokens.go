package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/document"
	"aaa-api/internal/store"
	"aaa-api/internal/token"
	"aaa-api/internal/web"
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
	MadeBy    *makerView    `json:"made_by,omitempty"`
	Token     string        `json:"token,omitempty"`
	APIKey    string        `json:"api_key,omitempty"`
}

// makerView is what made a credential: an account's token or API key, without its id where that is gone.
type makerView struct {
	Account aaa.AccountID `json:"account_id"`
	Token   string        `json:"token_id,omitempty"`
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
	if t.MakerAccount != "" {
		v.MadeBy = &makerView{t.MakerAccount, t.MadeBy}
	}
	return v
}

func (a *API) listTokens(c *web.Call) error {
	return web.ServeList(c, func(ctx context.Context, p store.Page) ([]store.Token, string, error) {
		return a.Store.Tokens().List(ctx, c.Account(), p)
	}, func(t store.Token) string { return t.ID }, func(t store.Token) any { return viewToken(t) })
}

// createToken makes a token of the account with at most the scopes of the one who asks.
func (a *API) createToken(c *web.Call) error {
	if c.Who().KeyID != "" && c.Account() != c.Who().Account {
		return errKeyOfAnother
	}
	t, err := newToken(c, token.KindToken)
	if err != nil {
		return err
	}
	text := a.TokenKey.Mint(&t)
	err = a.Store.Tokens().Create(c.Context(), t)
	if errors.Is(err, store.ErrNotFound) {
		return a.makerGone(c)
	}
	if err != nil {
		return err
	}
	a.sync(c)
	v := viewToken(t)
	v.Token = text
	return c.Reply(web.Answer{Data: v}.Created(""))
}

// newToken reads what a client wants of a credential. It gets at most the scopes of the token that asks, and ends with it at
// the latest: else whoever has a token for an hour has one for good.
func newToken(c *web.Call, kind string) (store.Token, error) {
	data, err := c.Data()
	if err != nil {
		return store.Token{}, err
	}
	t, err := token.New(kind, data, c.Start())
	if err != nil {
		return t, err
	}
	t.Account = c.Account()
	if t.Scopes == nil {
		t.Scopes = slices.Clone(c.Who().Scopes)
	}
	for _, s := range t.Scopes {
		if !c.Who().Can(s) {
			return t, &aaa.Error{Kind: aaa.KindForbidden, Message: "a token gives no scope that it lacks: " + s}
		}
	}
	if end := c.Who().ExpiresAt; !end.IsZero() {
		if t.ExpiresAt.After(end) {
			last := end.UTC().Format(time.RFC3339Nano)
			return t, aaa.Invalid(aaa.Field{Path: "expires_at", Rule: "maximum", Message: "must not be after the end of the token that asks, " + last, Target: last})
		}
		if t.ExpiresAt.IsZero() {
			t.ExpiresAt = end
		}
	}
	t.KeyID, t.MadeBy, t.MakerAccount = c.Who().KeyID, c.Who().TokenID, c.Who().Account
	return t, nil
}

// makerGone is why the store does not take a credential, none of which this node had heard of: the account was deleted or moved
// away, or the token that asks was revoked.
func (a *API) makerGone(c *web.Call) error {
	got, err := a.Store.Accounts().Get(c.Context(), c.Account())
	if err != nil {
		return err
	}
	if got.ID != c.Who().Account && !slices.Contains(got.Path, c.Who().Account) {
		return web.ErrNoSuchAccount
	}
	return web.ErrNoToken
}

// What came from an API key ends with it. So it makes no other key, nor a token of another account: an account has the
// key that its tokens end with.
var (
	errKeyOfKey     = &aaa.Error{Kind: aaa.KindForbidden, Message: "a token that came from an API key makes no API key, which would outlive its own"}
	errKeyOfAnother = &aaa.Error{Kind: aaa.KindForbidden, Message: "a token that came from an API key makes tokens of its own account only, which end with that key"}
)

// revokeToken ends a token and all that came from it. With ?orphan=true it ends the token alone.
func (a *API) revokeToken(c *web.Call) error {
	orphan, err := c.Flag("orphan")
	if err != nil {
		return err
	}
	id := c.Param("token")
	if !aaa.IsID(id) {
		return store.ErrNotFound
	}
	gone := store.Revoked{Tokens: 1}
	if orphan {
		err = a.Store.Tokens().Orphan(c.Context(), c.Account(), id, c.Who().TokenID)
	} else {
		gone, err = a.Store.Tokens().Revoke(c.Context(), c.Account(), id)
	}
	if err != nil {
		return err
	}
	a.sync(c)
	return c.Reply(web.Answer{Data: map[string]any{"id": id, "revoked": gone.Tokens}})
}

// warnRevoked tells of the tokens that a move revoked.
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

// rotateKey gives the account a new API key, shown this once; an older one ends with its sessions.
func (a *API) rotateKey(c *web.Call) error {
	if c.Who().KeyID != "" {
		return errKeyOfKey
	}
	t, err := newToken(c, token.KindAPIKey)
	if err != nil {
		return err
	}
	text := a.TokenKey.Mint(&t)
	err = a.Store.Tokens().Rotate(c.Context(), t)
	if errors.Is(err, store.ErrNotFound) {
		return a.makerGone(c)
	}
	if err != nil {
		return err
	}
	a.sync(c)
	v := viewToken(t)
	v.APIKey = text
	return c.Reply(web.Answer{Data: v}.Created(""))
}

// deleteKey ends the account's API key and the sessions made with it.
func (a *API) deleteKey(c *web.Call) error {
	old, err := a.Store.Tokens().RevokeKeys(c.Context(), c.Account())
	if err != nil {
		return err
	}
	a.sync(c)
	return c.Reply(web.Answer{Data: viewToken(old[0])})
}

var errNoKey = &web.Failure{Status: http.StatusUnauthorized, Slug: web.SlugToken, Detail: "invalid credentials"}

// apiAuth trades an API key for a token that lives shortly, and no longer than the key.
func (a *API) apiAuth(c *web.Call) error {
	if err := c.CheckFresh(); err != nil {
		return err
	}
	key, err := c.OnlyText("api_key", 256)
	if err != nil {
		return err
	}
	who, err := a.Verifier.VerifyKey(c.Context(), key, c)
	if err := c.Judged(err); err != nil {
		return err
	}
	if err := a.logins.Allow(c, who.TokenID); err != nil {
		return err
	}
	if err := c.CheckEnabled(who.Account); err != nil {
		return err
	}
	c.SetAccount(who.Account)
	now := c.Start().UTC().Truncate(time.Microsecond)
	session := store.Token{
		ID: aaa.NewID(), Account: who.Account, Kind: token.KindSession, Scopes: who.Scopes,
		CreatedAt: now, ExpiresAt: now.Add(a.Limits.SessionLife), KeyID: who.TokenID,
		MadeBy: who.TokenID, MakerAccount: who.Account,
	}
	if end := who.ExpiresAt; !end.IsZero() && end.Before(session.ExpiresAt) {
		session.ExpiresAt = end
	}
	text := a.TokenKey.Mint(&session)
	err = a.Store.Tokens().Create(c.Context(), session)
	if errors.Is(err, store.ErrNotFound) {
		return errNoKey // revoked, which this node had not heard of
	}
	if over := (*store.LimitError)(nil); errors.As(err, &over) {
		return over.Excess.Error(aaa.KindLimited, time.Minute) // they end by themselves
	}
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: viewToken(session), Members: []web.Member{{Name: "auth_token", Value: text}}}.Created(""))
}

// whoami tells a token's account and scopes.
func (a *API) whoami(c *web.Call) error {
	got, err := a.Tree.Account(c.Context(), c.Who().Account)
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: struct {
		Account aaa.AccountID `json:"account_id"`
		Name    string        `json:"account_name"`
		Token   string        `json:"token_id"`
		Scopes  []string      `json:"scopes"`
	}{got.ID, got.Name, c.Who().TokenID, c.Who().Scopes}})
}
