package sqlstore

import (
	"context"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

type bans struct{ db Driver }

const (
	banColumns = `account_id, id, document_id, key_name, value, score, last_at, banned_at, until, lifted_at, author, reason, expires_at, seq`
	// inForce chooses bans that last at $2. Its first condition is that of an index.
	inForce = `until IS NOT NULL AND until > $2`
)

func scanBan(scan Scan) (b store.Ban, err error) {
	var last, banned, until, lifted *time.Time
	err = scan(&b.Account, &b.ID, &b.Document, &b.Key, &b.Value, &b.Score, &last, &banned, &until, &lifted, &b.Author, &b.Reason, &b.ExpiresAt, &b.Seq)
	b.LastAt, b.BannedAt, b.Until, b.LiftedAt, b.ExpiresAt = utc(last), utc(banned), utc(until), utc(lifted), b.ExpiresAt.UTC()
	return b, err
}

// Merge takes the counter's row first: whoever reads a number has read all before it, and two nodes do not merge the same key at once.
func (s bans) Merge(ctx context.Context, node string, number int64, now time.Time, keys []store.BanKey, merge func(int, store.Ban) store.Ban) (list []store.Ban, err error) {
	err = s.db.Write(ctx, func(ctx context.Context, tx Conn) error {
		seq, err := countBans(ctx, tx, len(keys))
		if err != nil {
			return err
		}
		fresh, err := has(ctx, tx, `INSERT INTO ban_writers AS w (node, number, at) VALUES ($1, $2, $3) ON CONFLICT (node) DO UPDATE SET
			number = excluded.number, at = excluded.at WHERE w.number < excluded.number RETURNING 1`, node, number, *nullable(now))
		if err != nil {
			return err
		}
		if list, err = storedBans(ctx, tx, keys); err != nil || !fresh {
			return err
		}
		for i := range list {
			list[i] = merge(i, list[i])
			list[i].Seq = seq + int64(i)
		}
		return putBans(ctx, tx, list)
	})
	return list, err
}

func (s bans) Change(ctx context.Context, key store.BanKey, change func(store.Ban) (store.Ban, error)) (b store.Ban, err error) {
	err = s.db.Write(ctx, func(ctx context.Context, tx Conn) error {
		seq, err := countBans(ctx, tx, 1)
		if err != nil {
			return err
		}
		list, err := storedBans(ctx, tx, []store.BanKey{key})
		if err != nil {
			return err
		}
		if b, err = change(list[0]); err != nil {
			return err
		}
		b.Seq = seq
		return putBans(ctx, tx, []store.Ban{b})
	})
	return b, err
}

// countBans takes the counter's row and so many numbers, and returns the first of them.
func countBans(ctx context.Context, tx Conn, n int) (first int64, err error) {
	last, err := get(ctx, tx, scanInt, `UPDATE ban_counter SET seq = seq + $1 WHERE id = 1 RETURNING seq`, int64(n))
	return last - int64(n) + 1, err
}

// storedBans reads what is stored of keys, in their order; a Ban of the key alone if nothing is.
func storedBans(ctx context.Context, tx Conn, keys []store.BanKey) ([]store.Ban, error) {
	list := make([]store.Ban, len(keys))
	statements := make([]Statement, len(keys))
	for i, k := range keys {
		list[i] = store.Ban{BanKey: k}
		statements[i] = Statement{
			SQL: `SELECT ` + banColumns + ` FROM bans WHERE account_id = $1 AND id = $2`, Args: []any{string(k.Account), k.ID},
			Row: func(scan Scan) (err error) {
				list[i], err = scanBan(scan)
				return err
			},
		}
	}
	return list, tx.Batch(ctx, statements)
}

func putBans(ctx context.Context, tx Conn, list []store.Ban) error {
	statements := make([]Statement, len(list))
	for i, b := range list {
		statements[i] = Statement{
			SQL: `INSERT INTO bans (` + banColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
				ON CONFLICT (account_id, id) DO UPDATE SET document_id = excluded.document_id, key_name = excluded.key_name, value = excluded.value,
				score = excluded.score, last_at = excluded.last_at, banned_at = excluded.banned_at, until = excluded.until, lifted_at = excluded.lifted_at,
				author = excluded.author, reason = excluded.reason, expires_at = excluded.expires_at, seq = excluded.seq`,
			Args: []any{
				string(b.Account), b.ID, string(b.Document), b.Key, b.Value, b.Score, nullable(b.LastAt), nullable(b.BannedAt), nullable(b.Until),
				nullable(b.LiftedAt), b.Author, b.Reason, *nullable(b.ExpiresAt), b.Seq,
			},
		}
	}
	return tx.Batch(ctx, statements)
}

func (s bans) Forget(ctx context.Context, keys []store.BanKey) error {
	statements := make([]Statement, len(keys))
	for i, k := range keys {
		statements[i] = Statement{SQL: `DELETE FROM bans WHERE account_id = $1 AND id = $2 AND until IS NULL AND lifted_at IS NULL`, Args: []any{string(k.Account), k.ID}}
	}
	return s.db.Write(ctx, func(ctx context.Context, tx Conn) error { return tx.Batch(ctx, statements) })
}

// Since reads the counter first: what is written meanwhile is read the next time.
func (s bans) Since(ctx context.Context, after int64, limit int) (list []store.Ban, end int64, err error) {
	if end, err = get(ctx, s.db, scanInt, `SELECT seq FROM ban_counter WHERE id = 1`); err != nil || end <= after {
		return nil, end, err
	}
	list, err = all(ctx, s.db, scanBan, `SELECT `+banColumns+` FROM bans WHERE seq > $1 ORDER BY seq LIMIT $2`, after, int64(limit))
	return list, end, err
}

func banID(b store.Ban) string { return b.ID }

// ofAccountFrom is the query of an account's bans from an id on.
const ofAccountFrom = `SELECT ` + banColumns + ` FROM bans WHERE account_id = $1 AND ` + inForce + ` AND id >= $3 ORDER BY id LIMIT $4`

func (s bans) List(ctx context.Context, account aaa.AccountID, now time.Time, p store.Page) ([]store.Ban, string, error) {
	return page(ctx, s.db, p, scanBan, banID, ofAccountFrom, string(account), *nullable(now), p.Start, limit(p))
}

// Below implements store.Bans.
func (s bans) Below(ctx context.Context, account aaa.AccountID, now time.Time, p store.Page) ([]store.Ban, string, error) {
	return listBelow(ctx, accounts(s), account, p, belowOf[store.Ban]{
		account: func(ctx context.Context, from string) (has string, err error) {
			_, err = one(ctx, s.db, func(scan Scan) error { return scan(&has) },
				`SELECT account_id FROM bans WHERE account_id >= $1 AND `+inForce+` ORDER BY account_id LIMIT 1`, from, *nullable(now))
			return has, err
		},
		rows: func(ctx context.Context, account, from string, n int64) ([]store.Ban, error) {
			return all(ctx, s.db, scanBan, ofAccountFrom, account, *nullable(now), from, n)
		},
		key: func(b store.Ban) (aaa.AccountID, string) { return b.Account, b.ID },
	})
}

func (s bans) Count(ctx context.Context, account aaa.AccountID, now time.Time) (int64, error) {
	return get(ctx, s.db, scanInt, `SELECT COUNT(*) FROM bans WHERE account_id = $1 AND `+inForce, string(account), *nullable(now))
}

// staleWriter is how old a node's last list must be before it is forgotten: no node tries for as long.
const staleWriter = 24 * time.Hour

func (s bans) DeleteExpired(ctx context.Context, now time.Time) (int, error) {
	n, err := prune(ctx, s.db, `DELETE FROM bans WHERE (account_id, id) IN (SELECT account_id, id FROM bans WHERE expires_at <= $1 LIMIT $2) AND expires_at <= $1`,
		*nullable(now))
	if err != nil {
		return n, err
	}
	_, err = prune(ctx, s.db, `DELETE FROM ban_writers WHERE node IN (SELECT node FROM ban_writers WHERE at <= $1 LIMIT $2)`, *nullable(now.Add(-staleWriter)))
	return n, err
}
