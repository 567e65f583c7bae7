package operations

import (
	"testing"

	"aaa-api/internal/store"
)

// FuzzRecordFilter: a filter that is taken chooses less than all records, as no filter would.
func FuzzRecordFilter(f *testing.F) {
	for i, text := range []string{"parked", "stop", "call-1", "bob", "server1", "2026-11-30T07:00:00+01:00", "0001-01-01T00:00:00Z", ""} {
		f.Add(uint8(i), text)
	}
	f.Fuzz(func(t *testing.T, key uint8, text string) {
		got, err := recordFilter(map[string]string{RecordFilters[int(key)%len(RecordFilters)]: text})
		if err == nil && got == (store.SpoolFilter{}) {
			t.Errorf("%q is taken for no filter", text)
		}
		if year := got.Before.Year(); err == nil && !got.Before.IsZero() && (year < 1970 || year > 9999) {
			t.Errorf("%q is %v", text, got.Before)
		}
	})
}
