package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/document"
	"aaa-api/internal/schema"
	"aaa-api/internal/store"
	"aaa-api/internal/web"
)

// accountView is an account as answers show it.
type accountView struct {
	ID        aaa.AccountID  `json:"id"`
	Name      string         `json:"name"`
	Realm     string         `json:"realm,omitempty"`
	ParentID  *aaa.AccountID `json:"parent_id"` // null for the root
	Enabled   bool           `json:"enabled"`
	Limits    *aaa.Limits    `json:"limits,omitempty"`
	Networks  []netip.Prefix `json:"server_networks,omitempty"`
	CreatedAt time.Time      `json:"created_at"`
	UpdatedAt time.Time      `json:"updated_at"`
}

func viewAccount(a store.Account) accountView {
	v := accountView{
		ID: a.ID, Name: a.Name, Realm: a.Realm, Enabled: a.Enabled, Limits: a.Limits, Networks: a.ServerNetworks,
		CreatedAt: a.CreatedAt.UTC(), UpdatedAt: a.UpdatedAt.UTC(),
	}
	if a.ParentID != "" {
		v.ParentID = &a.ParentID
	}
	return v
}

func accountKey(a store.Account) string { return string(a.ID) }

func accountRow(a store.Account) any { return viewAccount(a) }

// createAccount makes a child of the account of the URL, or of the token's own. It may bring its id, as one
// that comes from elsewhere does.
func (a *API) createAccount(c *web.Call) error {
	data, err := c.Data()
	if err != nil {
		return err
	}
	next := store.Account{ParentID: c.Account(), Enabled: true}
	if next.ID, err = takeID(data); err != nil {
		return err
	}
	if err := applyAccount(&next, data); err != nil {
		return err
	}
	if err := a.checkNetworks(c, next); err != nil {
		return err
	}
	capped, err := a.warnCapped(c, next)
	if err != nil {
		return err
	}
	made, err := a.Store.Accounts().Create(c.Context(), next)
	switch {
	case errors.Is(err, store.ErrTooDeep) && c.Param("id") != "":
		message := fmt.Sprintf("an account may have %d ancestors at most", store.MaxAccountDepth)
		return web.Conflict("id", "depth", message, store.MaxAccountDepth) // of the URL
	case errors.Is(err, store.ErrTooDeep):
		return aaa.Errorf(aaa.KindConflict, "the token's account can have no children: an account may have %d ancestors at most", store.MaxAccountDepth)
	case err != nil:
		return err
	}
	a.sync(c)
	return c.Reply(web.Answer{Data: viewAccount(made), Revision: made.Revision, Warnings: warningsOf(capped)}.Created("/v2/accounts/" + string(made.ID)))
}

// takeID takes the id of a new account out of data, a new one where it brings none.
func takeID(data map[string]any) (aaa.AccountID, error) {
	v, ok := data["id"]
	if !ok {
		return aaa.NewAccountID(), nil
	}
	delete(data, "id")
	text, _ := v.(string)
	id, err := aaa.ParseAccountID(text)
	if err != nil {
		return "", aaa.Invalid(aaa.Field{Path: "id", Rule: "pattern", Message: err.Error()})
	}
	return id, nil
}

func (a *API) getAccount(c *web.Call) error {
	got, err := orMemory(a, c, c.Account(), func(ctx context.Context) (store.Account, error) {
		return a.Store.Accounts().Get(ctx, c.Account())
	}, func() (store.Account, error) { return a.Tree.WarmAccount(c.Account()) })
	if err != nil {
		return err
	}
	if done, err := c.NotModified(web.ETag(got.Revision)); done || err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: viewAccount(got), Revision: got.Revision})
}

// replaceAccount sets all of an account: what the client leaves out gets its default.
func (a *API) replaceAccount(c *web.Call) error {
	return a.updateAccount(c, func(have, sent map[string]any) any { return keepBounds(c, have, sent) })
}

// patchAccount merges what the client sent into the account (RFC 7396).
func (a *API) patchAccount(c *web.Call) error {
	return a.updateAccount(c, func(have, sent map[string]any) any { return document.MergePatch(have, sent) })
}

func (a *API) updateAccount(c *web.Call, combine func(have, sent map[string]any) any) error {
	sent, err := c.Data()
	if err != nil {
		return err
	}
	return retryStale(c, func() error {
		old, err := a.Store.Accounts().Get(c.Context(), c.Account())
		if err != nil {
			return err
		}
		if _, err := c.IfMatch(old.Revision); err != nil {
			return err
		}
		sent := maps.Clone(sent)
		if err := takeReadOnly(sent, viewAccount(old)); err != nil {
			return err
		}
		next := old
		data, _ := combine(settable(old), sent).(map[string]any)
		if err := applyAccount(&next, data); err != nil {
			return err
		}
		if next.Enabled != old.Enabled && c.Account() == c.Who().Account {
			// Else a tenant locks itself out, or the root everybody.
			return &aaa.Error{Kind: aaa.KindForbidden, Message: "an account is enabled and disabled by those above it"}
		}
		if err := a.checkBounds(c, old, next); err != nil {
			return err
		}
		var changed effects
		if next.Enabled != old.Enabled {
			if changed, err = a.warnEnabled(c, old, next.Enabled); err != nil {
				return err
			}
		}
		capped, err := a.warnCapped(c, next)
		if err != nil {
			return err
		}
		got, err := a.Store.Accounts().Update(c.Context(), c.Account(), old.Revision, next)
		if err != nil {
			return err
		}
		a.sync(c)
		return c.Reply(web.Answer{Data: viewAccount(got), Revision: got.Revision, Warnings: warningsOf(append(changed.after(a, c, store.ChangedAccount), capped...))})
	})
}

func (a *API) deleteAccount(c *web.Call) error {
	if c.Account() == c.Who().Account {
		return &aaa.Error{Kind: aaa.KindForbidden, Message: "an account is deleted by those above it"}
	}
	old, err := a.Store.Accounts().Get(c.Context(), c.Account())
	if err != nil {
		return err
	}
	revision, err := c.IfMatch(old.Revision)
	if err != nil {
		return err
	}
	if err := a.Store.Accounts().Delete(c.Context(), c.Account(), revision); err != nil {
		return err
	}
	a.sync(c)
	return c.Reply(web.Answer{Data: viewAccount(old)})
}

func (a *API) children(c *web.Call) error {
	return web.ServeList(c, func(ctx context.Context, p store.Page) ([]store.Account, string, error) {
		return a.Store.Accounts().Children(ctx, c.Account(), p)
	}, accountKey, accountRow)
}

func (a *API) descendants(c *web.Call) error {
	return web.ServeList(c, func(ctx context.Context, p store.Page) ([]store.Account, string, error) {
		return a.Store.Accounts().Descendants(ctx, c.Account(), p)
	}, accountKey, accountRow)
}

// ancestors lists those above the account, the topmost first, as far as the token reaches.
func (a *API) ancestors(c *web.Call) error {
	got, err := a.Store.Accounts().Get(c.Context(), c.Account())
	if err != nil {
		return err
	}
	path := got.Path
	if i := slices.Index(path, c.Who().Account); i >= 0 {
		path = path[i:]
	} else {
		path = nil // the token's own account: all above it is out of reach
	}
	above := make([]store.Account, 0, len(path))
	for _, id := range path {
		one, err := a.Store.Accounts().Get(c.Context(), id)
		if err != nil {
			return err
		}
		above = append(above, one)
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
	top, err := a.Store.Accounts().Get(c.Context(), c.Account())
	if err != nil {
		return err
	}
	below, next, err := a.Store.Accounts().Descendants(c.Context(), c.Account(), store.Page{Limit: web.MaxList})
	if err != nil {
		return err
	}
	if next != "" {
		return aaa.Errorf(aaa.KindConflict, "more than %d accounts: page through /descendants instead", web.MaxList)
	}
	nodes := make(map[aaa.AccountID]*treeNode, len(below)+1)
	node := func(a store.Account) *treeNode {
		n := &treeNode{ID: a.ID, Name: a.Name, Enabled: a.Enabled, Children: []*treeNode{}}
		nodes[a.ID] = n
		return n
	}
	root := node(top)
	for _, one := range below {
		node(one)
	}
	for _, one := range below {
		if parent := nodes[one.ParentID]; parent != nil {
			parent.Children = append(parent.Children, nodes[one.ID])
		}
	}
	return c.Reply(web.Answer{Data: root})
}

// moveAccount puts an account below another that the token reaches. Without confirm it refuses to let everybody into an
// account that had servers.
func (a *API) moveAccount(c *web.Call) error {
	to, err := c.OnlyText("to", 32)
	if err != nil {
		return err
	}
	parent, err := aaa.ParseAccountID(to)
	if err != nil {
		return aaa.Invalid(aaa.Field{Path: "to", Rule: "pattern", Message: err.Error()})
	}
	if within, err := a.Tree.Within(c.Context(), c.Who().Account, parent); err != nil && aaa.KindOf(err) != aaa.KindNotFound {
		return err
	} else if !within {
		return &web.Failure{
			Status: http.StatusNotFound, Slug: web.SlugIdentifier, Detail: web.ErrNoSuchAccount.Detail,
			Fields: []aaa.Field{{Path: "to", Rule: "exists", Message: web.ErrNoSuchAccount.Detail}},
		}
	}
	if c.Account() == c.Who().Account {
		return &aaa.Error{Kind: aaa.KindForbidden, Message: "an account is moved by those above it"}
	}
	confirmed, err := c.Flag("confirm")
	if err != nil {
		return err
	}
	account, err := a.Store.Accounts().Get(c.Context(), c.Account())
	if err != nil {
		return err
	}
	next, err := a.Store.Accounts().Get(c.Context(), parent)
	if err != nil {
		return err
	}
	changed, err := a.warnMove(c, account, next, confirmed)
	if err != nil {
		return err
	}
	got, err := a.Store.Accounts().Move(c.Context(), c.Account(), parent)
	if err != nil {
		return err
	}
	a.sync(c)
	return c.Reply(web.Answer{Data: viewAccount(got.Account), Revision: got.Revision, Warnings: warningsOf(append(changed.after(a, c, store.ChangedAccount), warnRevoked(got.Revoked)...))})
}

// applyAccount checks data, the whole of what a client may set, and sets it on next.
func applyAccount(next *store.Account, data map[string]any) error {
	if faults := schema.Validate(schema.Account, data); len(faults) > 0 {
		return aaa.Invalid(faults...)
	}
	next.Name, _ = data["name"].(string)
	next.Realm, _ = data["realm"].(string)
	enabled, given := data["enabled"].(bool)
	next.Enabled = enabled || !given
	var err error
	if next.Limits, err = takeLimits(data); err != nil {
		return err
	}
	next.ServerNetworks, err = takeNetworks(data)
	return err
}

// settable is the part of an account that clients write.
func settable(a store.Account) map[string]any {
	m := map[string]any{"name": a.Name, "enabled": a.Enabled}
	if a.Realm != "" {
		m["realm"] = a.Realm
	}
	if a.Limits != nil {
		limits := make(map[string]any)
		for i, v := range a.Limits {
			if v != aaa.NotSet {
				limits[aaa.Limit(i).Name()] = json.Number(strconv.FormatInt(v, 10))
			}
		}
		m["limits"] = limits
	}
	if len(a.ServerNetworks) > 0 {
		list := make([]any, len(a.ServerNetworks))
		for i, p := range a.ServerNetworks {
			list[i] = p.String()
		}
		m["server_networks"] = list
	}
	return m
}

// takeReadOnly takes out of data the members that nobody writes: they may come back as they
// were read, and must then be what they are.
func takeReadOnly(data map[string]any, view any) error {
	text, err := json.Marshal(view)
	if err != nil {
		return err
	}
	var have map[string]any
	if err := json.Unmarshal(text, &have); err != nil {
		return err
	}
	var faults []aaa.Field
	for _, name := range []string{"id", "parent_id", "created_at", "updated_at"} {
		if v, ok := data[name]; ok {
			if v != have[name] {
				message := "cannot be changed"
				if name == "parent_id" {
					message = "cannot be changed here: use POST /v2/accounts/{id}/move"
				}
				faults = append(faults, aaa.Field{Path: name, Rule: "readOnly", Message: message})
			}
			delete(data, name)
		}
	}
	if faults != nil {
		return aaa.Invalid(faults...)
	}
	return nil
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
