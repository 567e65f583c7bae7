package storetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

func testTexts(t *testing.T, s store.Store) {
	ctx := t.Context()
	a := account(t, s, "root", "").ID
	for _, kind := range []store.TextKind{store.TextFSM, store.TextUsers} {
		in := store.Text{Account: a, Kind: kind, Name: "Night.shift-2", Body: "# ночь\r\n\tStart\t*.+AUTHEN.ACK \\ '\"$1%s\x7f\n\n" + string(kind)}
		_, err := s.Texts().Get(ctx, a, kind, in.Name)
		refused(t, err, store.ErrNotFound) // also where the other kind has the name
		_, err = s.Texts().Replace(ctx, in, store.AnyRevision)
		refused(t, err, store.ErrNotFound)
		refused(t, s.Texts().Delete(ctx, a, kind, in.Name, store.AnyRevision), store.ErrNotFound)

		made := must[store.Text](t)(s.Texts().Create(ctx, in))
		if made.Revision != 1 || made.CreatedAt.IsZero() || !made.UpdatedAt.Equal(made.CreatedAt) || made.Body != in.Body {
			t.Errorf("created %+v", made)
		}
		if diff := cmp.Diff(made, must[store.Text](t)(s.Texts().Get(ctx, a, kind, in.Name))); diff != "" {
			t.Errorf("read back (-created +read):\n%s", diff)
		}
		_, err = s.Texts().Create(ctx, in)
		refused(t, err, store.ErrExists)
		_, err = s.Texts().Get(ctx, a, kind, "night.shift-2")
		refused(t, err, store.ErrNotFound)
	}
	// What is done to one kind leaves the other as it is.
	other := must[store.Text](t)(s.Texts().Get(ctx, a, store.TextUsers, "Night.shift-2"))
	made := must[store.Text](t)(s.Texts().Get(ctx, a, store.TextFSM, "Night.shift-2"))
	change := func(body string) store.Text {
		return store.Text{Account: a, Kind: store.TextFSM, Name: "Night.shift-2", Body: body}
	}
	second := must[store.Text](t)(s.Texts().Replace(ctx, change(""), 1))
	if second.Revision != 2 || second.Body != "" || !second.CreatedAt.Equal(made.CreatedAt) || !second.UpdatedAt.After(made.UpdatedAt) {
		t.Errorf("replaced: %+v", second)
	}
	_, err := s.Texts().Replace(ctx, change("stale"), 1)
	refused(t, err, store.ErrStale)
	refused(t, s.Texts().Delete(ctx, a, store.TextFSM, "Night.shift-2", 1), store.ErrStale)
	if diff := cmp.Diff(second, must[store.Text](t)(s.Texts().Get(ctx, a, store.TextFSM, "Night.shift-2"))); diff != "" {
		t.Errorf("after stale writes (-replaced +read):\n%s", diff)
	}
	closed := change("third")
	closed.Closed = true
	third := must[store.Text](t)(s.Texts().Replace(ctx, closed, store.AnyRevision))
	if third.Revision != 3 || !third.Closed || other.Closed {
		t.Errorf("replaced again: %+v", third)
	}
	if diff := cmp.Diff([]store.Text{third, other}, must[[]store.Text](t)(s.Texts().All(ctx, a))); diff != "" {
		t.Errorf("all (-want +got):\n%s", diff)
	}
	list, next, err := s.Texts().List(ctx, a, store.TextFSM, store.Page{})
	ok(t, err)
	third.Body = ""
	if diff := cmp.Diff([]store.Text{third}, list); diff != "" || next != "" {
		t.Errorf("the list (-want +got), next %q:\n%s", next, diff)
	}

	ok(t, s.Texts().Delete(ctx, a, store.TextFSM, "Night.shift-2", 3))
	_, err = s.Texts().Get(ctx, a, store.TextFSM, "Night.shift-2")
	refused(t, err, store.ErrNotFound)
	if again := must[store.Text](t)(s.Texts().Create(ctx, change("anew"))); again.Revision != 1 {
		t.Errorf("created anew: %+v", again)
	}
	if diff := cmp.Diff(other, must[store.Text](t)(s.Texts().Get(ctx, a, store.TextUsers, "Night.shift-2"))); diff != "" {
		t.Errorf("the text of the other kind (-before +after):\n%s", diff)
	}
	_, err = s.Texts().Create(ctx, store.Text{Account: aaa.NewAccountID(), Kind: store.TextFSM, Name: "t"})
	refused(t, err, store.ErrNotFound)
}

func textPage(t *testing.T, s store.Store, account aaa.AccountID, kind store.TextKind) func(store.Page) ([]string, string, error) {
	return func(p store.Page) (out []string, next string, err error) {
		list, next, err := s.Texts().List(t.Context(), account, kind, p)
		for _, text := range list {
			out = append(out, text.Name)
		}
		return out, next, err
	}
}
