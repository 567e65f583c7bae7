package httpapi

import (
	"context"
	"errors"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
	"aaa-api/internal/store"
	"aaa-api/internal/web"
)

func accountKey(a admin.Account) string { return string(a.ID) }

func accountRow(a admin.Account) any { return a }

// replyAccount answers with an account.
func replyAccount(c *web.Call, a admin.Account) error {
	return c.Reply(web.Answer{Data: a, Revision: a.Revision, Warnings: warningsOf(a.Warnings)})
}

// createAccount makes a child of the account of the URL, or of the token's own.
func (a *API) createAccount(c *web.Call) error {
	data, err := c.Data()
	if err != nil {
		return err
	}
	made, err := a.Admin.Accounts.Create(c.Context(), caller(c), c.Account(), data)
	if f := faultOf(err, "depth"); f != nil && c.Param("id") == "" { // the request has no id that the fault could name
		return aaa.Errorf(aaa.KindConflict, "the token's account can have no children: %s", f.Message)
	}
	if err != nil {
		return err
	}
	reply := web.Answer{Data: made, Revision: made.Revision, Warnings: warningsOf(made.Warnings)}
	return c.Reply(reply.Created("/v2/accounts/" + string(made.ID)))
}

func (a *API) getAccount(c *web.Call) error {
	got, err := a.Admin.Accounts.Get(c.Context(), c.Account())
	if err != nil {
		return err
	}
	if done, err := c.NotModified(web.ETag(got.Revision)); done || err != nil {
		return err
	}
	return replyAccount(c, got)
}

// replaceAccount sets all of an account: what the client leaves out gets its default.
func (a *API) replaceAccount(c *web.Call) error { return updateAccount(c, a.Admin.Accounts.Replace) }

// patchAccount merges what the client sent into the account (RFC 7396).
func (a *API) patchAccount(c *web.Call) error { return updateAccount(c, a.Admin.Accounts.Patch) }

func updateAccount(c *web.Call, update func(context.Context, *admin.Caller, aaa.AccountID, map[string]any, aaa.Revisions) (admin.Account, error)) error {
	data, err := c.Data()
	if err != nil {
		return err
	}
	expected, err := c.Expected()
	if err != nil {
		return err
	}
	got, err := update(c.Context(), caller(c), c.Account(), data, expected)
	if err != nil {
		return err
	}
	return replyAccount(c, got)
}

func (a *API) deleteAccount(c *web.Call) error {
	expected, err := c.Expected()
	if err != nil {
		return err
	}
	old, err := a.Admin.Accounts.Delete(c.Context(), caller(c), c.Account(), expected)
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: old})
}

func (a *API) children(c *web.Call) error { return listAccounts(c, a.Admin.Accounts.Children) }

func (a *API) descendants(c *web.Call) error { return listAccounts(c, a.Admin.Accounts.Descendants) }

func listAccounts(c *web.Call, list func(context.Context, aaa.AccountID, store.Page) ([]admin.Account, string, error)) error {
	return web.ServeList(c, func(ctx context.Context, p store.Page) ([]admin.Account, string, error) {
		return list(ctx, c.Account(), p)
	}, accountKey, accountRow)
}

// ancestors lists those above the account, the topmost first, as far as the token reaches.
func (a *API) ancestors(c *web.Call) error {
	above, err := a.Admin.Accounts.Ancestors(c.Context(), caller(c), c.Account())
	if err != nil {
		return err
	}
	return web.ServeList(c, web.SlicePage(above, accountKey), accountKey, accountRow)
}

// subtree gives the account with all its descendants, nested.
func (a *API) subtree(c *web.Call) error {
	root, err := a.Admin.Accounts.Subtree(c.Context(), c.Account(), web.MaxList)
	if err != nil {
		return advise(err, aaa.KindConflict, "page through /descendants instead")
	}
	return c.Reply(web.Answer{Data: root})
}

// moveAccount puts an account below another that the token reaches.
func (a *API) moveAccount(c *web.Call) error {
	text, err := c.OnlyText("to", 32)
	if err != nil {
		return err
	}
	to, err := aaa.ParseAccountID(text)
	if err != nil {
		return aaa.Invalid(aaa.Field{Path: "to", Rule: "pattern", Message: err.Error()})
	}
	confirmed, err := c.Flag("confirm")
	if err != nil {
		return err
	}
	moved, err := a.Admin.Accounts.Move(c.Context(), caller(c), c.Account(), to, confirmed)
	if f := faultOf(err, "outcome"); f != nil {
		f.Message += "; ?confirm=true moves it all the same"
		return &aaa.Error{Kind: aaa.KindConflict, Message: f.Message, Fields: []aaa.Field{*f}}
	}
	if err != nil {
		return err
	}
	return replyAccount(c, moved)
}

// getLimits shows what an account may use and reach, and what it uses.
func (a *API) getLimits(c *web.Call) error {
	got, err := a.Admin.Accounts.Limits(c.Context(), caller(c), c.Account())
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: got})
}

// faultOf returns the fault of a conflict that a rule names, nil if err is not one.
func faultOf(err error, rule string) *aaa.Field {
	var e *aaa.Error
	if !errors.As(err, &e) || e.Kind != aaa.KindConflict || len(e.Fields) != 1 || e.Fields[0].Rule != rule {
		return nil
	}
	f := e.Fields[0]
	return &f
}
