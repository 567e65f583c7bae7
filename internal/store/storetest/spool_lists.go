package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// chosenBy is the numbers of the records that a filter chooses, read in pages.
func chosenBy(t *testing.T, s store.Store, a aaa.AccountID, f store.SpoolFilter, limit int) (ids []string) {
	t.Helper()
	for start := ""; ; {
		list, next := must2[[]store.SpoolRecord, string](t)(s.Spool().List(t.Context(), a, f, store.Page{Start: start, Limit: limit}))
		if len(list) > limit {
			t.Errorf("a page of %d has %d records", limit, len(list))
		}
		for _, r := range list {
			ids = append(ids, short(r.ID))
		}
		if start = next; next == "" {
			return ids
		}
	}
}

// testSpoolFilters: a filter chooses the same records for lists, for sending again and for dropping.
func testSpoolFilters(t *testing.T, s store.Store) {
	ctx := t.Context()
	a, other := aaa.NewAccountID(), aaa.NewAccountID()
	late := spooled(a, 6, store.SpoolOther, "")
	late.ReceivedAt = noon.Add(time.Hour)
	add(t, s, []store.SpoolRecord{
		spooled(a, 1, store.SpoolStart, "s1"), spooled(a, 2, store.SpoolInterim, "s2"), spooled(a, 3, store.SpoolStop, "s3"), spooled(a, 4, store.SpoolStart, "s4"),
		spooled(a, 5, store.SpoolStart, "s5"), late, spooled(other, 7, store.SpoolStart, "s1"),
	})
	got := dueRecords(t, s, noon)
	failed := settlement(got["2"], store.SpoolFailed, noon.Add(time.Hour))
	failed.Attempt.Server = "s2"
	settle(t, s, noon, settlement(got["1"], store.SpoolRefused, time.Time{}), failed, settlement(got["3"], store.SpoolRefused, time.Time{}),
		settlement(got["4"], store.SpoolFailed, noon.Add(time.Hour)), settlement(got["6"], store.SpoolReleased, noon))
	for _, c := range []struct {
		f    store.SpoolFilter
		want []string
	}{
		{store.SpoolFilter{}, []string{"1", "2", "3", "4", "5", "6"}},
		{store.SpoolFilter{ID: late.ID}, []string{"6"}},
		{store.SpoolFilter{ID: "no such"}, nil},
		{store.SpoolFilter{State: store.SpoolParked}, []string{"1", "3"}},
		{store.SpoolFilter{State: store.SpoolWaiting}, []string{"2", "4", "5", "6"}},
		{store.SpoolFilter{State: "no such"}, nil},
		{store.SpoolFilter{Kind: store.SpoolStart}, []string{"1", "4", "5"}},
		{store.SpoolFilter{Kind: store.SpoolStart, State: store.SpoolWaiting}, []string{"4", "5"}},
		{store.SpoolFilter{AcctSessionID: "acct-s2"}, []string{"2"}},
		{store.SpoolFilter{User: "user-s3"}, []string{"3"}},
		{store.SpoolFilter{Server: "s1"}, []string{"1", "3", "4"}},
		{store.SpoolFilter{Server: "s2"}, []string{"2"}},
		{store.SpoolFilter{Before: noon.Add(time.Hour)}, []string{"1", "2", "3", "4", "5"}},
	} {
		for _, limit := range []int{1, 2, 100} {
			if diff := cmp.Diff(c.want, chosenBy(t, s, a, c.f, limit)); diff != "" {
				t.Errorf("%+v in pages of %d (-want +got):\n%s", c.f, limit, diff)
			}
		}
	}
	servers := must[[]store.SpoolServer](t)(s.Spool().Servers(ctx, a))
	if diff := cmp.Diff([]store.SpoolServer{
		{Server: "s1", Records: 1, Oldest: noon, Reason: "no answer"}, {Server: "s2", Records: 1, Oldest: noon, Reason: "no answer"},
	}, servers); diff != "" {
		t.Errorf("servers (-want +got):\n%s", diff)
	}

	now, keep := noon.Add(time.Second), noon.Add(48*time.Hour)
	resend := func(f store.SpoolFilter, want int64) {
		t.Helper()
		if n := must[int64](t)(s.Spool().Resend(ctx, a, f, now, keep)); n != want {
			t.Errorf("%d were sent again, want %d", n, want)
		}
	}
	resend(store.SpoolFilter{Server: "s1", State: store.SpoolParked}, 2)
	resend(store.SpoolFilter{AcctSessionID: "acct-s2"}, 1)
	resend(store.SpoolFilter{AcctSessionID: "acct-s5"}, 0) // it has a lease
	resend(store.SpoolFilter{ID: "no such"}, 0)
	if r := must[store.SpoolRecord](t)(s.Spool().Get(ctx, a, got["1"].ID)); r.State != store.SpoolWaiting || !r.DueAt.Equal(now) || !r.KeepUntil.Equal(keep) || !r.ParkedAt.IsZero() {
		t.Errorf("sent again: %+v", r)
	}
	var ids []string
	for id := range dueRecords(t, s, now) {
		ids = append(ids, id)
	}
	if slices.Sort(ids); !slices.Equal(ids, []string{"1", "2", "3", "6"}) {
		t.Errorf("%v are due", ids)
	}
	settle(t, s, now, settlement(got["3"], store.SpoolDelivered, now))
	drop := func(f store.SpoolFilter, want int64) {
		t.Helper()
		if n := must[int64](t)(s.Spool().Drop(ctx, a, f)); n != want {
			t.Errorf("%d were dropped, want %d", n, want)
		}
	}
	drop(store.SpoolFilter{Kind: store.SpoolStart}, 1) // the others have leases
	drop(store.SpoolFilter{ID: got["4"].ID}, 0)
	counts(t, s, a, store.SpoolCounts{Acknowledged: 6, Waiting: 4, Delivered: 1, Dropped: 1, Octets: 32, Oldest: noon})
	counts(t, s, other, store.SpoolCounts{Acknowledged: 1, Waiting: 1, Octets: 8, Oldest: noon})
}

// testSpoolTexts: what a caller named user or session spoils no group of records, whatever it is, and is found.
func testSpoolTexts(t *testing.T, s store.Store) {
	a := aaa.NewAccountID()
	r := spooled(a, 1, store.SpoolStart, "s")
	r.User, r.AcctSessionID = "a\x00b\xffc", "\xff\x00"
	add(t, s, []store.SpoolRecord{r, spooled(a, 2, store.SpoolStart, "other")})
	if got := chosenBy(t, s, a, store.SpoolFilter{User: r.User, AcctSessionID: r.AcctSessionID}, 10); !slices.Equal(got, []string{"1"}) {
		t.Errorf("%v are found", got)
	}
	failed := settlement(dueRecords(t, s, noon)["1"], store.SpoolFailed, noon)
	failed.Attempt.Server, failed.Attempt.Reason = "s\x00", "\xff\x00"
	settle(t, s, noon, failed)
	if got := chosenBy(t, s, a, store.SpoolFilter{Server: "s\x00"}, 10); !slices.Equal(got, []string{"1"}) {
		t.Errorf("%v are found by their server", got)
	}
}

// testSpoolMany: a filter that chooses few of many records reads on after an empty page, and a bulk call reaches all.
func testSpoolMany(t *testing.T, s store.Store) {
	ctx := t.Context()
	a := aaa.NewAccountID()
	const many = 10_200
	for n := 0; n < many; n += 600 {
		var list []store.SpoolRecord
		for i := range 600 {
			list = append(list, spooled(a, 1+n+i, store.SpoolOther, ""))
			list[i].User = fmt.Sprint("user-", 1+n+i)
		}
		add(t, s, list)
	}
	if got := chosenBy(t, s, a, store.SpoolFilter{User: fmt.Sprint("user-", many)}, 10); !slices.Equal(got, []string{fmt.Sprint(many)}) {
		t.Errorf("the last record is %v", got)
	}
	if n := must[int64](t)(s.Spool().Resend(ctx, a, store.SpoolFilter{State: store.SpoolWaiting}, noon, noon)); n != many {
		t.Errorf("%d were sent again", n)
	}
	if n := must[int64](t)(s.Spool().Drop(ctx, a, store.SpoolFilter{})); n != many {
		t.Errorf("%d were dropped", n)
	}
	counts(t, s, a, store.SpoolCounts{Acknowledged: many, Dropped: many})
}

// testSpoolBacklogs: the accounts with the most records come first, those without any are left out, and the ledger outlives neither.
func testSpoolBacklogs(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "")
	full, some, none, gone := account(t, s, "full", root.ID).ID, account(t, s, "some", root.ID).ID, account(t, s, "none", root.ID).ID, aaa.NewAccountID()
	add(t, s, []store.SpoolRecord{
		spooled(full, 1, store.SpoolStart, ""), spooled(full, 2, store.SpoolStart, ""), spooled(some, 1, store.SpoolStart, ""), spooled(none, 1, store.SpoolStart, ""), spooled(gone, 1, store.SpoolStart, ""),
	})
	list := must[[]store.SpoolRecord](t)(s.Spool().Due(ctx, noon, store.Lease{Node: "n", Until: noon.Add(time.Minute)}, upTo(100)))
	for _, r := range list {
		switch r.Account {
		case none:
			settle(t, s, noon, settlement(r, store.SpoolDelivered, noon))
		case some:
			settle(t, s, noon, settlement(r, store.SpoolRefused, noon))
		case gone:
			settle(t, s, noon, settlement(r, store.SpoolGone, noon))
		}
	}
	want := []store.SpoolBacklog{
		{Account: full, SpoolCounts: store.SpoolCounts{Acknowledged: 2, Waiting: 2, Octets: 16, Oldest: noon}},
		{Account: some, SpoolCounts: store.SpoolCounts{Acknowledged: 1, Parked: 1, Octets: 8}},
	}
	for limit := range 3 {
		if diff := cmp.Diff(want[:limit], must[[]store.SpoolBacklog](t)(s.Spool().Backlogs(ctx, limit)), cmp.Transformer("empty", func(l []store.SpoolBacklog) []store.SpoolBacklog {
			return append([]store.SpoolBacklog{}, l...)
		})); limit > 0 && diff != "" {
			t.Errorf("the first %d (-want +got):\n%s", limit, diff)
		}
	}
	used := must[map[aaa.Limit]int64](t)(s.Accounts().Usage(ctx, full))
	if used[aaa.LimitSpoolRecords] != 2 || used[aaa.LimitSpoolOctets] != 16 {
		t.Errorf("%v are used", used)
	}
	ok(t, s.Spool().Tidy(ctx, noon))
	counts(t, s, gone, store.SpoolCounts{})
	counts(t, s, none, store.SpoolCounts{Acknowledged: 1, Delivered: 1})
	add(t, s, []store.SpoolRecord{spooled(gone, 2, store.SpoolStart, "")})
	ok(t, s.Spool().Tidy(ctx, noon))
	counts(t, s, gone, store.SpoolCounts{Acknowledged: 1, Waiting: 1, Octets: 8, Oldest: noon})
}
