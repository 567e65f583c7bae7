package httpapi

import (
	"errors"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
	"aaa-api/internal/operations"
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
	made, err := operations.CreateAccount.Call(c.Context(), a.Line, from(c), operations.Members{Sent: aaa.Decoded{Value: data}})
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
	got, err := operations.GetAccount.Call(c.Context(), a.Line, from(c), operations.None{})
	if err != nil {
		return err
	}
	if done, err := c.NotModified(web.ETag(got.Revision)); done || err != nil {
		return err
	}
	return replyAccount(c, got)
}

// replaceAccount sets all of an account: what the client leaves out gets its default.
func (a *API) replaceAccount(c *web.Call) error { return a.updateAccount(c, operations.ReplaceAccount) }

// patchAccount merges what the client sent into the account (RFC 7396).
func (a *API) patchAccount(c *web.Call) error { return a.updateAccount(c, operations.PatchAccount) }

func (a *API) updateAccount(c *web.Call, update *operations.Operation[operations.Members, admin.Account]) error {
	data, err := c.Data()
	if err != nil {
		return err
	}
	expected, err := c.Expected()
	if err != nil {
		return err
	}
	got, err := update.Call(c.Context(), a.Line, from(c), operations.Members{Sent: aaa.Decoded{Value: data}, Expected: expected})
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
	old, err := operations.DeleteAccount.Call(c.Context(), a.Line, from(c), operations.Expecting{Expected: expected})
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: old})
}

func (a *API) children(c *web.Call) error {
	return web.ServeList(c, listOf(a, c, operations.ListChildren), accountKey, accountRow)
}

func (a *API) descendants(c *web.Call) error {
	return web.ServeList(c, listOf(a, c, operations.ListDescendants), accountKey, accountRow)
}

// ancestors lists those above the account, the topmost first, as far as the token reaches.
func (a *API) ancestors(c *web.Call) error {
	above, err := operations.Ancestors.Call(c.Context(), a.Line, from(c), operations.None{})
	if err != nil {
		return err
	}
	return web.ServeList(c, web.SlicePage(above, accountKey), accountKey, accountRow)
}

// treeNode is an account with those below it.
type treeNode struct {
	ID       aaa.AccountID `json:"id"`
	Name     string        `json:"name"`
	Enabled  bool          `json:"enabled"`
	Children []*treeNode   `json:"children"`
}

// subtree gives the account with all its descendants, nested.
func (a *API) subtree(c *web.Call) error {
	list, err := operations.Subtree.Call(c.Context(), a.Line, from(c), operations.None{})
	if err != nil {
		return advise(err, aaa.KindConflict, "page through /descendants instead")
	}
	nodes := make(map[aaa.AccountID]*treeNode, len(list))
	for _, n := range list {
		nodes[n.ID] = &treeNode{ID: n.ID, Name: n.Name, Enabled: n.Enabled, Children: []*treeNode{}}
	}
	for _, n := range list {
		if parent := nodes[n.Parent]; parent != nil {
			parent.Children = append(parent.Children, nodes[n.ID])
		}
	}
	return c.Reply(web.Answer{Data: nodes[c.Account()]})
}

// moveAccount puts an account below another that the token reaches.
func (a *API) moveAccount(c *web.Call) error {
	text, err := c.OnlyText("to", 32)
	if err != nil {
		return err
	}
	confirmed, err := c.Flag("confirm")
	if err != nil {
		return err
	}
	moved, err := operations.MoveAccount.Call(c.Context(), a.Line, from(c), operations.Moving{To: text, Confirmed: confirmed})
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
	got, err := operations.GetLimits.Call(c.Context(), a.Line, from(c), operations.None{})
	if err != nil {
		return err
	}
	octets := aaa.LimitBodyOctets.Name() // this process holds them
	if l, ok := got.Limits[octets]; ok {
		holds := a.web.Holds(c.Account())
		l.Used = &holds
		got.Limits[octets] = l
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
