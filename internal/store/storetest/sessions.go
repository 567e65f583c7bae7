package storetest

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 123456000, time.UTC)

// record is a session of an account, told from others by n.
func record(account aaa.AccountID, n byte) store.SessionRecord {
	return store.SessionRecord{
		Account: account, Hash: [32]byte{0, n, 255}, ID: "id" + strconv.Itoa(int(n)), Revision: 1, State: aaa.SessionCont,
		Body: []byte(`{"user":"Zoë's"}`), CreatedAt: noon, UpdatedAt: noon,
	}
}

func testSessions(t *testing.T, s store.Store) {
	ctx := t.Context()
	a := account(t, s, "root", "").ID
	in := record(a, 1)
	_, err := s.Sessions().Get(ctx, a, in.Hash)
	refused(t, err, store.ErrNotFound)
	_, err = s.Sessions().Update(ctx, in, 1)
	refused(t, err, store.ErrNotFound)
	refused(t, s.Sessions().Create(ctx, record(aaa.NewAccountID(), 1), most), store.ErrNotFound)

	before := must[store.Change](t)(s.Changes().Last(ctx)).Seq
	ok(t, s.Sessions().Create(ctx, in, most))
	if diff := cmp.Diff(in, must[store.SessionRecord](t)(s.Sessions().Get(ctx, a, in.Hash))); diff != "" {
		t.Errorf("read back (-created +read):\n%s", diff)
	}
	if diff := cmp.Diff(in, must[store.SessionRecord](t)(s.Sessions().ByID(ctx, a, in.ID))); diff != "" {
		t.Errorf("read by its id (-created +read):\n%s", diff)
	}
	_, err = s.Sessions().ByID(ctx, a, "id2")
	refused(t, err, store.ErrNotFound)
	refused(t, s.Sessions().Create(ctx, in, most), store.ErrExists)
	sameID := record(a, 2)
	sameID.ID = in.ID
	refused(t, s.Sessions().Create(ctx, sameID, most), store.ErrExists)

	change := in
	change.State, change.Open, change.Body, change.Lease.Node = aaa.SessionCompleted, true, []byte(`{}`), "n1"
	change.NAS, change.UserHash, change.Suspended = "b2", "c3", true
	change.DueAt, change.Lease.Until = noon.Add(time.Minute), noon.Add(time.Hour)
	change.UpdatedAt, change.EndedAt = noon.Add(time.Second), noon.Add(2*time.Second)
	second := must[store.SessionRecord](t)(s.Sessions().Update(ctx, change, 1))
	change.Revision = 2
	for what, got := range map[string]store.SessionRecord{"answer": second, "row": must[store.SessionRecord](t)(s.Sessions().Get(ctx, a, in.Hash))} {
		if diff := cmp.Diff(change, got); diff != "" {
			t.Errorf("the %s of an update (-want +got):\n%s", what, diff)
		}
	}
	_, err = s.Sessions().Update(ctx, in, 1)
	refused(t, err, store.ErrStale)
	in.Revision = 2
	in.UpdatedAt = noon.Add(time.Minute)
	third := must[store.SessionRecord](t)(s.Sessions().Update(ctx, in, 2)) // and the times are gone again
	if diff := cmp.Diff(third, must[store.SessionRecord](t)(s.Sessions().Get(ctx, a, in.Hash))); diff != "" || third.Revision != 3 {
		t.Errorf("revision %d after a second update (-want +got):\n%s", third.Revision, diff)
	}
	if after := must[store.Change](t)(s.Changes().Last(ctx)).Seq; after != before {
		t.Errorf("sessions counted as a change")
	}
}

// testSessionsRace: of many writers that have read the same revision one wins.
func testSessionsRace(t *testing.T, s store.Store) {
	in := record(account(t, s, "root", "").ID, 1)
	ok(t, s.Sessions().Create(t.Context(), in, most))
	if _, won := race(t, 8, func(int) error {
		_, err := s.Sessions().Update(t.Context(), in, 1)
		return err
	}, store.ErrStale); won != 1 {
		t.Errorf("%d writers of revision 1 won", won)
	}
}

// testDue: sessions are claimed by one node at a time, those of an account that are due longest first, and again when the lease
// is over.
func testDue(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "").ID
	other := account(t, s, "other", root).ID
	for n, due := range []time.Time{noon.Add(-time.Minute), {}, noon.Add(time.Microsecond), noon, noon.Add(-time.Hour)} {
		r := record(root, byte(n))
		if n == 3 {
			r.Account = other
		}
		r.DueAt = due
		ok(t, s.Sessions().Create(ctx, r, most))
	}
	claim := func(now time.Time, node string, limit int, want ...string) []store.SessionRecord {
		t.Helper()
		list := must[[]store.SessionRecord](t)(s.Sessions().Due(ctx, now, store.Lease{Node: node, Until: now.Add(time.Minute)}, upTo(limit)))
		var ids []string
		slices.SortFunc(list, func(a, b store.SessionRecord) int { return strings.Compare(a.ID, b.ID) })
		for _, r := range list {
			ids = append(ids, r.ID)
		}
		if diff := cmp.Diff(want, ids); diff != "" {
			t.Fatalf("claimed at %v (-want +got):\n%s", now, diff)
		}
		return list
	}
	got := claim(noon, "n1", 2, "id3", "id4")
	want := record(root, 4)
	want.DueAt, want.Lease.Until, want.Lease.Node, want.Revision = noon.Add(-time.Hour), noon.Add(time.Minute), "n1", 2
	if diff := cmp.Diff(want, got[1]); diff != "" {
		t.Errorf("a claimed session (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, must[store.SessionRecord](t)(s.Sessions().Get(ctx, root, want.Hash))); diff != "" {
		t.Errorf("its row (-want +got):\n%s", diff)
	}
	claim(noon, "n2", 10, "id0")
	claim(noon, "n2", 10)
	claim(noon.Add(time.Minute-time.Microsecond), "n2", 10, "id2")
	claim(noon.Add(time.Minute), "n2", 10, "id0", "id3", "id4")
	// What was written before the claim is known to be old.
	_, err := s.Sessions().Update(ctx, got[1], got[1].Revision)
	refused(t, err, store.ErrStale)
}

// testDueRace: many nodes that look at once share out what is due.
func testDueRace(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "").ID
	const sessions = 40
	for n := range sessions {
		r := record(root, byte(n))
		r.DueAt = noon
		ok(t, s.Sessions().Create(ctx, r, most))
	}
	var mu sync.Mutex
	claims := map[string]int{}
	race(t, 8, func(n int) error {
		for range sessions {
			list, err := s.Sessions().Due(ctx, noon, store.Lease{Node: "n" + strconv.Itoa(n), Until: noon.Add(time.Minute)}, upTo(7))
			if err != nil {
				return err
			}
			mu.Lock()
			for _, r := range list {
				claims[r.ID]++
			}
			left := sessions - len(claims)
			mu.Unlock()
			if left == 0 {
				return nil
			}
		}
		return nil
	}, nil)
	if len(claims) != sessions {
		t.Errorf("%d of %d due sessions were claimed", len(claims), sessions)
	}
	for id, n := range claims {
		if n != 1 {
			t.Errorf("session %s was claimed %d times", id, n)
		}
	}
}

func testDeleteEnded(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "").ID
	for n, r := range []store.SessionRecord{
		{}, // lives
		{EndedAt: noon.Add(-time.Second)},
		{EndedAt: noon.Add(-time.Second), DueAt: noon.Add(time.Hour)}, // has something left to do
		{EndedAt: noon},
	} {
		in := record(root, byte(n))
		in.EndedAt, in.DueAt = r.EndedAt, r.DueAt
		ok(t, s.Sessions().Create(ctx, in, most))
	}
	if n := must[int](t)(s.Sessions().DeleteEnded(ctx, noon)); n != 1 {
		t.Errorf("%d sessions were deleted", n)
	}
	list, _, err := s.Sessions().List(ctx, root, store.SessionsBy{}, store.Page{})
	ok(t, err)
	if len(list) != 3 || list[0].ID != "id0" || list[1].ID != "id2" || list[2].ID != "id3" {
		t.Errorf("left are %v", list)
	}
}

// testSessionTenancy: another account sees nothing, and an account's deletion takes its sessions along.
func testSessionTenancy(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "").ID
	mine, theirs := account(t, s, "mine", root).ID, account(t, s, "theirs", root).ID
	r := record(theirs, 1)
	ok(t, s.Sessions().Create(ctx, r, most))
	for _, id := range []aaa.AccountID{mine, root, aaa.SystemConfig} {
		_, err := s.Sessions().Get(ctx, id, r.Hash)
		refused(t, err, store.ErrNotFound)
		_, err = s.Sessions().ByID(ctx, id, r.ID)
		refused(t, err, store.ErrNotFound)
		_, err = s.Sessions().Update(ctx, record(id, 1), 1)
		refused(t, err, store.ErrNotFound)
		if list, _, err := s.Sessions().List(ctx, id, store.SessionsBy{}, store.Page{}); err != nil || len(list) != 0 {
			t.Errorf("list of sessions of another account: %v, %v", list, err)
		}
	}
	ok(t, s.Sessions().Create(ctx, record(mine, 1), most)) // the same hash and id, in another account
	ok(t, s.Accounts().Delete(ctx, theirs, store.AnyRevision))
	_, err := s.Sessions().Get(ctx, theirs, r.Hash)
	refused(t, err, store.ErrNotFound)
	_, err = s.Sessions().Update(ctx, r, 1)
	refused(t, err, store.ErrNotFound)
	must[store.SessionRecord](t)(s.Sessions().Get(ctx, mine, r.Hash))
}

func sessionPage(t *testing.T, s store.Store, account aaa.AccountID) func(store.Page) ([]string, string, error) {
	return func(p store.Page) (out []string, next string, err error) {
		list, next, err := s.Sessions().List(t.Context(), account, store.SessionsBy{}, p)
		for _, r := range list {
			out = append(out, r.ID)
		}
		return out, next, err
	}
}
