package httpapi

import (
	"context"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
	"aaa-api/internal/store"
	"aaa-api/internal/web"
)

// listBans lists the account's bans, or with ?descendants=true those of all accounts below it too.
func (a *API) listBans(c *web.Call) error {
	descendants, err := c.Flag("descendants")
	if err != nil {
		return err
	}
	fetch, key := a.Admin.Bans.List, func(b admin.Ban) string { return b.ID }
	if descendants {
		fetch, key = a.Admin.Bans.ListBelow, func(b admin.Ban) string { return string(b.Account) + "/" + b.ID }
	}
	who := caller(c)
	return web.ServeList(c, func(ctx context.Context, p store.Page) ([]admin.Ban, string, error) {
		return fetch(ctx, who, c.Account(), p)
	}, key, func(b admin.Ban) any { return b })
}

// addBan bans a value of a request key.
func (a *API) addBan(c *web.Call) error {
	data, err := c.Data()
	if err != nil {
		return err
	}
	made, err := a.Admin.Bans.Add(c.Context(), caller(c), c.Account(), data)
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: made}.Created("/v2/accounts/" + string(c.Account()) + "/aaa/bans/" + made.ID))
}

// liftBan ends a ban.
func (a *API) liftBan(c *web.Call) error {
	was, err := a.Admin.Bans.Lift(c.Context(), caller(c), c.Account(), c.Param("ban"))
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: was})
}

// liftValue ends the bans of a value of a request key, and forgets its points.
func (a *API) liftValue(c *web.Call) error {
	var sent [2]string
	for i, name := range []string{"key", "value"} {
		if !c.Query().Has(name) {
			return aaa.Invalid(aaa.Field{Path: name, Rule: "required", Message: "the query parameters key and value are needed, or the id of a ban in the path"})
		}
		sent[i] = c.Query().Get(name)
	}
	lifted, err := a.Admin.Bans.LiftValue(c.Context(), caller(c), c.Account(), sent[0], sent[1])
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: lifted})
}
