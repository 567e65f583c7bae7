package operations

import (
	"context"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
	"aaa-api/internal/store"
)

// BansPart asks for a page of bans.
type BansPart struct {
	Below bool // those of all accounts below too
	Page  store.Page
}

// BanWritten is a ban by hand: an object of schemas/ban.json.
type BanWritten struct{ Sent aaa.Decoded }

// BanNamed names a ban.
type BanNamed struct{ ID string }

// BannedValue names a value of a request key.
type BannedValue struct{ Key, Value string }

// The operations on bans: see admin.Bans.
var (
	ListBans = define("bans.list", reads, func(ctx context.Context, s *Served, q *BansPart) (Listed[admin.Ban], error) {
		if err := checkPage(q.Page); err != nil {
			return Listed[admin.Ban]{}, err
		}
		list := s.Admin.Bans.List
		if q.Below {
			list = s.Admin.Bans.ListBelow
		}
		return listed(list(ctx, s.Who, s.Account, q.Page))
	})
	AddBan = define("bans.add", writes, func(ctx context.Context, s *Served, q *BanWritten) (admin.Ban, error) {
		members, err := s.members(ctx, q.Sent)
		if err != nil {
			return admin.Ban{}, err
		}
		return s.Admin.Bans.Add(ctx, s.Who, s.Account, members)
	})
	LiftBan = define("bans.lift", writes, func(ctx context.Context, s *Served, q *BanNamed) (admin.Ban, error) {
		return s.Admin.Bans.Lift(ctx, s.Who, s.Account, q.ID)
	})
	LiftBannedValue = define("bans.lift_value", writes, func(ctx context.Context, s *Served, q *BannedValue) (admin.Lifted, error) {
		return s.Admin.Bans.LiftValue(ctx, s.Who, s.Account, q.Key, q.Value)
	})
)
