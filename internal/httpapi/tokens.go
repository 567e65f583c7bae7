package httpapi

import (
	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
	"aaa-api/internal/operations"
	"aaa-api/internal/web"
)

// tokenView is a credential as answers show it. Its text is there once, when it is made.
type tokenView struct {
	admin.Token
	Text   string `json:"token,omitempty"`
	APIKey string `json:"api_key,omitempty"`
}

func (a *API) listTokens(c *web.Call) error {
	return web.ServeList(c, listOf(a, c, operations.ListTokens), func(t admin.Token) string { return t.ID }, func(t admin.Token) any { return tokenView{Token: t} })
}

// createToken makes a token of the account with at most the scopes of the one who asks.
func (a *API) createToken(c *web.Call) error {
	data, err := c.Data()
	if err != nil {
		return err
	}
	made, err := operations.CreateToken.Call(c.Context(), a.Line, from(c), operations.Wanted{Sent: aaa.Decoded{Value: data}})
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: tokenView{Token: made.Token, Text: made.Text}}.Created(""))
}

// revokeToken ends a token and all that came from it. With ?orphan=true it ends the token alone.
func (a *API) revokeToken(c *web.Call) error {
	orphan, err := c.Flag("orphan")
	if err != nil {
		return err
	}
	id := c.Param("token")
	revoked, err := operations.RevokeToken.Call(c.Context(), a.Line, from(c), operations.Revocation{ID: id, Orphan: orphan})
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: map[string]any{"id": id, "revoked": revoked.Tokens}})
}

// rotateKey gives the account a new API key, shown this once; an older one ends with its sessions.
func (a *API) rotateKey(c *web.Call) error {
	data, err := c.Data()
	if err != nil {
		return err
	}
	made, err := operations.RotateKey.Call(c.Context(), a.Line, from(c), operations.Wanted{Sent: aaa.Decoded{Value: data}})
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: tokenView{Token: made.Token, APIKey: made.Text}}.Created(""))
}

// deleteKey ends the account's API key and the sessions made with it.
func (a *API) deleteKey(c *web.Call) error {
	old, err := operations.DeleteKey.Call(c.Context(), a.Line, from(c), operations.None{})
	if err != nil {
		return advise(err, aaa.KindNotFound, "make one with PUT")
	}
	return c.Reply(web.Answer{Data: tokenView{Token: old}})
}

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
	session, err := operations.TradeKey.Call(c.Context(), a.Line, from(c), operations.KeyTraded{Key: key})
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: tokenView{Token: session.Token}, Members: []web.Member{{Name: "auth_token", Value: session.Text}}}.Created(""))
}

// whoami tells a token's account and scopes.
func (a *API) whoami(c *web.Call) error {
	who, err := operations.WhoAmI.Call(c.Context(), a.Line, from(c), operations.None{})
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: who})
}
