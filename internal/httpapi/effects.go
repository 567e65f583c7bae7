package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"aaa-api/internal/aaa"
	"aaa-api/internal/document"
	"aaa-api/internal/store"
)

// A write can change what requests of other accounts meet: those that inherit the document, and those below an account
// that is moved, enabled or disabled. What is here tells the writer so. It costs a few reads of documents where nothing
// changes for heirs, and one statement over the accounts below where something does.

// maxHeirs bounds the accounts below that one write looks at.
const maxHeirs = 100_000

// outcomes are what an account's children without a document of their own meet, by the documents in the store, whether or
// not somebody is disabled. chain is the account and its ancestors, nearest first.
func (a *API) outcomes(ctx context.Context, chain []aaa.AccountID) (document.Outcomes, error) {
	all := make([]*document.Stances, len(chain))
	for i, id := range chain {
		d, err := a.Store.Documents().Get(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return document.Outcomes{}, err
		}
		all[i] = stancesIn(d.Body)
	}
	o := document.Everywhere(document.NoServers)
	for i := len(all) - 1; i >= 0; i-- {
		o = o.Below(true, all[i])
	}
	return o, nil
}

// stancesIn reads the stances of a stored document, nil for none. A damaged one counts as none: it must not stop the writes
// of others.
func stancesIn(body json.RawMessage) *document.Stances {
	s, err := document.StancesIn(body)
	if err != nil {
		return nil
	}
	return s
}

// above lists the ancestors of an account, nearest first, with the system configuration.
func above(a store.Account) []aaa.AccountID {
	chain := make([]aaa.AccountID, 0, len(a.Path)+1)
	for i := len(a.Path) - 1; i >= 0; i-- {
		chain = append(chain, a.Path[i])
	}
	return append(chain, aaa.SystemConfig)
}

// heirs reads the accounts below one. more is true where it has more than maxHeirs.
func (a *API) heirs(ctx context.Context, top aaa.AccountID) (list []document.Heir, more bool, err error) {
	err = a.Store.Documents().Below(ctx, top, maxHeirs+1, func(one store.Account, body json.RawMessage) error {
		if len(list) == maxHeirs {
			more = true
			return nil
		}
		h := document.Heir{ID: one.ID, Parent: one.ParentID, Enabled: one.Enabled}
		if h.Parent == "" {
			h.Parent = aaa.SystemConfig
		}
		h.Stances = stancesIn(body)
		list = append(list, h)
		return nil
	})
	return list, more, err
}

// warnHeirs tells which accounts below top meet other outcomes when those of top change.
func (a *API) warnHeirs(ctx context.Context, top aaa.AccountID, before, after document.Outcomes) ([]document.Warning, error) {
	if before == after {
		return nil, nil
	}
	list, more, err := a.heirs(ctx, top)
	if isUnavailable(err) { // too many for the time that a statement has: no reason to refuse the write
		return []document.Warning{{Path: "accounts", Rule: outcomeRule, Message: "the accounts below meet other outcomes, and could not be read in time"}}, nil
	}
	if err != nil {
		return nil, err
	}
	return warnEffects(document.Effects(list, top, before, after), more), nil
}

// warnDocument tells whose outcome changes when the account's document does, from old to next; nil is none.
func (a *API) warnDocument(c *call, old, next json.RawMessage) ([]document.Warning, error) {
	was, is := stancesIn(old), stancesIn(next)
	if was == nil && is == nil || was != nil && is != nil && *was == *is {
		return nil, nil
	}
	inherited := document.Everywhere(document.NoServers)
	if c.account != aaa.SystemConfig {
		if enabled, err := a.Tree.Enabled(c.ctx(), c.account); err != nil || !enabled {
			return nil, err // and so is everybody below
		}
		account, err := a.Store.Accounts().Get(c.ctx(), c.account)
		if err != nil {
			return nil, err
		}
		inherited, err = a.outcomes(c.ctx(), above(account))
		if err != nil {
			return nil, err
		}
	}
	return a.warnHeirs(c.ctx(), c.account, inherited.Below(true, was), inherited.Below(true, is))
}

// warnEnabled tells whose outcome changes when an account is enabled or disabled.
func (a *API) warnEnabled(c *call, account store.Account, enable bool) ([]document.Warning, error) {
	if account.ParentID != "" {
		if enabled, err := a.Tree.Enabled(c.ctx(), account.ParentID); err != nil || !enabled {
			return nil, err
		}
	}
	before, err := a.outcomes(c.ctx(), append([]aaa.AccountID{account.ID}, above(account)...))
	if err != nil {
		return nil, err
	}
	after := document.Everywhere(document.Disabled)
	if enable {
		before, after = after, before
	}
	return a.warnHeirs(c.ctx(), account.ID, before, after)
}

// moveEffects tells whose outcome changes when an account is put below another, the account itself included.
func (a *API) moveEffects(c *call, account, parent store.Account) (effects []document.Effect, more bool, err error) {
	outcomesBelow := func(chain []aaa.AccountID) (document.Outcomes, error) {
		enabled, err := a.Tree.Enabled(c.ctx(), chain[0])
		if err != nil || !enabled {
			return document.Everywhere(document.Disabled), err
		}
		return a.outcomes(c.ctx(), chain)
	}
	to := append([]aaa.AccountID{parent.ID}, above(parent)...)
	if account.ParentID == "" || slices.Contains(to, account.ID) {
		return nil, false, nil // the move is refused
	}
	before, err := outcomesBelow(above(account))
	if err != nil {
		return nil, false, err
	}
	after, err := outcomesBelow(to)
	if err != nil || before == after {
		return nil, false, err
	}
	list, more, err := a.heirs(c.ctx(), account.ID)
	if err != nil {
		return nil, false, err
	}
	itself := document.Heir{ID: account.ID, Parent: account.ParentID, Enabled: account.Enabled}
	switch d, err := a.Store.Documents().Get(c.ctx(), account.ID); {
	case err == nil:
		itself.Stances = stancesIn(d.Body)
	case !errors.Is(err, store.ErrNotFound):
		return nil, false, err
	}
	return document.Effects(append(list, itself), account.ParentID, before, after), more, nil
}

// unconfirmed refuses a move by which accounts that had somebody to ask would let everybody in.
func unconfirmed(effects []document.Effect) error {
	for _, e := range effects {
		if e.Op != aaa.Accounting && e.From.Asks() && e.To.LetsIn() {
			message := describe(e) + "; ?confirm=true moves it all the same"
			return conflict("to", "outcome", "the move would let everybody in: "+message, e.Accounts)
		}
	}
	return nil
}

// outcomeRule is the rule of these warnings.
const outcomeRule = "outcome"

func warnEffects(effects []document.Effect, more bool) []document.Warning {
	list := make([]document.Warning, 0, len(effects)+1)
	for _, e := range effects {
		list = append(list, document.Warning{
			Path: e.Op.String(), Rule: outcomeRule, Message: describe(e), Accounts: e.Accounts, Total: e.Total,
		})
	}
	if more {
		list = append(list, document.Warning{
			Path: "accounts", Rule: outcomeRule,
			Message: fmt.Sprintf("there are more than %d accounts below: only so many were looked at", maxHeirs),
		})
	}
	return list
}

// describe names the change of outcome and the accounts that meet it.
func describe(e document.Effect) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s → %s for %d account", e.Op, e.From, e.To, e.Total)
	if e.Total > 1 {
		b.WriteByte('s')
	}
	for i, id := range e.Accounts {
		b.WriteString([]string{": ", ", "}[min(i, 1)])
		b.WriteString(string(id))
	}
	if e.Total > len(e.Accounts) {
		fmt.Fprintf(&b, " and %d more", e.Total-len(e.Accounts))
	}
	return b.String()
}
