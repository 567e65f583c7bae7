package operations

import (
	"context"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
	"aaa-api/internal/store"
)

// Members are those of an object that a caller writes, and the revisions that it may replace.
type Members struct {
	Sent     aaa.Decoded
	Expected aaa.Revisions
}

// Expecting is a change that sends nothing, such as a deletion.
type Expecting struct{ Expected aaa.Revisions }

// Moving says where an account goes.
type Moving struct {
	To        string // an account that the caller reaches
	Confirmed bool   // also if it lets everybody in
}

// The operations on the tree of accounts: see admin.Accounts. New accounts are made below the account of the call.
var (
	CreateAccount = define("accounts.create", writes, func(ctx context.Context, s *Served, q *Members) (admin.Account, error) {
		members, err := s.members(ctx, q.Sent)
		if err != nil {
			return admin.Account{}, err
		}
		return s.Admin.Accounts.Create(ctx, s.Who, s.Account, members)
	})
	GetAccount = define("accounts.get", reads, func(ctx context.Context, s *Served, _ *None) (admin.Account, error) {
		return s.Admin.Accounts.Get(ctx, s.Account)
	})
	ReplaceAccount = define("accounts.replace", writes, func(ctx context.Context, s *Served, q *Members) (admin.Account, error) {
		members, err := s.members(ctx, q.Sent)
		if err != nil {
			return admin.Account{}, err
		}
		return s.Admin.Accounts.Replace(ctx, s.Who, s.Account, members, q.Expected)
	})
	PatchAccount = define("accounts.patch", writes, func(ctx context.Context, s *Served, q *Members) (admin.Account, error) {
		members, err := s.members(ctx, q.Sent)
		if err != nil {
			return admin.Account{}, err
		}
		return s.Admin.Accounts.Patch(ctx, s.Who, s.Account, members, q.Expected)
	})
	DeleteAccount = define("accounts.delete", writes, func(ctx context.Context, s *Served, q *Expecting) (admin.Account, error) {
		return s.Admin.Accounts.Delete(ctx, s.Who, s.Account, q.Expected)
	})
	MoveAccount = define("accounts.move", writes, func(ctx context.Context, s *Served, q *Moving) (admin.Account, error) {
		to, err := aaa.ParseAccountID(q.To)
		if err != nil {
			return admin.Account{}, aaa.Invalid(aaa.Field{Path: "to", Rule: "pattern", Message: err.Error()})
		}
		return s.Admin.Accounts.Move(ctx, s.Who, s.Account, to, q.Confirmed)
	})
	ListChildren = define("accounts.children", reads, func(ctx context.Context, s *Served, q *store.Page) (Listed[admin.Account], error) {
		if err := checkPage(*q); err != nil {
			return Listed[admin.Account]{}, err
		}
		return listed(s.Admin.Accounts.Children(ctx, s.Account, *q))
	})
	ListDescendants = define("accounts.descendants", reads, func(ctx context.Context, s *Served, q *store.Page) (Listed[admin.Account], error) {
		if err := checkPage(*q); err != nil {
			return Listed[admin.Account]{}, err
		}
		return listed(s.Admin.Accounts.Descendants(ctx, s.Account, *q))
	})
	Ancestors = define("accounts.ancestors", reads, func(ctx context.Context, s *Served, _ *None) ([]admin.Account, error) {
		return s.Admin.Accounts.Ancestors(ctx, s.Who, s.Account)
	})
	Subtree = define("accounts.tree", reads, func(ctx context.Context, s *Served, _ *None) ([]admin.Node, error) {
		return s.Admin.Accounts.Subtree(ctx, s.Account, MaxList)
	})
	GetLimits = define("accounts.limits", reads, func(ctx context.Context, s *Served, _ *None) (admin.Allowance, error) {
		return s.Admin.Accounts.Limits(ctx, s.Who, s.Account)
	})
)
