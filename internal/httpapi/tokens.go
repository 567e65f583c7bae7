package httpapi

import (
	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
	"aaa-api/internal/operations"
	"aaa-api/internal/token"
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
	key, err := c.OnlyText("api_key", operations.MaxAPIKey)
	if err != nil {
		return err
	}
	holder, err := a.keyHolder(c, key)
	if err != nil {
		return err
	}
	if err := a.logins.Allow(c, holder.TokenID); err != nil {
		return err
	}
	c.SetHolder(holder.Account, key)
	session, err := operations.TradeKey.Call(c.Context(), a.Line, from(c), operations.KeyTraded{Key: key})
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: tokenView{Token: session.Token}, Members: []web.Member{{Name: "auth_token", Value: session.Text}}}.Created(""))
}

// keyHolder is whose an API key is. As with tokens, the sender of one that somebody may have made up is charged before it is looked up, and that of
// one that is none afterwards.
func (a *API) keyHolder(c *web.Call, key string) (*token.Principal, error) {
	holder, err := operations.CheckKey.Call(c.Context(), a.Line, from(c), operations.KeyShown{Key: key})
	if err == nil && holder.Guess {
		if err := c.Guess(); err != nil {
			return nil, err
		}
		holder, err = operations.CheckKey.Call(c.Context(), a.Line, from(c), operations.KeyShown{Key: key, Guessed: true})
	}
	if err := c.Judged(err); err != nil {
		return nil, err
	}
	if holder.Guess { // the security module does not keep its word
		return nil, web.ErrNoToken
	}
	return &holder.Who, nil
}

// whoami tells a token's account and scopes.
func (a *API) whoami(c *web.Call) error {
	who, err := operations.WhoAmI.Call(c.Context(), a.Line, from(c), operations.None{})
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: who})
}
