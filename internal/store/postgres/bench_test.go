package postgres

import (
	"testing"

	"aaa-api/internal/store"
	"aaa-api/internal/store/pgtest"
	"aaa-api/internal/store/storetest"
)

// BenchmarkSpool runs on the server of the tests. What it measures is durable if that has synchronous_commit and fsync on.
func BenchmarkSpool(b *testing.B) {
	s, err := Open(b.Context(), pgtest.Migrated(b, Migrate), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // the test is over
	var fsync, commit string
	if err := s.driver.pool.QueryRow(b.Context(), `SELECT current_setting('fsync'), current_setting('synchronous_commit')`).Scan(&fsync, &commit); err != nil {
		b.Fatal(err)
	}
	b.Logf("fsync is %s, synchronous_commit %s", fsync, commit)
	storetest.BenchmarkSpool(b, s, func(r store.SpoolRecord) error {
		_, err := s.driver.Exec(b.Context(), storetest.InsertRecord, storetest.RecordArgs(r)...)
		return err
	})
}
