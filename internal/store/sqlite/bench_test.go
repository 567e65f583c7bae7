package sqlite

import (
	"testing"
	"time"

	"aaa-api/internal/store"
	"aaa-api/internal/store/storetest"
)

func BenchmarkSpool(b *testing.B) {
	s, err := Open(b.Context(), storetest.File(b, Migrate))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // the test is over
	storetest.BenchmarkSpool(b, s, func(r store.SpoolRecord) error {
		_, err := s.driver.Exec(b.Context(), storetest.InsertRecord, storetest.RecordArgs(r)...)
		return err
	}, func() time.Duration { return storetest.Used(b) })
}
