package operations

import (
	"context"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
	"aaa-api/internal/store"
)

// ClientNamed names a client.
type ClientNamed struct{ Name string }

// ClientWritten is the document of a client, or a merge patch of one, and the revisions that it may replace.
type ClientWritten struct {
	Name     string
	Sent     aaa.Decoded
	Expected aaa.Revisions
}

// The operations on clients: see admin.Clients.
var (
	ListClients = define("clients.list", reads, func(ctx context.Context, s *Served, q *store.Page) (Listed[admin.ClientInfo], error) {
		if err := checkPage(*q); err != nil {
			return Listed[admin.ClientInfo]{}, err
		}
		return listed(s.Admin.Clients.List(ctx, s.Account, *q))
	})
	GetClient = define("clients.get", reads, func(ctx context.Context, s *Served, q *ClientNamed) (admin.Client, error) {
		return s.Admin.Clients.Get(ctx, s.Account, q.Name)
	})
	CreateClient = define("clients.create", writes, func(ctx context.Context, s *Served, q *ClientWritten) (admin.Client, error) {
		members, err := s.members(ctx, q.Sent)
		if err != nil {
			return admin.Client{}, err
		}
		return s.Admin.Clients.Create(ctx, s.Who, s.Account, q.Name, members)
	})
	ReplaceClient = define("clients.replace", writes, func(ctx context.Context, s *Served, q *ClientWritten) (admin.Client, error) {
		members, err := s.members(ctx, q.Sent)
		if err != nil {
			return admin.Client{}, err
		}
		return s.Admin.Clients.Replace(ctx, s.Who, s.Account, q.Name, members, q.Expected)
	})
	PatchClient = define("clients.patch", writes, func(ctx context.Context, s *Served, q *ClientWritten) (admin.Client, error) {
		members, err := s.members(ctx, q.Sent)
		if err != nil {
			return admin.Client{}, err
		}
		return s.Admin.Clients.Patch(ctx, s.Who, s.Account, q.Name, members, q.Expected)
	})
	DeleteClient = define("clients.delete", writes, func(ctx context.Context, s *Served, q *ExpectedName) (admin.Client, error) {
		return s.Admin.Clients.Delete(ctx, s.Who, s.Account, q.Name, q.Expected)
	})
)
