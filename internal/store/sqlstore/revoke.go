package sqlstore

import (
	"context"
	"maps"
	"slices"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// maxRevokedAccounts is how many accounts a revocation names in the change log. One that concerns more names none and
// stands for all tokens, so that its transaction stays short.
const maxRevokedAccounts = 100

func (s tokens) Revoke(ctx context.Context, account aaa.AccountID, id string) (gone store.Revoked, err error) {
	err = configure(ctx, s.db, func(ctx context.Context, tx *write) (err error) {
		gone, err = tx.revoke(ctx, account, id)
		return err
	})
	return gone, err
}

// revoke deletes a token and all that came from it. The token's own change is the last: it takes the sessions of an API key along.
func (w *write) revoke(ctx context.Context, account aaa.AccountID, id string) (store.Revoked, error) {
	gone, err := w.revokeAll(ctx, `account_id = $1 AND id = $2`, string(account), id)
	if err != nil {
		return gone, err
	}
	if gone.Tokens == 0 {
		return gone, store.ErrNotFound
	}
	if gone.Tokens > 1 {
		if err := w.tokensChanged(ctx, gone.Accounts); err != nil {
			return gone, err
		}
	}
	return gone, w.changed(ctx, store.ChangedToken, account, id)
}

// revokeAll deletes the tokens that a condition chooses, what they made, what that made, and so on. The change log is left to
// the caller.
func (w *write) revokeAll(ctx context.Context, where string, args ...any) (gone store.Revoked, err error) {
	// What a node of an older version made of an API key knows the key alone.
	if _, err := w.Exec(ctx, `UPDATE tokens SET made_by = key_id, made_by_account = account_id WHERE made_by = '' AND key_id <> ''`); err != nil {
		return gone, err
	}
	accounts := make(map[aaa.AccountID]bool)
	err = w.Query(ctx, func(scan Scan) error {
		var account aaa.AccountID
		err := scan(&account)
		accounts[account] = true
		gone.Tokens++
		return err
	}, `WITH RECURSIVE gone (id) AS (
			SELECT id FROM tokens WHERE `+where+`
			UNION SELECT t.id FROM tokens t JOIN gone ON t.made_by = gone.id
		) DELETE FROM tokens WHERE id IN (SELECT id FROM gone) RETURNING account_id`, args...)
	gone.Accounts = slices.Sorted(maps.Keys(accounts))
	return gone, err
}

// tokensChanged tells the change log that some tokens of each account are gone.
func (w *write) tokensChanged(ctx context.Context, accounts []aaa.AccountID) error {
	if len(accounts) > maxRevokedAccounts {
		accounts = []aaa.AccountID{aaa.SystemConfig}
	}
	for _, account := range accounts {
		if err := w.changed(ctx, store.ChangedToken, account, ""); err != nil {
			return err
		}
	}
	return nil
}

func (s tokens) Orphan(ctx context.Context, account aaa.AccountID, id, by string) error {
	return configure(ctx, s.db, func(ctx context.Context, tx *write) error {
		t, err := get(ctx, tx, scanToken, `SELECT `+tokenColumns+` FROM tokens WHERE account_id = $1 AND id = $2`, string(account), id)
		if err != nil {
			return err
		}
		// Else whoever stole a token would make another with it, and with that one cut the tie by which it is revoked.
		within, err := has(ctx, tx, `WITH RECURSIVE maker (id, made_by) AS (
				SELECT id, made_by FROM tokens WHERE id = $1
				UNION SELECT t.id, t.made_by FROM tokens t JOIN maker ON t.id = maker.made_by
			) SELECT 1 FROM maker WHERE id = $2`, by, id)
		if err != nil {
			return err
		}
		if within || t.Kind == store.KindAPIKey {
			return store.ErrNoOrphan
		}
		if err := execAll(ctx, tx, []any{id}, `UPDATE tokens SET made_by =
				(SELECT m.made_by FROM tokens m WHERE m.id = $1) WHERE made_by = $1`, `DELETE FROM tokens WHERE id = $1`); err != nil {
			return err
		}
		return tx.changed(ctx, store.ChangedToken, account, id)
	})
}
