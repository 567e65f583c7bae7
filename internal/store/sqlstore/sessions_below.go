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

// Below goes through two ordered lists of accounts, those of the subtree and those that have such sessions, and skips in each to
// where the other one is. So neither many accounts without sessions nor many sessions of other accounts are read, and no
// statement joins the two tables, which a distributed engine may keep apart.
func (s sessions) Below(ctx context.Context, account aaa.AccountID, by store.SessionsBy, p store.Page) ([]store.SessionRecord, string, error) {
	top, err := accounts{s.db}.Get(ctx, account)
	if err != nil {
		return nil, "", err
	}
	sought := soughtBy(by)
	tree := subtree{accounts: accounts{s.db}, top: top}
	at, id, _ := strings.Cut(p.Start, "/")
	var list []store.SessionRecord
	for range belowLookups {
		has, err := s.nextAccount(ctx, sought, at)
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
		sql, args := sought.ofAccount(at, id, limit(p)-int64(len(list)))
		part, err := all(ctx, s.db, scanSession, sql, args...)
		if err != nil {
			return nil, "", err
		}
		list = append(list, part...)
		if p.Limit > 0 && len(list) > p.Limit {
			next := list[p.Limit]
			return list[:p.Limit], belowKey(string(next.Account), next.ID), nil
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
