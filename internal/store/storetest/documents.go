package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

func testDocuments(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "")
	for _, id := range []aaa.AccountID{root.ID, aaa.SystemConfig} {
		_, err := s.Documents().Get(ctx, id)
		refused(t, err, store.ErrNotFound)
		_, err = s.Documents().Replace(ctx, store.Document{Account: id, Body: []byte(`{}`)}, store.AnyRevision, nil)
		refused(t, err, store.ErrNotFound)
		refused(t, s.Documents().Delete(ctx, id, store.AnyRevision, ""), store.ErrNotFound)

		// The body comes back octet for octet.
		body := json.RawMessage(`{"b": 1,  "a":"\u0000é\ud83d\ude00", "n": 12345678901234567890.0}`)
		made := must[store.Document](t)(s.Documents().Create(ctx, store.Document{Account: id, Body: body, Author: "tok"}, nil))
		if made.Revision != 1 || made.CreatedAt.IsZero() {
			t.Errorf("created %+v", made)
		}
		got := must[store.Document](t)(s.Documents().Get(ctx, id))
		if diff := cmp.Diff(made, got); diff != "" {
			t.Errorf("read back (-created +read):\n%s", diff)
		}
		_, err = s.Documents().Create(ctx, store.Document{Account: id, Body: body}, nil)
		refused(t, err, store.ErrExists)
		second := must[store.Document](t)(s.Documents().Replace(ctx, store.Document{Account: id, Body: []byte(`{}`), Author: "other"}, 1, nil))
		if second.Revision != 2 {
			t.Errorf("replaced: %+v", second)
		}
		_, err = s.Documents().Replace(ctx, store.Document{Account: id, Body: []byte(`[]`)}, 1, nil)
		refused(t, err, store.ErrStale)
		refused(t, s.Documents().Delete(ctx, id, 1, ""), store.ErrStale)
		if got := must[store.Document](t)(s.Documents().Get(ctx, id)); string(got.Body) != `{}` || got.Author != "other" {
			t.Errorf("after a stale write: %+v", got)
		}
	}
}

func testHistory(t *testing.T, s store.Store) {
	ctx := t.Context()
	a := account(t, s, "root", "").ID
	write := func(n int) store.Document {
		return store.Document{Account: a, Body: fmt.Appendf(nil, `{"workers":%d}`, n), Author: fmt.Sprint("author", n)}
	}
	must[store.Document](t)(s.Documents().Create(ctx, write(1), nil))
	must[store.Document](t)(s.Documents().Replace(ctx, write(2), store.AnyRevision, nil))
	ok(t, s.Documents().Delete(ctx, a, 2, "deleter"))
	_, err := s.Documents().Get(ctx, a)
	refused(t, err, store.ErrNotFound)
	refused(t, s.Documents().Delete(ctx, a, store.AnyRevision, ""), store.ErrNotFound)
	again := must[store.Document](t)(s.Documents().Create(ctx, write(4), nil))
	if again.Revision != 4 {
		t.Errorf("after a deletion the revision is %d", again.Revision)
	}

	list, next, err := s.Documents().Revisions(ctx, a, 0, 3)
	ok(t, err)
	var got []int64
	for _, d := range list {
		got = append(got, d.Revision)
	}
	if !slices.Equal(got, []int64{4, 3, 2}) || next != 1 {
		t.Errorf("first page %v, next %d", got, next)
	}
	if d := list[1]; !d.Deleted || d.Author != "deleter" || d.Body != nil {
		t.Errorf("the deletion is %+v", d)
	}
	list, next, err = s.Documents().Revisions(ctx, a, next, 3)
	ok(t, err)
	if len(list) != 1 || list[0].Revision != 1 || next != 0 {
		t.Errorf("second page %v, next %d", list, next)
	}
	two := must[store.Document](t)(s.Documents().Revision(ctx, a, 2))
	if string(two.Body) != `{"workers":2}` || two.Author != "author2" || two.Deleted {
		t.Errorf("revision 2 is %+v", two)
	}
	_, err = s.Documents().Revision(ctx, a, 5)
	refused(t, err, store.ErrNotFound)
}

func testHistoryPruned(t *testing.T, s store.Store) {
	ctx := t.Context()
	a := account(t, s, "root", "").ID
	must[store.Document](t)(s.Documents().Create(ctx, store.Document{Account: a, Body: []byte(`{}`)}, nil))
	const more = 5
	for range store.MaxDocumentRevisions + more - 1 {
		must[store.Document](t)(s.Documents().Replace(ctx, store.Document{Account: a, Body: []byte(`{}`)}, store.AnyRevision, nil))
	}
	list, next, err := s.Documents().Revisions(ctx, a, 0, 0)
	ok(t, err)
	if len(list) != store.MaxDocumentRevisions || next != 0 || list[len(list)-1].Revision != more+1 {
		t.Errorf("%d revisions are kept, the oldest %d, next %d", len(list), list[len(list)-1].Revision, next)
	}
	_, err = s.Documents().Revision(ctx, a, more)
	refused(t, err, store.ErrNotFound)
	must[store.Document](t)(s.Documents().Revision(ctx, a, more+1))
}

func testWritersRace(t *testing.T, s store.Store) {
	ctx := t.Context()
	a := account(t, s, "root", "").ID
	d := must[store.Document](t)(s.Documents().Create(ctx, store.Document{Account: a, Body: []byte(`{}`)}, nil))
	for range 10 {
		winner, won := race(t, 2, func(n int) error {
			_, err := s.Documents().Replace(ctx, store.Document{Account: a, Body: fmt.Append(nil, n)}, d.Revision, nil)
			return err
		}, store.ErrStale)
		if won != 1 {
			t.Fatalf("%d writers won at revision %d", won, d.Revision)
		}
		now := must[store.Document](t)(s.Documents().Get(ctx, a))
		if now.Revision != d.Revision+1 || string(now.Body) != fmt.Sprint(winner) {
			t.Fatalf("writer %d won and %+v is stored", winner, now)
		}
		d = now
	}
}

func testCreatorsRace(t *testing.T, s store.Store) {
	ctx := t.Context()
	a := account(t, s, "root", "").ID
	if _, won := race(t, 8, func(n int) error {
		_, err := s.Documents().Create(ctx, store.Document{Account: a, Body: []byte(`{}`)}, nil)
		return err
	}, store.ErrExists); won != 1 {
		t.Errorf("%d documents were created", won)
	}
	if _, won := race(t, 8, func(n int) error {
		_, err := s.Dictionaries().Create(ctx, store.Dictionary{Account: a, Name: "d"})
		return err
	}, store.ErrExists); won != 1 {
		t.Errorf("%d dictionaries were created", won)
	}
	if _, won := race(t, 8, func(n int) error {
		_, err := s.Texts().Create(ctx, store.Text{Account: a, Kind: store.TextFSM, Name: "t"})
		return err
	}, store.ErrExists); won != 1 {
		t.Errorf("%d tables were created", won)
	}
}

func testDictionaries(t *testing.T, s store.Store) {
	ctx := t.Context()
	a := account(t, s, "root", "").ID
	in := store.Dictionary{Account: a, Name: "dictionary_x", Body: []byte(`[{"vendor":  {"X": 1}}]`)}
	made := must[store.Dictionary](t)(s.Dictionaries().Create(ctx, in))
	if !aaa.IsID(made.ID) || made.Revision != 1 {
		t.Errorf("created %+v", made)
	}
	if diff := cmp.Diff(made, must[store.Dictionary](t)(s.Dictionaries().Get(ctx, a, made.ID))); diff != "" {
		t.Errorf("by id (-created +read):\n%s", diff)
	}
	if diff := cmp.Diff(made, must[store.Dictionary](t)(s.Dictionaries().ByName(ctx, a, "dictionary_x"))); diff != "" {
		t.Errorf("by name (-created +read):\n%s", diff)
	}
	_, err := s.Dictionaries().Create(ctx, store.Dictionary{Account: a, Name: "dictionary_x"})
	refused(t, err, store.ErrExists)
	other := must[store.Dictionary](t)(s.Dictionaries().Create(ctx, store.Dictionary{Account: a, Name: "other", Body: []byte(`[]`)}))

	renamed := must[store.Dictionary](t)(s.Dictionaries().Replace(ctx,
		store.Dictionary{Account: a, ID: made.ID, Name: "renamed", Body: []byte(`[]`)}, 1))
	if renamed.Revision != 2 || !renamed.CreatedAt.Equal(made.CreatedAt) {
		t.Errorf("replaced: %+v", renamed)
	}
	if diff := cmp.Diff(renamed, must[store.Dictionary](t)(s.Dictionaries().Get(ctx, a, made.ID))); diff != "" {
		t.Errorf("after the replacement (-answered +read):\n%s", diff)
	}
	_, err = s.Dictionaries().Replace(ctx, store.Dictionary{Account: a, ID: made.ID, Name: "renamed"}, 1)
	refused(t, err, store.ErrStale)
	_, err = s.Dictionaries().Replace(ctx, store.Dictionary{Account: a, ID: made.ID, Name: "other"}, 2)
	refused(t, err, store.ErrExists)
	_, err = s.Dictionaries().Replace(ctx, store.Dictionary{Account: a, ID: aaa.NewID(), Name: "x"}, store.AnyRevision)
	refused(t, err, store.ErrNotFound)

	all := must[[]store.Dictionary](t)(s.Dictionaries().All(ctx, a))
	if diff := cmp.Diff([]store.Dictionary{other, renamed}, all); diff != "" {
		t.Errorf("all (-want +got):\n%s", diff)
	}
	list, next, err := s.Dictionaries().List(ctx, a, store.Page{Limit: 1})
	ok(t, err)
	if len(list) != 1 || list[0].Name != "other" || list[0].Body != nil || next != "renamed" {
		t.Errorf("first page %+v, next %q", list, next)
	}
	// An earlier version wrote one without entries as null.
	empty := must[store.Dictionary](t)(s.Dictionaries().Create(ctx, store.Dictionary{Account: a, Name: "empty", Body: []byte(`null`)}))
	for _, got := range []store.Dictionary{
		must[store.Dictionary](t)(s.Dictionaries().Get(ctx, a, empty.ID)), must[[]store.Dictionary](t)(s.Dictionaries().All(ctx, a))[0],
	} {
		if got.Name != "empty" || string(got.Body) != `[]` {
			t.Errorf("a dictionary without entries is read as %+v", got)
		}
	}

	refused(t, s.Dictionaries().Delete(ctx, a, made.ID, 1), store.ErrStale)
	ok(t, s.Dictionaries().Delete(ctx, a, made.ID, 2))
	refused(t, s.Dictionaries().Delete(ctx, a, made.ID, store.AnyRevision), store.ErrNotFound)
	must[store.Dictionary](t)(s.Dictionaries().Create(ctx, store.Dictionary{Account: aaa.SystemConfig, Name: "other"}))
}
