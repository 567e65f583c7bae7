package operations

import (
	"context"

	"aaa-api/internal/admin"
	"aaa-api/internal/store"
)

// BanID names a ban.
type BanID struct{ ID string }

// BannedValue names a value of a request key.
type BannedValue struct{ Key, Value string }

// The operations on bans: see admin.Bans.
var (
	ListBans = define("bans.list", reads, func(ctx context.Context, s *Served, q *store.Page) (Listed[admin.Ban], error) {
		if err := checkPage(*q); err != nil {
			return Listed[admin.Ban]{}, err
		}
		return listed(s.Admin.Bans.List(ctx, s.Who, s.Account, *q))
	})
	ListBansBelow = define("bans.below", reads, func(ctx context.Context, s *Served, q *store.Page) (Listed[admin.Ban], error) {
		if err := checkPage(*q); err != nil {
			return Listed[admin.Ban]{}, err
		}
		return listed(s.Admin.Bans.ListBelow(ctx, s.Who, s.Account, *q))
	})
	AddBan = define("bans.add", writes, func(ctx context.Context, s *Served, q *Wanted) (admin.Ban, error) {
		members, err := s.members(ctx, q.Sent)
		if err != nil {
			return admin.Ban{}, err
		}
		return s.Admin.Bans.Add(ctx, s.Who, s.Account, members)
	})
	LiftBan = define("bans.lift", writes, func(ctx context.Context, s *Served, q *BanID) (admin.Ban, error) {
		return s.Admin.Bans.Lift(ctx, s.Who, s.Account, q.ID)
	})
	LiftValue = define("bans.lift_value", writes, func(ctx context.Context, s *Served, q *BannedValue) (admin.Lifted, error) {
		return s.Admin.Bans.LiftValue(ctx, s.Who, s.Account, q.Key, q.Value)
	})
)
