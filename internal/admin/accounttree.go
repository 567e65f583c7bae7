package admin

import (
	"context"
	"slices"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// Children returns a page of the accounts right below one, by id.
func (s *Accounts) Children(ctx context.Context, account aaa.AccountID, p store.Page) ([]Account, string, error) {
	rows, next, err := s.Store.Accounts().Children(ctx, account, p)
	return views(rows, next, missing(err, noAccount.Message), accountOf)
}

// Descendants returns a page of all accounts below one, by id.
func (s *Accounts) Descendants(ctx context.Context, account aaa.AccountID, p store.Page) ([]Account, string, error) {
	rows, next, err := s.Store.Accounts().Descendants(ctx, account, p)
	return views(rows, next, missing(err, noAccount.Message), accountOf)
}

// Ancestors returns the accounts above one, the topmost first, as far as the caller reaches.
func (s *Accounts) Ancestors(ctx context.Context, who *Caller, account aaa.AccountID) ([]Account, error) {
	got, err := s.stored(ctx, account)
	if err != nil {
		return nil, err
	}
	path := got.Path
	if i := slices.Index(path, who.Account); i >= 0 {
		path = path[i:]
	} else {
		path = nil // the caller's own account: all above it is out of reach
	}
	above := make([]Account, 0, len(path))
	for _, id := range path {
		one, err := s.stored(ctx, id)
		if err != nil {
			return nil, err
		}
		above = append(above, accountOf(one))
	}
	return above, nil
}

// Node is an account of a tree.
type Node struct {
	ID      aaa.AccountID
	Parent  aaa.AccountID
	Name    string
	Enabled bool
}

// Subtree returns an account and then all its descendants, by id. More than most of them are a conflict.
func (s *Accounts) Subtree(ctx context.Context, account aaa.AccountID, most int) ([]Node, error) {
	top, err := s.stored(ctx, account)
	if err != nil {
		return nil, err
	}
	below, next, err := s.Store.Accounts().Descendants(ctx, account, store.Page{Limit: most})
	if err != nil {
		return nil, missing(err, noAccount.Message)
	}
	if next != "" {
		return nil, aaa.Errorf(aaa.KindConflict, "more than %d accounts", most)
	}
	nodes := make([]Node, 0, len(below)+1)
	for _, a := range append([]store.Account{top}, below...) {
		nodes = append(nodes, Node{a.ID, a.ParentID, a.Name, a.Enabled})
	}
	return nodes, nil
}
