package postgres

import (
	"testing"

	"aaa-api/internal/store/pgtest"
	"aaa-api/internal/store/sqlstore"
	"aaa-api/internal/store/storetest"
)

// TestSpoolStorm: whatever happens at once, the ledger says what the rows say, and sessions keep their order.
func TestSpoolStorm(t *testing.T) {
	t.Parallel()
	s := openHere(t, pgtest.Migrated(t, Migrate))
	storetest.SpoolStorm(t, s, 100, func() (got [6]int64, err error) {
		err = s.driver.Query(t.Context(), func(scan sqlstore.Scan) error {
			return scan(&got[0], &got[1], &got[2], &got[3], &got[4], &got[5])
		}, storetest.LedgerAgainstRows)
		return got, err
	})
}
