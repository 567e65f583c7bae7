package sqlstore

import (
	"context"
	"time"

	"aaa-api/internal/store"
)

type idempotency struct{ db Driver }

func scanRemembered(scan Scan) (r store.Remembered, err error) {
	var key, request []byte
	var until *time.Time
	err = scan(&r.Account, &key, &request, &r.Claim.Node, &until, &r.Answer, &r.Expires)
	copy(r.Key[:], key)
	copy(r.Request[:], request)
	r.Claim.Until, r.Expires = utc(until), r.Expires.UTC()
	return r, err
}

// beginTries is how often Begin tries to store a request whose key was forgotten between two of its statements.
const beginTries = 3

// Begin takes or takes over a key in one statement, so that one of several nodes has it. It is a transaction, lest the driver run the
// statement twice where the connection breaks and take its own claim for another's.
func (s idempotency) Begin(ctx context.Context, r store.Remembered, now time.Time) (first *store.Remembered, err error) {
	err = s.db.Write(ctx, func(ctx context.Context, tx Conn) error {
		for range beginTries {
			first = nil
			var known maybe[store.Remembered]
			taken, err := has(ctx, tx, `INSERT INTO idempotency AS i (account_id, key, request, node, claim_until, answer, expires_at)
				VALUES ($1, $2, $3, $4, $5, '', $6) ON CONFLICT (account_id, key) DO UPDATE SET
				request = excluded.request, node = excluded.node, claim_until = excluded.claim_until, answer = '', expires_at = excluded.expires_at
				WHERE i.expires_at <= $7 OR i.answer = '' AND i.claim_until <= $7 AND i.request = excluded.request RETURNING 1`,
				string(r.Account), r.Key[:], r.Request[:], r.Claim.Node, nullable(r.Claim.Until), *nullable(r.Expires), *nullable(now))
			if err != nil || taken {
				return err
			}
			if err := tx.Batch(ctx, []Statement{known.from(scanRemembered, `SELECT account_id, key, request, node, claim_until, answer, expires_at
				FROM idempotency WHERE account_id = $1 AND key = $2`, string(r.Account), r.Key[:])}); err != nil {
				return err
			}
			if known.found {
				first = &known.v
				return nil
			}
		}
		return store.ErrStale
	})
	if err != nil {
		return nil, err
	}
	return first, nil
}

const ownClaim = `account_id = $1 AND key = $2 AND node = $3 AND claim_until = $4 AND answer = ''`

func claimArgs(r store.Remembered) []any {
	return []any{string(r.Account), r.Key[:], r.Claim.Node, nullable(r.Claim.Until)}
}

// Finish implements store.Idempotency. ErrStale: the request was taken over, or has an answer.
func (s idempotency) Finish(ctx context.Context, r store.Remembered) error {
	n, err := s.db.Exec(ctx, `UPDATE idempotency SET answer = $5, expires_at = $6 WHERE `+ownClaim, append(claimArgs(r), r.Answer, *nullable(r.Expires))...)
	if err == nil && n == 0 {
		err = store.ErrStale
	}
	return err
}

func (s idempotency) Forget(ctx context.Context, r store.Remembered) error {
	_, err := s.db.Exec(ctx, `DELETE FROM idempotency WHERE `+ownClaim, claimArgs(r)...)
	return err
}

func (s idempotency) DeleteExpired(ctx context.Context, now time.Time) (int, error) {
	return prune(ctx, s.db, `DELETE FROM idempotency WHERE (account_id, key) IN (SELECT account_id, key FROM idempotency WHERE expires_at <= $1 LIMIT $2) AND expires_at <= $1`,
		nullable(now))
}
