package httpapi

import (
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/web"
)

// TestDeleteAccountWithRecords: an account is not deleted while accounting records of it wait or are parked.
func TestDeleteAccountWithRecords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := time.Now().UTC().Truncate(time.Microsecond)
	records := w.store.Spool()
	var list []store.SpoolRecord
	for range 3 {
		list = append(list, store.SpoolRecord{
			Account: w.child, ID: aaa.NewID(), Revision: 1, Kind: store.SpoolOther, State: store.SpoolWaiting, Payload: "x",
			EventAt: now, ReceivedAt: now, KeepUntil: now.Add(time.Hour), DueAt: now,
		})
	}
	_, err := records.Append(t.Context(), list)
	ok(t, err)
	claimed, err := records.Due(t.Context(), now, store.Lease{Node: "n", Until: now.Add(time.Minute)}, func(aaa.AccountID) bool { return true })
	ok(t, err)
	ok(t, records.Settle(t.Context(), now, []store.SpoolSettlement{{
		Account: w.child, ID: claimed[0].ID, Revision: claimed[0].Revision, Outcome: store.SpoolRefused, Attempt: store.SpoolAttempt{At: now, Node: "n", Reason: "no"},
	}}))
	r := w.call(w.tenantToken, "DELETE", at(w.child, ""), "").refused(409, web.SlugConflict)
	if !strings.Contains(r.text, "2 wait and 1 are parked") || !strings.Contains(r.text, "aaa/spool") {
		t.Errorf("%s", r.text)
	}
	w.call(w.tenantToken, "GET", at(w.child, ""), "").want(200)
	for _, r := range claimed[1:] {
		ok(t, records.Settle(t.Context(), now, []store.SpoolSettlement{{Account: w.child, ID: r.ID, Revision: r.Revision, Outcome: store.SpoolDelivered}}))
	}
	w.call(w.tenantToken, "DELETE", at(w.child, ""), "").refused(409, web.SlugConflict)
	_, err = records.Drop(t.Context(), w.child, store.SpoolFilter{State: store.SpoolParked})
	ok(t, err)
	w.call(w.tenantToken, "DELETE", at(w.child, ""), "").want(200)
}
