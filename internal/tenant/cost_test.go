package tenant

import (
	"fmt"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// BenchmarkChange applies changes of one leaf while 100,000 accounts below the same root are warm.
func BenchmarkChange(b *testing.B) {
	tenants, _ := warmAccounts(b, 100_000, false)
	for _, kind := range []store.ChangeKind{store.ChangedDocument, store.ChangedAccount, store.ChangedDictionary} {
		b.Run(string(kind), func(b *testing.B) {
			i := 0
			for b.Loop() {
				id := aaa.AccountID(fmt.Sprintf("%032x", 2+i%100_000))
				i++
				tenants.Changed(b.Context(), []store.Change{{Kind: kind, Account: id, Name: "own"}}, false)
				if _, err := tenants.Plan(b.Context(), id); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
