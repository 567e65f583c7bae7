package sqlstore

import (
	"context"
	"maps"
	"slices"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

type sessions struct {
	db  Driver
	due *dueCursor
}

const sessionColumns = `account_id, hash, id, revision, state, open, body, due_at, lease_until, node, created_at, updated_at, ended_at, nas, suspended, user_hash`

func scanSession(scan Scan) (r store.SessionRecord, err error) {
	var (
		hash              []byte
		body              string
		due, lease, ended *time.Time
	)
	err = scan(&r.Account, &hash, &r.ID, &r.Revision, &r.State, &r.Open, &body, &due, &lease, &r.Lease.Node, &r.CreatedAt, &r.UpdatedAt, &ended, &r.NAS, &r.Suspended, &r.UserHash)
	copy(r.Hash[:], hash)
	r.Body = []byte(body)
	r.DueAt, r.Lease.Until, r.EndedAt = utc(due), utc(lease), utc(ended)
	r.CreatedAt, r.UpdatedAt = r.CreatedAt.UTC(), r.UpdatedAt.UTC()
	return r, err
}

// nullable is NULL for the zero time. The stores keep microseconds.
func nullable(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Microsecond)
	return &t
}

// Due implements store.Sessions.
func (s sessions) Due(ctx context.Context, now time.Time, lease store.Lease, take func(aaa.AccountID) bool) ([]store.SessionRecord, error) {
	return claimable[[]byte, store.SessionRecord]{
		db: s.db, table: "sessions", key: "hash", columns: sessionColumns, scan: scanSession, cursor: s.due, each: dueCount,
	}.due(ctx, now, lease, take)
}

func (s sessions) Create(ctx context.Context, r store.SessionRecord, most store.MostSessions) error {
	for range 2 {
		counted, err := s.create(ctx, r, most)
		if err != nil || counted {
			return err
		}
		if err := s.recount(ctx, r.Account); err != nil {
			return err
		}
	}
	return errUncounted
}

// create stores a session if the counts of its account let it. counted is false, and nothing stored, if they must be made first.
func (s sessions) create(ctx context.Context, r store.SessionRecord, most store.MostSessions) (counted bool, err error) {
	err = s.db.Write(ctx, func(ctx context.Context, tx Conn) error {
		if counted, err = roomForSession(ctx, tx, r.Account, most); err != nil || !counted {
			return err
		}
		// A hash or id that is there already breaks a unique key, which the driver reports as ErrExists.
		if _, err := tx.Exec(ctx, `INSERT INTO sessions (`+sessionColumns+`) VALUES ($1, $2, $3, 1, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
			string(r.Account), r.Hash[:], r.ID, string(r.State), r.Open, string(r.Body), nullable(r.DueAt), nullable(r.Lease.Until),
			r.Lease.Node, nullable(r.CreatedAt), nullable(r.UpdatedAt), nullable(r.EndedAt), r.NAS, r.Suspended, r.UserHash); err != nil {
			return err
		}
		live := int64(1)
		if !r.EndedAt.IsZero() {
			live = 0
		}
		n, err := tx.Exec(ctx, `UPDATE session_counts SET live = live + $2, stored = stored + 1
			WHERE account_id = $1 AND live < $3 AND stored < $4`, string(r.Account), live, most.Live, most.Stored)
		if err == nil && n == 0 { // others were faster
			err = overLimit(r.Account, aaa.LimitSessions, most.Live)
		}
		return err
	})
	return counted, err
}

func (s sessions) Get(ctx context.Context, account aaa.AccountID, hash [32]byte) (store.SessionRecord, error) {
	return get(ctx, s.db, scanSession,
		`SELECT `+sessionColumns+` FROM sessions WHERE account_id = $1 AND hash = $2`, string(account), hash[:])
}

func (s sessions) ByID(ctx context.Context, account aaa.AccountID, id string) (store.SessionRecord, error) {
	return get(ctx, s.db, scanSession,
		`SELECT `+sessionColumns+` FROM sessions WHERE account_id = $1 AND id = $2`, string(account), id)
}

func (s sessions) Update(ctx context.Context, r store.SessionRecord, ifRevision int64) (store.SessionRecord, error) {
	err := s.db.Write(ctx, func(ctx context.Context, tx Conn) error {
		update := func(where string) (bool, error) {
			n, err := tx.Exec(ctx, `UPDATE sessions SET revision = $3, state = $4, open = $5, body = $6,
				due_at = $7, lease_until = $8, node = $9, updated_at = $10, ended_at = $11, nas = $13, suspended = $14, user_hash = $15
				WHERE account_id = $1 AND hash = $2 AND revision = $12 AND `+where,
				string(r.Account), r.Hash[:], ifRevision+1, string(r.State), r.Open, string(r.Body),
				nullable(r.DueAt), nullable(r.Lease.Until), r.Lease.Node, nullable(r.UpdatedAt), nullable(r.EndedAt), ifRevision, r.NAS, r.Suspended, r.UserHash)
			return n > 0, err
		}
		if done, err := update(`ended_at IS NULL`); err != nil {
			return err
		} else if done && r.EndedAt.IsZero() {
			return nil
		} else if done {
			return addLive(ctx, tx, r.Account, -1)
		}
		if done, err := update(`ended_at IS NOT NULL`); err != nil {
			return err
		} else if done && r.EndedAt.IsZero() {
			return addLive(ctx, tx, r.Account, 1)
		} else if done {
			return nil
		}
		if err := exists(ctx, tx, `SELECT 1 FROM sessions WHERE account_id = $1 AND hash = $2`, string(r.Account), r.Hash[:]); err != nil {
			return err
		}
		return store.ErrStale
	})
	if err != nil {
		return store.SessionRecord{}, err
	}
	r.Revision = ifRevision + 1
	return r, nil
}

// OfNAS implements store.Sessions. The condition of the index is repeated, so that each planner takes it.
func (s sessions) OfNAS(ctx context.Context, account aaa.AccountID, nas string, p store.Page) ([]store.SessionRecord, string, error) {
	return page(ctx, s.db, p, scanSession, func(r store.SessionRecord) string { return r.ID },
		`SELECT `+sessionColumns+` FROM sessions WHERE account_id = $1 AND nas = $4 AND open AND nas <> '' AND id >= $2 ORDER BY id LIMIT $3`,
		string(account), p.Start, limit(p), nas)
}

func (s sessions) DeleteEnded(ctx context.Context, before time.Time) (total int, err error) {
	for {
		n, err := s.deleteEnded(ctx, before)
		total += n
		if err != nil || n < pruneBatch {
			return total, err
		}
	}
}

// deleteEnded deletes a batch, and takes it from the counts of its accounts.
func (s sessions) deleteEnded(ctx context.Context, before time.Time) (total int, err error) {
	err = s.db.Write(ctx, func(ctx context.Context, tx Conn) error {
		gone := make(map[string]int64)
		total = 0
		if err := tx.Query(ctx, func(scan Scan) error {
			var account string
			err := scan(&account)
			gone[account]++
			total++
			return err
		}, `DELETE FROM sessions WHERE ended_at < $1 AND due_at IS NULL AND (account_id, hash) IN
			(SELECT account_id, hash FROM sessions WHERE ended_at < $1 AND due_at IS NULL LIMIT $2) RETURNING account_id`,
			nullable(before), int64(pruneBatch)); err != nil {
			return err
		}
		for _, account := range slices.Sorted(maps.Keys(gone)) { // in one order: two nodes that sweep wait, and don't block each other
			if _, err := tx.Exec(ctx, `UPDATE session_counts SET stored = stored - $2 WHERE account_id = $1`, account, gone[account]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return total, nil
}
