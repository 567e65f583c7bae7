package plans

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
	"aaa-api/internal/fsm"
	"aaa-api/internal/store"
)

// Lookup finds a dictionary by name for a document of an account: the account's own, an
// ancestor's, a system one (ref is then aaa.SystemConfig's). It asks the store, not the memory of
// this node, since it decides whether a write is accepted. A dictionary that nobody
// has is store.ErrNotFound.
func (t *Cache) Lookup(ctx context.Context, account aaa.AccountID, name string) (*dict.Compiled, *store.Ref, error) {
	d, err := t.store.Dictionaries().Nearest(ctx, account, name)
	if err == nil {
		c, err := t.compileDict(d)
		if err != nil {
			return nil, nil, err
		}
		return c, &store.Ref{Kind: store.RefDictionary, Account: d.Account, Name: name}, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return nil, nil, err
	}
	if c, ok := t.system.Get(name); ok {
		return c, &store.Ref{Kind: store.RefDictionary, Account: aaa.SystemConfig, Name: name}, nil
	}
	return nil, nil, store.ErrNotFound
}

// Visible returns everything that an upload to an account may refer to: the account's own
// dictionaries, those up the tree, and the system's. A stored one that does not compile is left out: it
// must not stop the work on all others.
func (t *Cache) Visible(ctx context.Context, account aaa.AccountID) (*dict.Set, error) {
	owners, err := t.owners(ctx, account)
	if err != nil {
		return nil, err
	}
	var list []*dict.Compiled
	for _, owner := range owners {
		known := t.warmState(owner)
		own, err := t.readDicts(ctx, owner, known)
		if err != nil {
			return nil, err
		}
		for _, d := range own {
			if had, ok := known.dict(d.Name); ok && sameDict(had.stored, d) {
				if had.compiled != nil && had.revision == d.Revision {
					list = append(list, had.compiled)
				}
				continue
			}
			c, err := t.compileDict(d)
			if err != nil {
				t.logDict(d, err)
				continue
			}
			list = append(list, c)
		}
	}
	return dict.NewSet(list...).Join(t.system.Default()), nil
}

// warmState is what memory has of an account, nil where it is cold.
func (t *Cache) warmState(id aaa.AccountID) *state {
	if n, ok := t.nodes.Load(id); ok {
		return n.state.Load()
	}
	return nil
}

// Table finds a state machine table by name for a document of an account: the account's own, an
// ancestor's, a built-in one (ref is then aaa.SystemConfig's). It asks the store, like Lookup. A table that nobody
// has is store.ErrNotFound.
func (t *Cache) Table(ctx context.Context, account aaa.AccountID, name string) (*fsm.Table, *store.Ref, error) {
	text, found, err := t.nearest(ctx, account, store.TextFSM, name)
	if err != nil {
		return nil, nil, err
	}
	if found {
		table, err := t.compileTable(text.Body)
		if err != nil {
			return nil, nil, fmt.Errorf("state machine table %s of account %s: %w", name, text.Account, err)
		}
		return table, &store.Ref{Kind: store.RefFSM, Account: text.Account, Name: name}, nil
	}
	builtIn, ok := fsm.BuiltIn(name)
	if !ok {
		return nil, nil, store.ErrNotFound
	}
	table, err := t.compileTable(builtIn)
	return table, &store.Ref{Kind: store.RefFSM, Account: aaa.SystemConfig, Name: name}, err
}

// UsersFile reports whether a document of an account sees a users file: the account's own or an
// ancestor's. It asks the store, like Lookup.
func (t *Cache) UsersFile(ctx context.Context, account aaa.AccountID, name string) (bool, error) {
	_, found, err := t.nearest(ctx, account, store.TextUsers, name)
	return found, err
}

// nearest reads a text of an account or of the nearest ancestor that has one of the name.
func (t *Cache) nearest(ctx context.Context, account aaa.AccountID, kind store.TextKind, name string) (text store.Text, found bool, err error) {
	text, err = t.store.Texts().Nearest(ctx, account, kind, name)
	if errors.Is(err, store.ErrNotFound) {
		return text, false, nil
	}
	return text, err == nil, err
}

// Tables lists the stored tables that a document of an account may name, each name once with its nearest
// owner, ordered by name and without Body. The built-in ones, which everyone sees, are not among them. It
// asks the store, like Lookup.
func (t *Cache) Tables(ctx context.Context, account aaa.AccountID) ([]store.Text, error) {
	owners, err := t.owners(ctx, account)
	if err != nil {
		return nil, err
	}
	var all []store.Text
	seen := make(map[string]bool)
	for _, owner := range owners {
		list, _, err := t.store.Texts().List(ctx, owner, store.TextFSM, store.Page{})
		if err != nil {
			return nil, err
		}
		for _, text := range list {
			if !seen[text.Name] {
				seen[text.Name] = true
				all = append(all, text)
			}
		}
	}
	slices.SortFunc(all, func(a, b store.Text) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// owners lists an account and its ancestors, nearest first, as the store has them now.
func (t *Cache) owners(ctx context.Context, account aaa.AccountID) ([]aaa.AccountID, error) {
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
