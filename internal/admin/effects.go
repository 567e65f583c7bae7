package admin

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
// that is moved, enabled or disabled. Warnings name them. They cost a few reads of documents if nothing
// changes for heirs, and one statement over the accounts below if something does.

// effects are the warnings of a write about other accounts.
type effects struct {
	warnings []document.Warning
	looked   bool // the warnings depend on the store as it was after the change at
	at       store.Change
}

// look notes the state of the store that the warnings depend on.
func (b *base) look(ctx context.Context) (e effects, err error) {
	e.looked = true
	e.at, err = b.Store.Changes().Last(ctx)
	return e, err
}

// meanwhile bounds the changes that are read to find out whether one came between.
const meanwhile = 100

// after returns the warnings of a write that was made, and one more if the accounts or documents that they depend on changed
// before it. Each of two such writers may know nothing of what the other changes for the accounts below.
func (e effects) after(ctx context.Context, b *base, account aaa.AccountID, kind store.ChangeKind) []document.Warning {
	if !e.looked || !b.overtaken(ctx, account, e.at, kind) {
		return e.warnings
	}
	return append(e.warnings, document.Warning{
		Path: "accounts", Rule: outcomeRule,
		Message: "an account or document above or below was changed at the same time: other accounts than these may meet other outcomes",
	})
}

// overtaken reports whether an account or document above or below the account written changed between at and the write.
func (b *base) overtaken(ctx context.Context, account aaa.AccountID, at store.Change, kind store.ChangeKind) bool {
	list, gap, err := b.Store.Changes().Since(ctx, at, meanwhile)
	if err != nil || gap {
		return true
	}
	own := len(list) - 1
	for own >= 0 && (list[own].Account != account || list[own].Kind != kind) {
		own--
	}
	if own < 0 {
		return true
	}
	return slices.ContainsFunc(list[:own], func(other store.Change) bool {
		return (other.Kind == store.ChangedAccount || other.Kind == store.ChangedDocument) &&
			(b.within(ctx, other.Account, account) || b.within(ctx, account, other.Account))
	})
}

// within is Tree.Within, true if the store can't tell.
func (b *base) within(ctx context.Context, top, id aaa.AccountID) bool {
	if top == aaa.SystemConfig {
		return true
	}
	is, err := b.Tree.Within(ctx, top, id)
	return is || err != nil && aaa.KindOf(err) != aaa.KindNotFound
}

// outcomes are what an account's children without a document of their own meet, by the documents in the store, whether or
// not one of them is disabled. chain is the account and its ancestors, nearest first.
func (b *base) outcomes(ctx context.Context, chain []aaa.AccountID) (document.Outcomes, error) {
	all := make([]*document.Stances, len(chain))
	for i, id := range chain {
		d, err := b.Store.Documents().Get(ctx, id)
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

// stancesIn reads the stances of a stored document. It returns nil if there is none, or a damaged one: that must not stop the writes
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

// heirs reads the accounts below one. more is true if it has more than Bounds.Heirs.
func (b *base) heirs(ctx context.Context, top aaa.AccountID) (list []document.Heir, more bool, err error) {
	err = b.Store.Documents().Below(ctx, top, b.Bounds.Heirs+1, func(one store.Account, body json.RawMessage) error {
		if len(list) == b.Bounds.Heirs {
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

// alone reports whether an account has none below it, as most have.
func (b *base) alone(ctx context.Context, top aaa.AccountID) (bool, error) {
	alone := true
	err := b.Store.Documents().Below(ctx, top, 1, func(store.Account, json.RawMessage) error {
		alone = false
		return nil
	})
	if aaa.KindOf(err) == aaa.KindUnavailable { // warnHeirs says so if it matters
		return false, nil
	}
	return alone, err
}

// warnHeirs adds which accounts below top meet other outcomes when those of top change.
func (b *base) warnHeirs(ctx context.Context, e effects, top aaa.AccountID, before, after document.Outcomes) (effects, error) {
	if before == after {
		return e, nil
	}
	list, more, err := b.heirs(ctx, top)
	if aaa.KindOf(err) == aaa.KindUnavailable { // they are too many for the time of a statement: no reason to refuse the write
		e.warnings = warnSlow()
		return e, nil
	}
	if err != nil {
		return e, err
	}
	e.warnings = b.warnEffects(document.Effects(list, top, before, after), more)
	return e, nil
}

// warnDocument warns of the accounts whose outcome changes with the stances of the account's document; nil: no document.
func (b *base) warnDocument(ctx context.Context, account aaa.AccountID, was, is *document.Stances) (e effects, err error) {
	if was == nil && is == nil || was != nil && is != nil && *was == *is {
		return e, nil
	}
	if e, err = b.look(ctx); err != nil {
		return e, err
	}
	if alone, err := b.alone(ctx, account); err != nil || alone {
		return e, err
	}
	inherited := document.Everywhere(document.NoServers)
	if account != aaa.SystemConfig {
		if enabled, err := b.Tree.Enabled(ctx, account); err != nil || !enabled {
			return e, err // and so are all below
		}
		got, err := b.Store.Accounts().Get(ctx, account)
		if err != nil {
			return e, err
		}
		inherited, err = b.outcomes(ctx, above(got))
		if err != nil {
			return e, err
		}
	}
	return b.warnHeirs(ctx, e, account, inherited.Below(true, was), inherited.Below(true, is))
}

// warnEnabled warns of the accounts whose outcome changes when one is enabled or disabled.
func (b *base) warnEnabled(ctx context.Context, account store.Account, enable bool) (e effects, err error) {
	if e, err = b.look(ctx); err != nil {
		return e, err
	}
	if account.ParentID != "" {
		if enabled, err := b.Tree.Enabled(ctx, account.ParentID); err != nil || !enabled {
			return e, err
		}
	}
	before, err := b.outcomes(ctx, append([]aaa.AccountID{account.ID}, above(account)...))
	if err != nil {
		return e, err
	}
	after := document.Everywhere(document.Disabled)
	if enable {
		before, after = after, before
	}
	return b.warnHeirs(ctx, e, account.ID, before, after)
}

// warnMove warns of the accounts whose outcome changes when one is put below another, itself included. Unless confirmed it
// refuses a move by which accounts that had servers would let everybody in, and one that it can't check in time.
func (b *base) warnMove(ctx context.Context, account, parent store.Account, confirmed bool) (e effects, err error) {
	to := append([]aaa.AccountID{parent.ID}, above(parent)...)
	if account.ParentID == "" || slices.Contains(to, account.ID) {
		return e, nil // the move is refused
	}
	if e, err = b.look(ctx); err != nil {
		return e, err
	}
	list, more, err := b.moveEffects(ctx, account, to)
	if confirmed && aaa.KindOf(err) == aaa.KindUnavailable {
		e.warnings = warnSlow()
		return e, nil
	}
	if err != nil {
		return e, err
	}
	e.warnings = b.warnEffects(list, more)
	if confirmed {
		return e, nil
	}
	return e, unconfirmed(list)
}

// moveEffects are those of a move below the first account of to. They always include the account
// itself, however many are below it: an effect that needs confirmation begins with it.
func (b *base) moveEffects(ctx context.Context, account store.Account, to []aaa.AccountID) (effects []document.Effect, more bool, err error) {
	outcomesBelow := func(chain []aaa.AccountID) (document.Outcomes, error) {
		enabled, err := b.Tree.Enabled(ctx, chain[0])
		if err != nil || !enabled {
			return document.Everywhere(document.Disabled), err
		}
		return b.outcomes(ctx, chain)
	}
	before, err := outcomesBelow(above(account))
	if err != nil {
		return nil, false, err
	}
	after, err := outcomesBelow(to)
	if err != nil || before == after {
		return nil, false, err
	}
	list, more, err := b.heirs(ctx, account.ID)
	if err != nil {
		return nil, false, err
	}
	itself := document.Heir{ID: account.ID, Parent: account.ParentID, Enabled: account.Enabled}
	switch d, err := b.Store.Documents().Get(ctx, account.ID); {
	case err == nil:
		itself.Stances = stancesIn(d.Body)
	case !errors.Is(err, store.ErrNotFound):
		return nil, false, err
	}
	return document.Effects(append(list, itself), account.ParentID, before, after), more, nil
}

// unconfirmed refuses a move by which accounts that had servers would let everybody in.
func unconfirmed(effects []document.Effect) error {
	for _, e := range effects {
		if e.Op != aaa.Accounting && e.From.Asks() && e.To.LetsIn() {
			message := "the move would let everybody in: " + describe(e)
			return &aaa.Error{
				Kind: aaa.KindConflict, Message: message,
				Fields: []aaa.Field{{Path: "to", Rule: outcomeRule, Message: message, Target: aaa.Names(e.Accounts)}},
			}
		}
	}
	return nil
}

// outcomeRule is the rule of these warnings.
const outcomeRule = "outcome"

func (b *base) warnEffects(effects []document.Effect, more bool) []document.Warning {
	list := make([]document.Warning, 0, len(effects)+1)
	for _, e := range effects {
		list = append(list, document.Warning{
			Path: e.Op.String(), Rule: outcomeRule, Message: describe(e), Accounts: e.Accounts, Total: e.Total,
		})
	}
	if more {
		list = append(list, document.Warning{
			Path: "accounts", Rule: outcomeRule,
			Message: fmt.Sprintf("there are more than %d accounts below: only so many were looked at", b.Bounds.Heirs),
		})
	}
	return list
}

func warnSlow() []document.Warning {
	return []document.Warning{{Path: "accounts", Rule: outcomeRule, Message: "the accounts below meet other outcomes, and could not be read in time"}}
}

// describe names the change of outcome and the accounts that meet it.
func describe(e document.Effect) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s: %s → %s for %d account", e.Op, e.From, e.To, e.Total)
	if e.Total > 1 {
		out.WriteByte('s')
	}
	for i, id := range e.Accounts {
		out.WriteString([]string{": ", ", "}[min(i, 1)])
		out.WriteString(string(id))
	}
	if e.Total > len(e.Accounts) {
		fmt.Fprintf(&out, " and %d more", e.Total-len(e.Accounts))
	}
	return out.String()
}
