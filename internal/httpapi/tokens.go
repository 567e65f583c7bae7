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
	text := a.TokenKey.Mint(&t)
	err = a.Store.Tokens().Create(c.ctx(), t)
	if errors.Is(err, store.ErrNotFound) {
		return a.makerGone(c)
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
	t.KeyID, t.MadeBy, t.MakerAccount = c.who.KeyID, c.who.TokenID, c.who.Account
	return t, nil
}

// makerGone is why the store does not take a credential, none of which this node had heard of: the account was deleted or moved
// away, or the token that asks was revoked.
func (a *API) makerGone(c *call) error {
	got, err := a.Store.Accounts().Get(c.ctx(), c.account)
	if err != nil {
		return err
	}
	if got.ID != c.who.Account && !slices.Contains(got.Path, c.who.Account) {
		return errNoSuchAccount
	}
	return errNoToken
}

// What came from an API key ends with it. So it makes no other key, nor a token of another account: an account has the
// key that its tokens end with.
var (
	errKeyOfKey     = &aaa.Error{Kind: aaa.KindForbidden, Message: "a token that came from an API key makes no API key, which would outlive its own"}
	errKeyOfAnother = &aaa.Error{Kind: aaa.KindForbidden, Message: "a token that came from an API key makes tokens of its own account only, which end with that key"}
)

// errNoOrphan refuses ?orphan=true.
var errNoOrphan = &aaa.Error{Kind: aaa.KindForbidden, Message: "orphan=true is refused: what an API key made ends with it, and a token keeps neither what it made itself nor what a token made that it came from"}

// revokeToken ends a token and all that came from it. With ?orphan=true it ends the token alone.
func (a *API) revokeToken(c *call) error {
	orphan, err := c.flag("orphan")
	if err != nil {
		return err
	}
	id := c.param("token")
	if !aaa.IsID(id) {
		return store.ErrNotFound
	}
	gone := store.Revoked{Tokens: 1}
	if orphan {
		err = a.Store.Tokens().Orphan(c.ctx(), c.account, id, c.who.TokenID)
	} else {
		gone, err = a.Store.Tokens().Revoke(c.ctx(), c.account, id)
	}
	if errors.Is(err, store.ErrNoOrphan) {
		return errNoOrphan
	}
	if err != nil {
		return err
	}
	c.sync()
	return c.reply(answer{data: map[string]any{"id": id, "revoked": gone.Tokens}})
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
func (a *API) rotateKey(c *call) error {
	if c.who.KeyID != "" {
		return errKeyOfKey
	}
	t, err := c.newToken(token.KindAPIKey)
	if err != nil {
		return err
	}
	text := a.TokenKey.Mint(&t)
	err = a.Store.Tokens().Rotate(c.ctx(), t)
	if errors.Is(err, store.ErrNotFound) {
		return a.makerGone(c)
	}
	if err != nil {
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
	if err := c.checkFresh(); err != nil {
		return err
	}
	key, err := c.onlyText("api_key", 256)
	if err != nil {
		return err
	}
	who, err := a.Verifier.VerifyKey(c.ctx(), key, c)
	if err := c.judged(err); err != nil {
		return err
	}
	if err := a.logins.allow(c, who.TokenID); err != nil {
		return err
	}
	if err := c.checkEnabled(who.Account); err != nil {
		return err
	}
	c.account = who.Account
	now := c.start.UTC().Truncate(time.Microsecond)
	session := store.Token{
		ID: aaa.NewID(), Account: who.Account, Kind: token.KindSession, Scopes: who.Scopes,
		CreatedAt: now, ExpiresAt: now.Add(a.Limits.SessionLife), KeyID: who.TokenID,
		MadeBy: who.TokenID, MakerAccount: who.Account,
	}
	if end := who.ExpiresAt; !end.IsZero() && end.Before(session.ExpiresAt) {
		session.ExpiresAt = end
	}
	text := a.TokenKey.Mint(&session)
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
