package tenant

import (
	"context"
	"errors"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
	"aaa-api/internal/store"
)

// Lookup finds a dictionary by name for a document of an account: the account's own, an
// ancestor's, a system one (ref is then nil). It asks the store, not the memory of
// this node, since it decides whether a write is accepted. A dictionary that nobody
// has is store.ErrNotFound.
func (t *Tenants) Lookup(ctx context.Context, account aaa.AccountID, name string) (*dict.Compiled, *store.Ref, error) {
	owners, err := t.owners(ctx, account)
	if err != nil {
		return nil, nil, err
	}
	for _, owner := range owners {
		d, err := t.store.Dictionaries().ByName(ctx, owner, name)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		c, err := t.compileDict(d)
		if err != nil {
			return nil, nil, err
		}
		return c, &store.Ref{Kind: store.RefDictionary, Account: owner, Name: name}, nil
	}
	if c, ok := t.system.Get(name); ok {
		return c, nil, nil
	}
	return nil, nil, store.ErrNotFound
}

// Visible returns everything that an upload to an account may refer to: the account's own
// dictionaries, those up the tree, and the system's.
func (t *Tenants) Visible(ctx context.Context, account aaa.AccountID) (*dict.Set, error) {
	owners, err := t.owners(ctx, account)
	if err != nil {
		return nil, err
	}
	var list []*dict.Compiled
	for _, owner := range owners {
		own, err := t.store.Dictionaries().All(ctx, owner)
		if err != nil {
			return nil, err
		}
		for _, d := range own {
			c, err := t.compileDict(d)
			if err != nil {
				return nil, err
			}
			list = append(list, c)
		}
	}
	return dict.NewSet(list...).Join(t.system.Default()), nil
}

// owners lists an account and its ancestors, nearest first, as the store has them now.
func (t *Tenants) owners(ctx context.Context, account aaa.AccountID) ([]aaa.AccountID, error) {
	if account == aaa.SystemConfig {
		return nil, nil
	}
	a, err := t.store.Accounts().Get(ctx, account)
	if err != nil {
		return nil, err
	}
	owners := make([]aaa.AccountID, 0, len(a.Path)+1)
	owners = append(owners, account)
	for i := len(a.Path) - 1; i >= 0; i-- {
		owners = append(owners, a.Path[i])
	}
	return owners, nil
}
