package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"aaa-api/internal/store"
)

// fallenBatch is how many leases one transaction of Fallen ends.
const fallenBatch = 512

// Fallen implements store.Spool.
func (s spool) Fallen(ctx context.Context, now time.Time, alive store.Lease) (total int64, err error) {
	for {
		n, err := s.fallen(ctx, now, alive)
		total += n
		if err != nil || n < fallenBatch {
			return total, err
		}
	}
}

// fallen ends a batch of leases. A record with a lease is ready when that ends, so that the index leads to it.
func (s spool) fallen(ctx context.Context, now time.Time, alive store.Lease) (n int64, err error) {
	err = s.db.Write(ctx, func(ctx context.Context, tx Conn) error {
		n = 0
		keys, err := all(ctx, tx, func(scan Scan) (k spoolKey, err error) { err = scan(&k.account, &k.id); return k, err },
			fmt.Sprintf(`SELECT account_id, id FROM spool WHERE due_at IS NOT NULL AND %[1]s > $1 AND %[1]s <= $2 AND lease_until > $1 AND node <> $3
			ORDER BY %[1]s LIMIT %[2]d`, ready, fallenBatch), *nullable(now), *nullable(alive.Until), alive.Node)
		if err != nil {
			return err
		}
		slices.SortFunc(keys, func(a, b spoolKey) int { return cmp.Or(cmp.Compare(a.account, b.account), cmp.Compare(a.id, b.id)) })
		list := make([]Statement, len(keys))
		for i, k := range keys {
			list[i] = Statement{
				SQL:  `UPDATE spool SET revision = revision + 1, lease_until = NULL WHERE account_id = $1 AND id = $2 AND lease_until > $3 AND node <> $4 RETURNING id`,
				Args: []any{string(k.account), k.id, *nullable(now), alive.Node},
				Row:  func(scan Scan) error { var id string; n++; return scan(&id) },
			}
		}
		return tx.Batch(ctx, list)
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}
