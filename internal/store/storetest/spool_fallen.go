package storetest

import (
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// testSpoolFallen: the leases of other nodes end, however many there are, and the outcomes of their attempts have no effect any more. Those of the node itself stay.
func testSpoolFallen(t *testing.T, s store.Store) {
	a := aaa.NewAccountID()
	const many = 1100
	var list []store.SpoolRecord
	for n := range many {
		r := spooled(a, n+1, store.SpoolStart, "")
		r.Lease = store.Lease{Node: "fallen", Until: noon.Add(30 * time.Second)}
		list = append(list, r)
	}
	list[many-1].Lease.Node = "alive"
	list = append(list, spooled(a, many+1, store.SpoolStart, ""))
	list[many].DueAt = noon.Add(10 * time.Second)
	add(t, s, list)
	if n := must[int64](t)(s.Spool().Fallen(t.Context(), noon, store.Lease{Node: "alive", Until: noon.Add(time.Minute)})); n != many-1 {
		t.Errorf("%d leases are ended", n)
	}
	settle(t, s, noon, settlement(list[0], store.SpoolFailed, noon.Add(time.Hour)))
	due := make(map[string]bool)
	for range 5 {
		for id := range dueRecords(t, s, noon) {
			due[id] = true
		}
	}
	if len(due) != many-1 || due[short(list[many-1].ID)] {
		t.Errorf("%d are due", len(due))
	}
}
