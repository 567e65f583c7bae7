package sqlstore

import (
	"context"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

type keys struct{ db Driver }

func scanWrapped(scan Scan) (key []byte, err error) {
	err = scan(&key)
	return key, err
}

func (s keys) Get(ctx context.Context, account aaa.AccountID) ([]byte, error) {
	return get(ctx, s.db, scanWrapped, `SELECT wrapped FROM data_keys WHERE account_id = $1`, string(account))
}

// Add lets the first of several nodes win without the change counter, as it is no
// change; the row of a deleted account is harmless, for its id is never given again.
func (s keys) Add(ctx context.Context, account aaa.AccountID, wrapped []byte) ([]byte, error) {
	var stored maybe[[]byte]
	if err := s.db.Batch(ctx, []Statement{
		{SQL: `INSERT INTO data_keys (account_id, wrapped) VALUES ($1, $2) ON CONFLICT (account_id) DO NOTHING`, Args: []any{string(account), wrapped}},
		stored.from(scanWrapped, `SELECT wrapped FROM data_keys WHERE account_id = $1`, string(account)),
	}); err != nil {
		return nil, err
	}
	if !stored.found { // the account was deleted meanwhile
		return nil, store.ErrNotFound
	}
	return stored.v, nil
}

func (s keys) List(ctx context.Context, start aaa.AccountID, limit int) ([]store.WrappedKey, aaa.AccountID, error) {
	list, err := all(ctx, s.db, func(scan Scan) (k store.WrappedKey, err error) {
		var account string
		err = scan(&account, &k.Wrapped)
		k.Account = aaa.AccountID(account)
		return k, err
	}, `SELECT account_id, wrapped FROM data_keys WHERE account_id >= $1 ORDER BY account_id LIMIT $2`, string(start), int64(limit)+1)
	if err != nil || len(list) <= limit {
		return list, "", err
	}
	return list[:limit], list[limit].Account, nil
}

func (s keys) Replace(ctx context.Context, account aaa.AccountID, old, fresh []byte) (bool, error) {
	n, err := s.db.Exec(ctx, `UPDATE data_keys SET wrapped = $1 WHERE account_id = $2 AND wrapped = $3`, fresh, string(account), old)
	return n == 1, err
}

func (s keys) Delete(ctx context.Context, account aaa.AccountID) error {
	_, err := s.db.Exec(ctx, `DELETE FROM data_keys WHERE account_id = $1`, string(account))
	return err
}
