package operations

import (
	"context"
	"encoding/json"
	"strconv"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
	"aaa-api/internal/store"
)

// banPage is how many bans are read at a time.
const banPage = 200

// AskBans chooses bans.
type AskBans struct {
	Account aaa.AccountID // with all below; empty: the root account
	Start   string        // Next of the page before
}

// BanList is a page of bans. It may be empty and have a next one.
type BanList struct {
	Bans []admin.Ban
	Next string // empty: there are no more
}

// OperatorBans returns a page of the bans of all nodes.
var OperatorBans = define("operators.bans", operators, func(ctx context.Context, s *Served, q *AskBans) (BanList, error) {
	top, err := s.top(ctx, q.Account)
	if err != nil {
		return BanList{}, err
	}
	var out BanList
	out.Bans, out.Next, err = s.Admin.Bans.ListBelow(ctx, s.Who, top, store.Page{Start: q.Start, Limit: banPage})
	return out, err
})

// NewBan is a ban by hand.
type NewBan struct {
	Account aaa.AccountID // whose requests
	Key     string
	Value   string
	Seconds int64 // 0: as the document says
	Reason  string
}

// OperatorBan bans a value of a key.
var OperatorBan = define("operators.ban", operators, func(ctx context.Context, s *Served, q *NewBan) (admin.Ban, error) {
	if err := s.exists(ctx, q.Account); err != nil {
		return admin.Ban{}, err
	}
	members := map[string]any{"key": q.Key, "value": q.Value}
	if q.Seconds != 0 {
		members["seconds"] = json.Number(strconv.FormatInt(q.Seconds, 10))
	}
	if q.Reason != "" {
		members["reason"] = q.Reason
	}
	return s.Admin.Bans.Add(ctx, s.Who, q.Account, members)
})

// OldBan names bans by the id of one, or by a value of a key.
type OldBan struct {
	Account aaa.AccountID
	ID      string // empty: those of Key and Value
	Key     string
	Value   string
}

// OperatorUnban ends bans.
var OperatorUnban = define("operators.unban", operators, func(ctx context.Context, s *Served, q *OldBan) (admin.Lifted, error) {
	if err := s.exists(ctx, q.Account); err != nil {
		return admin.Lifted{}, err
	}
	if q.ID == "" {
		return s.Admin.Bans.LiftValue(ctx, s.Who, q.Account, q.Key, q.Value)
	}
	_, err := s.Admin.Bans.Lift(ctx, s.Who, q.Account, q.ID)
	if err != nil {
		return admin.Lifted{}, err
	}
	return admin.Lifted{Bans: 1}, nil
})
