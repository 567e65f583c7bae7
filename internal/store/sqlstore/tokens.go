package sqlstore

import (
	"context"
	"strings"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

type tokens struct{ db Driver }

const tokenColumns = `account_id, id, hash, kind, scopes, note, created_at, expires_at`

func scanToken(scan Scan) (t store.Token, err error) {
	var (
		hash    []byte
		scopes  string
		expires *time.Time
	)
	err = scan(&t.Account, &t.ID, &hash, &t.Kind, &scopes, &t.Note, &t.CreatedAt, &expires)
	copy(t.Hash[:], hash)
	t.Scopes = strings.Fields(scopes)
	t.CreatedAt, t.ExpiresAt = t.CreatedAt.UTC(), utc(expires)
	return t, err
}

func (s tokens) Create(ctx context.Context, t store.Token) error {
	return configure(ctx, s.db, func(ctx context.Context, tx *write) error {
		if err := exists(ctx, tx, `SELECT 1 FROM accounts WHERE id = $1`, string(t.Account)); err != nil {
			return err
		}
		if t.CreatedAt.IsZero() {
			t.CreatedAt = tx.now
		}
		var expires *time.Time
		if !t.ExpiresAt.IsZero() {
			expires = &t.ExpiresAt
		}
		// A hash or id that is there already breaks a unique key, which the driver reports as ErrExists.
		if _, err := tx.Exec(ctx, `INSERT INTO tokens (`+tokenColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			string(t.Account), t.ID, t.Hash[:], t.Kind, strings.Join(t.Scopes, " "), t.Note, t.CreatedAt, expires); err != nil {
			return err
		}
		return tx.changed(ctx, store.ChangedToken, t.Account, t.ID)
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

func (s tokens) Revoke(ctx context.Context, account aaa.AccountID, id string) error {
	return configure(ctx, s.db, func(ctx context.Context, tx *write) error {
		n, err := tx.Exec(ctx, `DELETE FROM tokens WHERE account_id = $1 AND id = $2`, string(account), id)
		if err != nil {
			return err
		}
		if n == 0 {
			return store.ErrNotFound
		}
		return tx.changed(ctx, store.ChangedToken, account, id)
	})
}

func (s tokens) DeleteExpired(ctx context.Context, now time.Time) (int, error) {
	n, err := s.db.Exec(ctx, `DELETE FROM tokens WHERE expires_at < $1`, now)
	return int(n), err
}

type keys struct{ db Driver }

func getKey(ctx context.Context, c Conn, account aaa.AccountID) ([]byte, error) {
	return get(ctx, c, func(scan Scan) (key []byte, err error) { err = scan(&key); return key, err },
		`SELECT wrapped FROM data_keys WHERE account_id = $1`, string(account))
}

func (s keys) Get(ctx context.Context, account aaa.AccountID) ([]byte, error) {
	return getKey(ctx, s.db, account)
}

// Add lets the first of several nodes win without the change counter, as it is no
// change; the row of a deleted account is harmless, for its id is never given again.
func (s keys) Add(ctx context.Context, account aaa.AccountID, wrapped []byte) ([]byte, error) {
	if _, err := s.db.Exec(ctx, `INSERT INTO data_keys (account_id, wrapped) VALUES ($1, $2)
		ON CONFLICT (account_id) DO NOTHING`, string(account), wrapped); err != nil {
		return nil, err
	}
	return getKey(ctx, s.db, account)
}
