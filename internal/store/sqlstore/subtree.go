package sqlstore

import (
	"context"
	"slices"
	"strings"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// Bounds of a list over a subtree: how many accounts one call looks at, and how many ids it reads at once.
const (
	belowLookups = 200
	belowIDs     = 500
)

// belowOf is what a list over a subtree has to know of its rows.
type belowOf[T any] struct {
	// account is the first account from an id on that has such rows, empty where none has.
	account func(ctx context.Context, from string) (string, error)
	// rows are those of an account from an id on, in order, at most n.
	rows func(ctx context.Context, account, from string, n int64) ([]T, error)
	key  func(T) (account aaa.AccountID, id string)
}

// listBelow goes through two ordered lists of accounts, those of the subtree and those that have such rows, and skips in each to
// where the other one is. So neither many accounts without rows nor many rows of other accounts are read, and no
// statement joins the two tables, which a distributed engine may keep apart.
func listBelow[T any](ctx context.Context, in accounts, account aaa.AccountID, p store.Page, of belowOf[T]) ([]T, string, error) {
	top, err := in.Get(ctx, account)
	if err != nil {
		return nil, "", err
	}
	tree := subtree{accounts: in, top: top}
	at, id, _ := strings.Cut(p.Start, "/")
	var list []T
	for range belowLookups {
		has, err := of.account(ctx, at)
		if err != nil || has == "" {
			return list, "", err
		}
		is, err := tree.next(ctx, has)
		if err != nil || is == "" {
			return list, "", err
		}
		if is != at {
			at, id = is, ""
		}
		if is != has {
			continue
		}
		part, err := of.rows(ctx, at, id, limit(p)-int64(len(list)))
		if err != nil {
			return nil, "", err
		}
		list = append(list, part...)
		if p.Limit > 0 && len(list) > p.Limit {
			account, id := of.key(list[p.Limit])
			return list[:p.Limit], belowKey(string(account), id), nil
		}
		at, id = at+"0", "" // after this account and before the next: all ids are equally long
	}
	return list, belowKey(at, id), nil
}

func belowKey(account, id string) string { return account + "/" + id }

// subtree reads the ids of an account and of those below it, in order.
type subtree struct {
	accounts accounts
	top      store.Account
	ids      []string // read, not yet passed
	last     bool     // no more follow
}

// next is the first id of the subtree from one on, which only grows; empty at the end.
func (t *subtree) next(ctx context.Context, from string) (string, error) {
	i, _ := slices.BinarySearch(t.ids, from)
	if t.ids = t.ids[i:]; len(t.ids) == 0 && !t.last {
		where, args := `id <> ''`, []any(nil) // the root's is the whole tree
		if t.top.ParentID != "" {
			from, until := below(t.top)
			where, args = `(id = $3 OR path >= $4 AND path < $5)`, []any{string(t.top.ID), from, until}
		}
		list, next, err := t.accounts.list(ctx, store.Page{Start: from, Limit: belowIDs}, where, args...)
		if err != nil {
			return "", err
		}
		t.last = next == ""
		for _, a := range list {
			t.ids = append(t.ids, string(a.ID))
		}
	}
	if len(t.ids) == 0 {
		return "", nil
	}
	return t.ids[0], nil
}
