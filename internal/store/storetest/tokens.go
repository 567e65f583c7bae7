package storetest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

func testTokens(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "")
	in := store.Token{
		ID: aaa.NewID(), Account: root.ID, Hash: [32]byte{0, 1, 255}, Kind: "api_key", Scopes: []string{"read", "request"},
		Note: "of the\nconsole", MakerAccount: root.ID, Checksum: true, CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), ExpiresAt: time.Date(2500, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	ok(t, s.Tokens().Create(ctx, in))
	if diff := cmp.Diff(in, must[store.Token](t)(s.Tokens().ByHash(ctx, in.Hash))); diff != "" {
		t.Errorf("read back (-created +read):\n%s", diff)
	}
	refused(t, s.Tokens().Create(ctx, store.Token{ID: aaa.NewID(), Account: root.ID, Hash: in.Hash}), store.ErrExists)
	refused(t, s.Tokens().Create(ctx, store.Token{ID: in.ID, Account: root.ID, Hash: [32]byte{9}}), store.ErrExists)
	_, err := s.Tokens().ByHash(ctx, [32]byte{9})
	refused(t, err, store.ErrNotFound)
	must[store.Revoked](t)(s.Tokens().Revoke(ctx, root.ID, in.ID))
	_, err = s.Tokens().Revoke(ctx, root.ID, in.ID)
	refused(t, err, store.ErrNotFound)
	_, err = s.Tokens().ByHash(ctx, in.Hash)
	refused(t, err, store.ErrNotFound)
}

// testAPIKeys holds that sessions share the fate of the API key that they were made with.
func testAPIKeys(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "")
	other := account(t, s, "other", root.ID)
	add := func(owner aaa.AccountID, id, kind, key string) store.Token {
		t.Helper()
		tok := store.Token{ID: id, Account: owner, Hash: sha256.Sum256([]byte(id)), Kind: kind, KeyID: key}
		ok(t, s.Tokens().Create(ctx, tok))
		return tok
	}
	left := func(want ...string) {
		t.Helper()
		var got []string
		for _, owner := range []aaa.AccountID{root.ID, other.ID} {
			list, _, err := s.Tokens().List(ctx, owner, store.Page{})
			ok(t, err)
			for _, tok := range list {
				got = append(got, tok.ID)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("left are %v, want %v", got, want)
		}
	}
	change := func() store.Change {
		t.Helper()
		return must[store.Change](t)(s.Changes().Last(ctx))
	}
	add(root.ID, "key1", store.KindAPIKey, "")
	session := add(root.ID, "session1", "session", "key1")
	if got := must[store.Token](t)(s.Tokens().ByHash(ctx, session.Hash)); got.KeyID != "key1" {
		t.Errorf("the session's key is %q", got.KeyID)
	}
	add(root.ID, "token1", "token", "")
	add(other.ID, "key1a", store.KindAPIKey, "")
	add(other.ID, "session1a", "session", "key1a")
	for _, id := range []string{"key2", "token1"} {
		refused(t, s.Tokens().Create(ctx, store.Token{ID: "x", Account: root.ID, Hash: [32]byte{1}, KeyID: id}), store.ErrNotFound)
	}

	ok(t, s.Tokens().Rotate(ctx, store.Token{ID: "key2", Account: root.ID, Hash: [32]byte{2}, Kind: store.KindAPIKey}))
	left("key2", "token1", "key1a", "session1a")
	add(root.ID, "session2", "session", "key2")
	must[store.Revoked](t)(s.Tokens().Revoke(ctx, root.ID, "key2"))
	if c := change(); c.Kind != store.ChangedToken || c.Account != root.ID || c.Name != "key2" {
		t.Errorf("the last change is %+v", c)
	}
	left("token1", "key1a", "session1a")

	add(root.ID, "key3", store.KindAPIKey, "")
	add(root.ID, "key4", store.KindAPIKey, "")
	add(root.ID, "session4", "session", "key4")
	if keys := must[[]store.Token](t)(s.Tokens().RevokeKeys(ctx, root.ID)); len(keys) != 2 || keys[0].ID != "key3" || keys[1].ID != "key4" {
		t.Errorf("revoked were %+v", keys)
	}
	_, err := s.Tokens().RevokeKeys(ctx, root.ID)
	refused(t, err, store.ErrNotFound)
	left("token1", "key1a", "session1a")
	refused(t, s.Tokens().Rotate(ctx, store.Token{ID: "key5", Account: aaa.NewAccountID(), Hash: [32]byte{5}}), store.ErrNotFound)
}

// testRotationsRace rotates from many at once: one key is left.
func testRotationsRace(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "")
	race(t, 10, func(n int) error {
		return s.Tokens().Rotate(ctx, store.Token{ID: strconv.Itoa(n), Account: root.ID, Hash: [32]byte{byte(n)}, Kind: store.KindAPIKey})
	}, nil)
	list, _, err := s.Tokens().List(ctx, root.ID, store.Page{})
	ok(t, err)
	if len(list) != 1 {
		t.Errorf("%d keys are left", len(list))
	}
}

func testExpiredTokens(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "")
	now := time.Now()
	for i, expires := range []time.Time{{}, now.Add(-time.Hour), now.Add(time.Hour)} {
		ok(t, s.Tokens().Create(ctx, store.Token{ID: strconv.Itoa(i), Account: root.ID, Hash: [32]byte{byte(i)}, ExpiresAt: expires}))
	}
	before := must[store.Change](t)(s.Changes().Last(ctx)).Seq
	if n := must[int](t)(s.Tokens().DeleteExpired(ctx, now)); n != 1 {
		t.Errorf("%d tokens were deleted", n)
	}
	if after := must[store.Change](t)(s.Changes().Last(ctx)).Seq; after != before {
		t.Errorf("the clearing counted as a change")
	}
	list, _, err := s.Tokens().List(ctx, root.ID, store.Page{})
	ok(t, err)
	if len(list) != 2 || list[0].ID != "0" || !list[0].ExpiresAt.IsZero() || list[1].ID != "2" {
		t.Errorf("left are %+v", list)
	}
}

func testKeys(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "")
	for _, id := range []aaa.AccountID{root.ID, aaa.SystemConfig} {
		_, err := s.Keys().Get(ctx, id)
		refused(t, err, store.ErrNotFound)
		before := must[store.Change](t)(s.Changes().Last(ctx)).Seq
		got := make([][]byte, 8)
		race(t, len(got), func(n int) (err error) {
			got[n], err = s.Keys().Add(ctx, id, []byte{0, byte(n)})
			return err
		}, nil)
		stored := must[[]byte](t)(s.Keys().Get(ctx, id))
		for n, key := range got {
			if !bytes.Equal(key, stored) {
				t.Errorf("writer %d was given key %v, stored is %v", n, key, stored)
			}
		}
		if after := must[store.Change](t)(s.Changes().Last(ctx)).Seq; after != before {
			t.Errorf("a key counted as a change")
		}
	}
}

func testKeysRotate(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "")
	ids := []aaa.AccountID{root.ID, account(t, s, "sub", root.ID).ID, account(t, s, "sub", root.ID).ID, aaa.SystemConfig}
	for _, id := range ids {
		must[[]byte](t)(s.Keys().Add(ctx, id, []byte("old "+id)))
	}
	before := must[store.Change](t)(s.Changes().Last(ctx)).Seq
	var listed []aaa.AccountID
	for start := aaa.AccountID(""); ; {
		page, next, err := s.Keys().List(ctx, start, 3)
		ok(t, err)
		for _, k := range page {
			if string(k.Wrapped) != "old "+string(k.Account) {
				t.Errorf("key of %s is listed as %q", k.Account, k.Wrapped)
			}
			listed = append(listed, k.Account)
		}
		if next == "" {
			break
		}
		if len(page) != 3 {
			t.Errorf("a page of %d with next %s", len(page), next)
		}
		start = next
	}
	slices.Sort(ids)
	slices.Sort(listed)
	if !slices.Equal(listed, ids) {
		t.Errorf("listed %v, want %v", listed, ids)
	}

	if !must[bool](t)(s.Keys().Replace(ctx, root.ID, []byte("old "+root.ID), []byte("new"))) {
		t.Error("the key was not replaced")
	}
	if must[bool](t)(s.Keys().Replace(ctx, root.ID, []byte("old "+root.ID), []byte("newer"))) {
		t.Error("a key was replaced that was not there any more")
	}
	if got := must[[]byte](t)(s.Keys().Get(ctx, root.ID)); string(got) != "new" {
		t.Errorf("stored is %q", got)
	}
	ok(t, s.Keys().Delete(ctx, root.ID))
	ok(t, s.Keys().Delete(ctx, root.ID))
	_, err := s.Keys().Get(ctx, root.ID)
	refused(t, err, store.ErrNotFound)
	must[[]byte](t)(s.Keys().Get(ctx, ids[len(ids)-1]))
	if after := must[store.Change](t)(s.Changes().Last(ctx)).Seq; after != before {
		t.Error("a rotation counted as a change")
	}
}

func testPages(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "")
	sub := account(t, s, "sub", root.ID)
	var want []aaa.AccountID
	for range 7 {
		want = append(want, account(t, s, "leaf", sub.ID).ID)
	}
	slices.Sort(want)
	pages := func(list func(store.Page) ([]string, string, error)) (all []string, count int) {
		for p := (store.Page{Limit: 3}); ; count++ {
			page, next, err := list(p)
			ok(t, err)
			if len(page) > 3 || next != "" && len(page) < 3 {
				t.Fatalf("a page of %d with next %q", len(page), next)
			}
			all = append(all, page...)
			if next == "" {
				return all, count + 1
			}
			p.Start = next
		}
	}
	accounts := func(list []store.Account, next string, err error) ([]string, string, error) {
		out := make([]string, len(list))
		for i, a := range list {
			out[i] = string(a.ID)
		}
		return out, next, err
	}
	leaves := make([]string, len(want))
	for i, id := range want {
		leaves[i] = string(id)
	}
	everyone := append([]string{string(sub.ID)}, leaves...)
	slices.Sort(everyone)

	names := []string{"A", "B", "a", "a-", "aa", "b"} // in the order of octets
	for i, n := range []int{3, 0, 5, 1, 4, 2} {
		must[store.Dictionary](t)(s.Dictionaries().Create(ctx, store.Dictionary{Account: sub.ID, Name: names[n]}))
		must[store.Text](t)(s.Texts().Create(ctx, store.Text{Account: sub.ID, Kind: store.TextFSM, Name: names[n]}))
		must[store.Text](t)(s.Texts().Create(ctx, store.Text{Account: sub.ID, Kind: store.TextUsers, Name: "u" + names[n]}))
		must[store.Client](t)(s.Clients().Create(ctx, client(sub.ID, names[n], "")))
		ok(t, s.Tokens().Create(ctx, store.Token{ID: names[n], Account: sub.ID, Hash: [32]byte{byte(i)}}))
		ok(t, s.Sessions().Create(ctx, store.SessionRecord{ID: names[n], Account: sub.ID, Hash: [32]byte{byte(i)}, CreatedAt: noon, UpdatedAt: noon}, most))
	}
	for what, c := range map[string]struct {
		list func(store.Page) ([]string, string, error)
		want []string
	}{
		"children": {func(p store.Page) ([]string, string, error) { return accounts(s.Accounts().Children(ctx, sub.ID, p)) }, leaves},
		"descendants": {func(p store.Page) ([]string, string, error) {
			return accounts(s.Accounts().Descendants(ctx, sub.ID, p))
		}, leaves},
		"the root's": {func(p store.Page) ([]string, string, error) {
			return accounts(s.Accounts().Descendants(ctx, root.ID, p))
		}, everyone},
		"none":                 {func(p store.Page) ([]string, string, error) { return accounts(s.Accounts().Children(ctx, want[0], p)) }, nil},
		"dictionaries by name": {dictionaryPage(t, s, sub.ID), names},
		"tables by name":       {textPage(t, s, sub.ID, store.TextFSM), names},
		"clients by name":      {clientPage(t, s, sub.ID), names},
		"users files by name":  {textPage(t, s, sub.ID, store.TextUsers), []string{"uA", "uB", "ua", "ua-", "uaa", "ub"}},
		"sessions by id":       {sessionPage(t, s, sub.ID), names},
		"tokens by id": {func(p store.Page) (out []string, next string, err error) {
			list, next, err := s.Tokens().List(ctx, sub.ID, p)
			for _, tok := range list {
				out = append(out, tok.ID)
			}
			return out, next, err
		}, names},
	} {
		got, count := pages(c.list)
		if !slices.Equal(got, c.want) || count != max(1, (len(c.want)+2)/3) {
			t.Errorf("%s in %d pages: %v, want %v", what, count, got, c.want)
		}
	}
}

func dictionaryPage(t *testing.T, s store.Store, account aaa.AccountID) func(store.Page) ([]string, string, error) {
	return func(p store.Page) (out []string, next string, err error) {
		list, next, err := s.Dictionaries().List(t.Context(), account, p)
		for _, d := range list {
			out = append(out, d.Name)
		}
		return out, next, err
	}
}

// testTenancy asks with one account for what is another's.
func testTenancy(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "")
	mine, theirs := account(t, s, "mine", root.ID).ID, account(t, s, "theirs", root.ID).ID
	d := must[store.Dictionary](t)(s.Dictionaries().Create(ctx, store.Dictionary{Account: theirs, Name: "d"}))
	tok := store.Token{ID: aaa.NewID(), Account: theirs, Hash: [32]byte{1}}
	ok(t, s.Tokens().Create(ctx, tok))
	must[store.Document](t)(s.Documents().Create(ctx, store.Document{Account: theirs, Body: []byte(`{}`)}, nil))
	text := must[store.Text](t)(s.Texts().Create(ctx, store.Text{Account: theirs, Kind: store.TextUsers, Name: "u", Body: "sealed"}))
	must[store.Client](t)(s.Clients().Create(ctx, client(theirs, "c", "")))
	for _, id := range []aaa.AccountID{mine, root.ID, aaa.SystemConfig} {
		var err error
		for what, try := range map[string]func(){
			"document":        func() { _, err = s.Documents().Get(ctx, id) },
			"revision":        func() { _, err = s.Documents().Revision(ctx, id, 1) },
			"dictionary":      func() { _, err = s.Dictionaries().Get(ctx, id, d.ID) },
			"by name":         func() { _, err = s.Dictionaries().ByName(ctx, id, "d") },
			"replacement":     func() { _, err = s.Dictionaries().Replace(ctx, store.Dictionary{Account: id, ID: d.ID}, 0) },
			"deletion":        func() { err = s.Dictionaries().Delete(ctx, id, d.ID, 0) },
			"text":            func() { _, err = s.Texts().Get(ctx, id, text.Kind, "u") },
			"text's change":   func() { _, err = s.Texts().Replace(ctx, store.Text{Account: id, Kind: text.Kind, Name: "u"}, 0) },
			"text's deletion": func() { err = s.Texts().Delete(ctx, id, text.Kind, "u", 0) },
			"client":          func() { _, err = s.Clients().Get(ctx, id, "c") },
			"client's change": func() { _, err = s.Clients().Replace(ctx, store.Client{Account: id, Name: "c"}, 0) },
			"client's end":    func() { err = s.Clients().Delete(ctx, id, "c", 0) },
			"token's removal": func() { _, err = s.Tokens().Revoke(ctx, id, tok.ID) },
			"key":             func() { _, err = s.Keys().Get(ctx, id) },
		} {
			if try(); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s of another account: %v", what, err)
			}
		}
		if all := must[[]store.Dictionary](t)(s.Dictionaries().All(ctx, id)); len(all) != 0 {
			t.Errorf("dictionaries of another account: %v", all)
		}
		if all := must[[]store.Text](t)(s.Texts().All(ctx, id)); len(all) != 0 {
			t.Errorf("texts of another account: %v", all)
		}
		if list, _, err := s.Clients().List(ctx, id, store.Page{}); err != nil || len(list) != 0 {
			t.Errorf("list of clients of another account: %v, %v", list, err)
		}
		if list, _, err := s.Texts().List(ctx, id, text.Kind, store.Page{}); err != nil || len(list) != 0 {
			t.Errorf("list of texts of another account: %v, %v", list, err)
		}
		if list, _, err := s.Tokens().List(ctx, id, store.Page{}); err != nil || len(list) != 0 {
			t.Errorf("tokens of another account: %v, %v", list, err)
		}
		if list, _, err := s.Documents().Revisions(ctx, id, 0, 0); err != nil || len(list) != 0 {
			t.Errorf("revisions of another account: %v, %v", list, err)
		}
	}
	must[store.Dictionary](t)(s.Dictionaries().Get(ctx, theirs, d.ID))
	must[store.Token](t)(s.Tokens().ByHash(ctx, tok.Hash))
	if diff := cmp.Diff(text, must[store.Text](t)(s.Texts().Get(ctx, theirs, text.Kind, "u"))); diff != "" {
		t.Errorf("their text (-before +after):\n%s", diff)
	}
}
