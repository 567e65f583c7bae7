package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// referent is something that documents refer to by its name.
type referent struct {
	kind   store.RefKind
	create func(ctx context.Context, s store.Store, owner aaa.AccountID, name string) error
	update func(ctx context.Context, s store.Store, owner aaa.AccountID, name string) error
	remove func(ctx context.Context, s store.Store, owner aaa.AccountID, name string) error
}

var dictionary = referent{
	kind: store.RefDictionary,
	create: func(ctx context.Context, s store.Store, owner aaa.AccountID, name string) error {
		_, err := s.Dictionaries().Create(ctx, store.Dictionary{Account: owner, Name: name, Body: []byte(`[]`)})
		return err
	},
	update: func(ctx context.Context, s store.Store, owner aaa.AccountID, name string) error {
		d, err := s.Dictionaries().ByName(ctx, owner, name)
		if err == nil {
			d.Body = []byte(`[1]`)
			_, err = s.Dictionaries().Replace(ctx, d, d.Revision)
		}
		return err
	},
	remove: func(ctx context.Context, s store.Store, owner aaa.AccountID, name string) error {
		d, err := s.Dictionaries().ByName(ctx, owner, name)
		if err == nil {
			err = s.Dictionaries().Delete(ctx, owner, d.ID, store.AnyRevision)
		}
		return err
	},
}

var table = referent{
	kind: store.RefFSM,
	create: func(ctx context.Context, s store.Store, owner aaa.AccountID, name string) error {
		_, err := s.Texts().Create(ctx, store.Text{Account: owner, Kind: store.TextFSM, Name: name, Body: "Start"})
		return err
	},
	update: func(ctx context.Context, s store.Store, owner aaa.AccountID, name string) error {
		_, err := s.Texts().Replace(ctx, store.Text{Account: owner, Kind: store.TextFSM, Name: name, Body: "End"}, store.AnyRevision)
		return err
	},
	remove: func(ctx context.Context, s store.Store, owner aaa.AccountID, name string) error {
		return s.Texts().Delete(ctx, owner, store.TextFSM, name, store.AnyRevision)
	},
}

// of makes a test of one kind of reference.
func of(r referent, test func(*testing.T, store.Store, referent)) func(*testing.T, store.Store) {
	return func(t *testing.T, s store.Store) { test(t, s, r) }
}

func (r referent) ref(owner aaa.AccountID, name string) store.Ref {
	return store.Ref{Kind: r.kind, Account: owner, Name: name}
}

// document stores an account's document, the first or the next.
func document(ctx context.Context, s store.Store, account aaa.AccountID, uses ...store.Ref) error {
	d := store.Document{Account: account, Body: []byte(`{}`)}
	_, err := s.Documents().Create(ctx, d, uses)
	if errors.Is(err, store.ErrExists) {
		_, err = s.Documents().Replace(ctx, d, store.AnyRevision, uses)
	}
	return err
}

func testMoveLeaves(t *testing.T, s store.Store, r referent) {
	ctx := t.Context()
	root := account(t, s, "root", "")
	a, b := account(t, s, "a", root.ID), account(t, s, "b", root.ID)
	below := account(t, s, "below", a.ID)
	leaf := account(t, s, "leaf", below.ID)
	for _, owner := range []store.Account{root, a, b} {
		ok(t, r.create(ctx, s, owner.ID, "d"))
	}
	ok(t, document(ctx, s, leaf.ID, r.ref(a.ID, "d")))
	_, err := s.Accounts().Move(ctx, below.ID, b.ID)
	leftBehind(t, err, store.LeftBehindError{Kinds: []store.RefKind{r.kind}, Accounts: []aaa.AccountID{leaf.ID}})
	if got := must[store.Account](t)(s.Accounts().Get(ctx, leaf.ID)); got.Path[1] != a.ID {
		t.Errorf("the refused move left the path %v", got.Path)
	}
	// What goes along or stays above is not left.
	ok(t, r.create(ctx, s, below.ID, "d"))
	must[store.Moved](t)(s.Accounts().Move(ctx, below.ID, b.ID))
	ok(t, document(ctx, s, leaf.ID))
	ok(t, r.remove(ctx, s, below.ID, "d"))
	ok(t, r.remove(ctx, s, b.ID, "d"))
	ok(t, document(ctx, s, leaf.ID, r.ref(root.ID, "d")))
	must[store.Moved](t)(s.Accounts().Move(ctx, below.ID, root.ID))
	// In the new place another one is nearer: that is in use there.
	must[store.Moved](t)(s.Accounts().Move(ctx, below.ID, a.ID))
	stillUsed(t, r.remove(ctx, s, a.ID, "d"), r.kind, leaf.ID)
	ok(t, r.remove(ctx, s, root.ID, "d"))
}

// testNearest has names lead to what is nearest, whatever it was when the document was written.
func testNearest(t *testing.T, s store.Store, r referent) {
	ctx := t.Context()
	root := account(t, s, "root", "").ID
	parent := account(t, s, "parent", root).ID
	child := account(t, s, "child", parent).ID
	beside := account(t, s, "beside", parent).ID
	for _, tc := range []struct {
		name  string
		above aaa.AccountID // whose it is at first: the root's, or what the service ships
	}{{"stored", root}, {"shipped", aaa.SystemConfig}} {
		if tc.above == root {
			ok(t, r.create(ctx, s, root, tc.name))
		}
		ok(t, document(ctx, s, child, r.ref(tc.above, tc.name)))
		ok(t, document(ctx, s, beside, r.ref(tc.above, tc.name)))
		// A nearer one is in use from the moment that it is there.
		ok(t, r.create(ctx, s, parent, tc.name))
		stillUsed(t, r.remove(ctx, s, parent, tc.name), r.kind, child, beside)
		_, err := s.Accounts().Move(ctx, child, root)
		leftBehind(t, err, store.LeftBehindError{Kinds: []store.RefKind{r.kind}, Accounts: []aaa.AccountID{child}})
		ok(t, r.create(ctx, s, child, tc.name))
		stillUsed(t, r.remove(ctx, s, child, tc.name), r.kind, child)
		stillUsed(t, r.remove(ctx, s, parent, tc.name), r.kind, beside)
		ok(t, r.update(ctx, s, child, tc.name))
		// One that is hidden from every document is not.
		ok(t, document(ctx, s, beside))
		ok(t, r.remove(ctx, s, parent, tc.name))
		if tc.above == root {
			ok(t, r.remove(ctx, s, root, tc.name))
		}
		must[store.Moved](t)(s.Accounts().Move(ctx, child, root))
		must[store.Moved](t)(s.Accounts().Move(ctx, child, parent))
		stillUsed(t, r.remove(ctx, s, child, tc.name), r.kind, child)
		ok(t, document(ctx, s, child))
		ok(t, r.remove(ctx, s, child, tc.name))
	}
}

func leftBehind(t *testing.T, err error, want store.LeftBehindError) {
	t.Helper()
	var e *store.LeftBehindError
	if !errors.As(err, &e) {
		t.Fatalf("a move away from what is in use: %v", err)
	}
	if diff := cmp.Diff(want, *e); diff != "" {
		t.Errorf("left behind (-want +got):\n%s", diff)
	}
}

// testMoveLeavesBoth leaves a dictionary of one ancestor and a table of another, each used by another account.
func testMoveLeavesBoth(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "").ID
	a := account(t, s, "a", root).ID
	b := account(t, s, "b", a).ID
	moved := account(t, s, "moved", b).ID
	leaf := account(t, s, "leaf", moved).ID
	ok(t, table.create(ctx, s, a, "x"))
	ok(t, dictionary.create(ctx, s, b, "x"))
	ok(t, document(ctx, s, moved, table.ref(a, "x"), dictionary.ref(b, "x")))
	ok(t, document(ctx, s, leaf, dictionary.ref(b, "x")))
	_, err := s.Accounts().Move(ctx, moved, root)
	want := []aaa.AccountID{moved, leaf}
	var e *store.LeftBehindError
	if errors.As(err, &e) { // they come by the ancestor that is left
		slices.Sort(e.Accounts)
		slices.Sort(want)
	}
	leftBehind(t, err, store.LeftBehindError{Kinds: []store.RefKind{store.RefDictionary, store.RefFSM}, Accounts: want})
	// Now nobody names the dictionary.
	ok(t, document(ctx, s, moved, table.ref(a, "x")))
	ok(t, document(ctx, s, leaf))
	_, err = s.Accounts().Move(ctx, moved, root)
	leftBehind(t, err, store.LeftBehindError{Kinds: []store.RefKind{store.RefFSM}, Accounts: []aaa.AccountID{moved}})
}

// stillUsed checks that an error tells of the use by the documents of these accounts.
func stillUsed(t *testing.T, err error, kind store.RefKind, by ...aaa.AccountID) {
	t.Helper()
	slices.Sort(by)
	var e *store.InUseError
	if !errors.As(err, &e) || e.Kind != kind || !slices.Equal(e.Accounts, by) {
		t.Fatalf("got %v (%+v), want use by %v", err, e, by)
	}
}

func testInUse(t *testing.T, s store.Store, r referent) {
	ctx := t.Context()
	root := account(t, s, "root", "").ID
	child := account(t, s, "child", root).ID
	ok(t, r.create(ctx, s, root, "d"))
	ok(t, document(ctx, s, child, r.ref(root, "d"), r.ref(root, "d")))
	ok(t, document(ctx, s, root, r.ref(root, "d")))
	stillUsed(t, r.remove(ctx, s, root, "d"), r.kind, root, child)
	// Its contents may change.
	ok(t, r.update(ctx, s, root, "d"))
	// Another account's of that name is another one.
	other := account(t, s, "other", root).ID
	ok(t, r.create(ctx, s, other, "d"))
	ok(t, r.remove(ctx, s, other, "d"))

	// The uses are those of the current revision.
	ok(t, document(ctx, s, child))
	stillUsed(t, r.remove(ctx, s, root, "d"), r.kind, root)
	ok(t, s.Documents().Delete(ctx, root, store.AnyRevision, ""))
	ok(t, r.remove(ctx, s, root, "d"))
}

func testRenameInUse(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "").ID
	d := must[store.Dictionary](t)(s.Dictionaries().Create(ctx, store.Dictionary{Account: root, Name: "d"}))
	ok(t, document(ctx, s, root, dictionary.ref(root, "d")))
	d.Name = "e"
	_, err := s.Dictionaries().Replace(ctx, d, store.AnyRevision)
	stillUsed(t, err, store.RefDictionary, root)

	// A nearer one takes the name, and with that the use, from another.
	child := account(t, s, "child", root).ID
	own := must[store.Dictionary](t)(s.Dictionaries().Create(ctx, store.Dictionary{Account: child, Name: "own"}))
	ok(t, document(ctx, s, child, dictionary.ref(root, "d")))
	ok(t, document(ctx, s, root))
	own.Name = "d"
	must[store.Dictionary](t)(s.Dictionaries().Replace(ctx, own, store.AnyRevision))
	must[store.Dictionary](t)(s.Dictionaries().Replace(ctx, d, store.AnyRevision))
	own.Name = "own"
	_, err = s.Dictionaries().Replace(ctx, own, store.AnyRevision)
	stillUsed(t, err, store.RefDictionary, child)
}

// testSameName has a dictionary, a table and a users file of one name, of which a
// document names one after the other.
func testSameName(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "").ID
	users := store.Text{Account: root, Kind: store.TextUsers, Name: "x"}
	ok(t, dictionary.create(ctx, s, root, "x"))
	ok(t, table.create(ctx, s, root, "x"))
	ok(t, document(ctx, s, root, dictionary.ref(root, "x"), table.ref(root, "x")))
	stillUsed(t, dictionary.remove(ctx, s, root, "x"), store.RefDictionary, root)
	stillUsed(t, table.remove(ctx, s, root, "x"), store.RefFSM, root)
	must[store.Text](t)(s.Texts().Create(ctx, users))
	ok(t, s.Texts().Delete(ctx, root, store.TextUsers, "x", store.AnyRevision))

	for _, c := range []struct{ named, free referent }{{dictionary, table}, {table, dictionary}} {
		ok(t, document(ctx, s, root, c.named.ref(root, "x")))
		ok(t, c.free.remove(ctx, s, root, "x"))
		stillUsed(t, c.named.remove(ctx, s, root, "x"), c.named.kind, root)
		ok(t, c.free.create(ctx, s, root, "x"))
	}
}

// testMissing names what is not there: of another name, another account and another kind.
func testMissing(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "").ID
	ok(t, dictionary.create(ctx, s, root, "dictionary"))
	ok(t, table.create(ctx, s, root, "table"))
	must[store.Text](t)(s.Texts().Create(ctx, store.Text{Account: root, Kind: store.TextUsers, Name: "users"}))
	missing := []store.Ref{
		dictionary.ref(root, "gone"), dictionary.ref(root, "table"),
		table.ref(root, "gone"), table.ref(root, "dictionary"), table.ref(root, "users"),
	}
	there := []store.Ref{
		dictionary.ref(root, "dictionary"), table.ref(root, "table"), dictionary.ref(aaa.SystemConfig, "shipped"), table.ref(aaa.SystemConfig, "shipped"),
	}
	err := document(ctx, s, root, slices.Concat(missing[:3], there, missing[3:])...)
	var e *store.MissingError
	if !errors.As(err, &e) {
		t.Fatalf("a document that names what is missing: %v", err)
	}
	if diff := cmp.Diff(missing, e.Refs); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	_, err = s.Documents().Get(ctx, root)
	refused(t, err, store.ErrNotFound)
	// The refused document uses nothing.
	ok(t, dictionary.remove(ctx, s, root, "dictionary"))
	ok(t, table.remove(ctx, s, root, "table"))

	// Nothing refers to a users file.
	if err := document(ctx, s, root, store.Ref{Kind: store.RefKind(store.TextUsers), Account: root, Name: "users"}); err == nil {
		t.Error("a document refers to a users file")
	}
}

// testReferenceRace deletes something while a document begins to name it: one of
// them is refused, and never does a document name what is gone.
func testReferenceRace(t *testing.T, s store.Store, r referent) {
	ctx := t.Context()
	a := account(t, s, "root", "").ID
	ok(t, document(ctx, s, a))
	for range 20 {
		ok(t, r.create(ctx, s, a, "d"))
		both := errors.New("one of both")
		winner, won := race(t, 2, func(n int) (err error) {
			if n == 0 {
				err = r.remove(ctx, s, a, "d")
			} else {
				err = document(ctx, s, a, r.ref(a, "d"))
			}
			var missing *store.MissingError
			var used *store.InUseError
			if errors.As(err, &missing) || errors.As(err, &used) {
				return both
			}
			return err
		}, both)
		if won != 1 {
			t.Fatalf("%d of deletion and use succeeded", won)
		}
		if winner == 1 { // the document: let go of it for the next round
			ok(t, document(ctx, s, a))
			ok(t, r.remove(ctx, s, a, "d"))
		}
	}
}
