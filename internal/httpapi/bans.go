package httpapi

import (
	"context"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
	"aaa-api/internal/operations"
	"aaa-api/internal/store"
	"aaa-api/internal/web"
)

// listBans lists the account's bans, or with ?descendants=true those of all accounts below it too.
func (a *API) listBans(c *web.Call) error {
	below, err := c.Flag("descendants")
	if err != nil {
		return err
	}
	key := func(b admin.Ban) string { return b.ID }
	if below {
		key = func(b admin.Ban) string { return string(b.Account) + "/" + b.ID }
	}
	return web.ServeList(c, func(ctx context.Context, p store.Page) ([]admin.Ban, string, error) {
		got, err := operations.ListBans.Call(ctx, a.Line, from(c), operations.BansPart{Below: below, Page: p})
		return got.Rows, got.Next, err
	}, key, func(b admin.Ban) any { return b })
}

// addBan bans a value of a request key.
func (a *API) addBan(c *web.Call) error {
	data, err := c.Data()
	if err != nil {
		return err
	}
	made, err := operations.AddBan.Call(c.Context(), a.Line, from(c), operations.BanWritten{Sent: aaa.Decoded{Value: data}})
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: made}.Created("/v2/accounts/" + string(c.Account()) + "/aaa/bans/" + made.ID))
}

// liftBan ends a ban.
func (a *API) liftBan(c *web.Call) error {
	was, err := operations.LiftBan.Call(c.Context(), a.Line, from(c), operations.BanNamed{ID: c.Param("ban")})
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: was})
}

// liftValue ends the bans of a value of a request key, and forgets its points.
func (a *API) liftValue(c *web.Call) error {
	for _, name := range []string{"key", "value"} {
		if !c.Query().Has(name) {
			return aaa.Invalid(aaa.Field{Path: name, Rule: "required", Message: "the query parameters key and value are needed, or the id of a ban in the path"})
		}
	}
	lifted, err := operations.LiftBannedValue.Call(c.Context(), a.Line, from(c), operations.BannedValue{Key: c.Query().Get("key"), Value: c.Query().Get("value")})
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: lifted})
}
