package sqlstore

import (
	"context"
	"strings"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

type tokens struct{ db Driver }

const tokenColumns = `account_id, id, hash, kind, scopes, note, created_at, expires_at, key_id, made_by, made_by_account, checksum`

func scanToken(scan Scan) (t store.Token, err error) {
	var (
		hash    []byte
		scopes  string
		expires *time.Time
	)
	err = scan(&t.Account, &t.ID, &hash, &t.Kind, &scopes, &t.Note, &t.CreatedAt, &expires, &t.KeyID,
		&t.MadeBy, &t.MakerAccount, &t.Checksum)
	copy(t.Hash[:], hash)
	t.Scopes = strings.Fields(scopes)
	t.CreatedAt, t.ExpiresAt = t.CreatedAt.UTC(), utc(expires)
	return t, err
}

func (s tokens) Create(ctx context.Context, t store.Token) error {
	return configure(ctx, s.db, func(ctx context.Context, tx *write) error { return tx.addToken(ctx, t) })
}

func (w *write) addToken(ctx context.Context, t store.Token) error {
	if err := exists(ctx, w, `SELECT 1 FROM accounts WHERE id = $1`, string(t.Account)); err != nil {
		return err
	}
	if t.KeyID != "" {
		// The key was seen good outside of this transaction: it may have been revoked since.
		if err := exists(ctx, w, `SELECT 1 FROM tokens WHERE account_id = $1 AND id = $2 AND kind = $3`,
			string(t.Account), t.KeyID, store.KindAPIKey); err != nil {
			return err
		}
	}
	if t.MadeBy != "" { // so may its maker, or the account have been moved away from below that one's
		if err := exists(ctx, w, `SELECT 1 FROM tokens m, accounts a WHERE m.id = $1 AND m.account_id = $2
			AND a.id = $3 AND a.path || a.id || '/' LIKE '%' || m.account_id || '/%'`,
			t.MadeBy, string(t.MakerAccount), string(t.Account)); err != nil {
			return err
		}
	}
	if err := w.room(ctx, t.Account, aaa.LimitTokens, fromTokens, string(t.Account), t.Kind == store.KindSession, w.now); err != nil {
		return err
	}
	if t.CreatedAt.IsZero() {
		t.CreatedAt = w.now
	}
	var expires *time.Time
	if !t.ExpiresAt.IsZero() {
		expires = &t.ExpiresAt
	}
	// A hash or id that is there already breaks a unique key, which the driver reports as ErrExists.
	if _, err := w.Exec(ctx, `INSERT INTO tokens (`+tokenColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		string(t.Account), t.ID, t.Hash[:], t.Kind, strings.Join(t.Scopes, " "), t.Note, t.CreatedAt, expires, t.KeyID,
		t.MadeBy, string(t.MakerAccount), t.Checksum); err != nil {
		return err
	}
	return w.changed(ctx, store.ChangedToken, t.Account, t.ID)
}

func (s tokens) Rotate(ctx context.Context, key store.Token) error {
	return configure(ctx, s.db, func(ctx context.Context, tx *write) error {
		if _, err := tx.revokeKeys(ctx, key.Account); err != nil {
			return err
		}
		return tx.addToken(ctx, key)
	})
}

func (s tokens) ByHash(ctx context.Context, hash [32]byte) (store.Token, error) {
	return get(ctx, s.db, scanToken, `SELECT `+tokenColumns+` FROM tokens WHERE hash = $1`, hash[:])
}

func (s tokens) List(ctx context.Context, account aaa.AccountID, p store.Page) ([]store.Token, string, error) {
	return page(ctx, s.db, p, scanToken, func(t store.Token) string { return t.ID },
		`SELECT `+tokenColumns+` FROM tokens WHERE account_id = $1 AND id >= $2 ORDER BY id LIMIT $3`,
		string(account), p.Start, limit(p))
}

func (s tokens) RevokeKeys(ctx context.Context, account aaa.AccountID) (keys []store.Token, err error) {
	err = configure(ctx, s.db, func(ctx context.Context, tx *write) (err error) {
		if keys, err = tx.revokeKeys(ctx, account); err == nil && len(keys) == 0 {
			err = store.ErrNotFound
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return keys, nil
}

func (w *write) revokeKeys(ctx context.Context, account aaa.AccountID) ([]store.Token, error) {
	keys, err := all(ctx, w, scanToken, `SELECT `+tokenColumns+` FROM tokens WHERE account_id = $1 AND kind = $2 ORDER BY id`,
		string(account), store.KindAPIKey)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if _, err := w.revoke(ctx, account, k.ID); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

func (s tokens) Key(ctx context.Context) ([]byte, error) {
	return get(ctx, s.db, func(scan Scan) (key []byte, err error) { return key, scan(&key) }, `SELECT key FROM token_key WHERE id = 1`)
}

func (s tokens) WithoutChecksum(ctx context.Context) (bool, error) {
	return has(ctx, s.db, `SELECT 1 FROM tokens WHERE NOT checksum LIMIT 1`)
}

func (s tokens) DeleteExpired(ctx context.Context, now time.Time) (int, error) {
	return prune(ctx, s.db, `DELETE FROM tokens WHERE expires_at < $1 AND (account_id, id) IN
		(SELECT account_id, id FROM tokens WHERE expires_at < $1 LIMIT $2)`, now)
}
