package sqlstore

import "context"

// pruneBatch is how many rows one statement prunes: a backlog of any size shrinks although each statement has Timeout.
const pruneBatch = 1000

// prune runs a DELETE, whose last argument is the most rows that it may take, until it finds fewer. What was
// taken stays so when a later statement fails, and counts.
func prune(ctx context.Context, c Conn, sql string, arg any) (total int, err error) {
	for {
		n, err := c.Exec(ctx, sql, arg, int64(pruneBatch))
		total += int(n)
		if err != nil || n < pruneBatch {
			return total, err
		}
	}
}
