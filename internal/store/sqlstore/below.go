package sqlstore

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// Below is one statement, so that accounts and documents are of one moment.
func (s documents) Below(ctx context.Context, top aaa.AccountID, limit int, visit func(a store.Account, body json.RawMessage) error) error {
	where, args := `a.id <> $2`, []any{int64(limit), ""}
	if top != aaa.SystemConfig {
		a, err := getAccount(ctx, s.db, `id = $1`, string(top))
		if err != nil {
			return err
		}
		if a.ParentID == "" {
			args[1] = string(top)
		} else {
			from, until := below(a)
			where, args = `a.path >= $2 AND a.path < $3`, []any{int64(limit), from, until}
		}
	}
	return s.db.Query(ctx, func(scan Scan) error {
		var a store.Account
		var body []byte
		var deleted *bool
		if err := scan(&a.ID, &a.ParentID, &a.Enabled, &deleted, &body); err != nil {
			return err
		}
		if deleted == nil || *deleted {
			body = nil
		}
		return visit(a, body)
	}, `SELECT a.id, a.parent_id, a.enabled, d.deleted, d.body
		FROM accounts a LEFT JOIN documents d ON d.account_id = a.id WHERE `+where+` LIMIT $1`, args...)
}

// OfAccounts asks for one account or for a full list, so that there are two statements to prepare.
func (s documents) OfAccounts(ctx context.Context, ids []aaa.AccountID, visit func(store.Stored) error) error {
	for list := range slices.Chunk(ids, store.MaxOfAccounts) {
		sql, args := ofOne, []any{string(list[0])}
		if len(list) > 1 {
			sql, args = ofSeveral, make([]any, store.MaxOfAccounts)
			for i := range args {
				args[i] = string(list[min(i, len(list)-1)])
			}
		}
		if err := s.db.Query(ctx, func(scan Scan) error {
			row, err := scanStored(scan)
			if err != nil {
				return err
			}
			return visit(row)
		}, sql, args...); err != nil {
			return err
		}
	}
	return nil
}

// ofAccounts is the query of OfAccounts without the list.
const ofAccounts = `SELECT a.id, a.parent_id, a.path, a.name, COALESCE(a.realm, ''), a.enabled, a.revision, a.created_at, a.updated_at, a.limits,
	a.server_networks, a.client_networks, d.revision, d.deleted, d.body, d.author, d.created_at,
	CASE WHEN EXISTS (SELECT 1 FROM dictionaries x WHERE x.account_id = a.id) OR EXISTS (SELECT 1 FROM texts t WHERE t.account_id = a.id) THEN 1 ELSE 0 END
	FROM accounts a LEFT JOIN documents d ON d.account_id = a.id WHERE a.id IN `

var (
	ofOne     = ofAccounts + `($1)`
	ofSeveral = ofAccounts + among(store.MaxOfAccounts, 1)
)

func scanStored(scan Scan) (row store.Stored, err error) {
	var (
		revision *int64
		deleted  *bool
		body     []byte
		author   *string
		created  *time.Time
		holds    int64
	)
	row.Account, err = scanAccount(func(dst ...any) error {
		return scan(append(dst, &revision, &deleted, &body, &author, &created, &holds)...)
	})
	if err == nil && revision != nil && !*deleted {
		row.Document = &store.Document{Account: row.Account.ID, Revision: *revision, Body: body, Author: *author, CreatedAt: created.UTC()}
	}
	row.Holds = holds != 0
	return row, err
}
