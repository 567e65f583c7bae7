package sqlstore

import (
	"context"
	"encoding/json"

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
