package operations

import (
	"context"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
	"aaa-api/internal/store"
)

// KnownUsers asks for a users file, but for one that the caller knows.
type KnownUsers struct {
	Name  string
	Known aaa.Revisions
}

// UsersWritten is a users file in place of the one of its name.
type UsersWritten struct {
	Upload   admin.UsersUpload
	Expected aaa.Revisions
}

// The operations on users files: see admin.Users.
var (
	ListUsers = define("users.list", reads, func(ctx context.Context, s *Served, q *store.Page) (Listed[admin.TextInfo], error) {
		if err := checkPage(*q); err != nil {
			return Listed[admin.TextInfo]{}, err
		}
		return listed(s.Admin.Users.List(ctx, s.Account, *q))
	})
	GetUsers = define("users.get", reads, func(ctx context.Context, s *Served, q *KnownUsers) (admin.UsersFile, error) {
		return s.Admin.Users.Get(ctx, s.Who, s.Account, q.Name, q.Known)
	})
	CreateUsers = define("users.create", writes, func(ctx context.Context, s *Served, q *admin.UsersUpload) (admin.UsersFile, error) {
		if err := s.upload(ctx, len(q.Text), s.Admin.Bounds().TextBody); err != nil {
			return admin.UsersFile{}, err
		}
		return s.Admin.Users.Create(ctx, s.Who, s.Account, *q)
	})
	ReplaceUsers = define("users.replace", writes, func(ctx context.Context, s *Served, q *UsersWritten) (admin.UsersFile, error) {
		if err := s.upload(ctx, len(q.Upload.Text), s.Admin.Bounds().TextBody); err != nil {
			return admin.UsersFile{}, err
		}
		return s.Admin.Users.Replace(ctx, s.Who, s.Account, q.Upload, q.Expected)
	})
	DeleteUsers = define("users.delete", writes, func(ctx context.Context, s *Served, q *ExpectedName) (admin.TextInfo, error) {
		return s.Admin.Users.Delete(ctx, s.Who, s.Account, q.Name, q.Expected)
	})
)
