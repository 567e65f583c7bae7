package storetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// most is more sessions than any test makes.
var most = store.MostSessions{Live: 1 << 40, Stored: 1 << 40}

// errLimit is any LimitError to race and refused.
var errLimit = errors.New("a limit is reached")

// orLimit gives errLimit for a LimitError.
func orLimit(err error) error {
	if over := (*store.LimitError)(nil); errors.As(err, &over) {
		return errLimit
	}
	return err
}

// allow sets a limit of an account.
func allow(t *testing.T, s store.Store, id aaa.AccountID, l aaa.Limit, n int64) {
	t.Helper()
	a := must[store.Account](t)(s.Accounts().Get(t.Context(), id))
	set := aaa.NoLimits()
	if a.Limits != nil {
		set = *a.Limits
	}
	set[l] = n
	a.Limits = &set
	must[store.Account](t)(s.Accounts().Update(t.Context(), id, store.AnyRevision, a))
}

// limited checks that an error is of the limit that was reached.
func limited(t *testing.T, err error, want aaa.Excess) {
	t.Helper()
	var over *store.LimitError
	if !errors.As(err, &over) || over.Excess != want {
		t.Errorf("%v (%+v), want %+v", err, over, want)
	}
}

// owned is what an account has a limited number of: its limit and how the n-th is made and removed.
type owned struct {
	limit  aaa.Limit
	make   func(ctx context.Context, s store.Store, account aaa.AccountID, n int) error
	remove func(ctx context.Context, s store.Store, account aaa.AccountID, n int) error
	short  bool // short-lived: no use is told of it
}

// each are the things with a limited number.
var each = []owned{
	{
		limit: aaa.LimitDictionaries, make: func(ctx context.Context, s store.Store, a aaa.AccountID, n int) error {
			_, err := s.Dictionaries().Create(ctx, store.Dictionary{Account: a, ID: fmt.Sprint(n), Name: fmt.Sprint("d", n), Body: []byte(`[]`)})
			return err
		}, remove: func(ctx context.Context, s store.Store, a aaa.AccountID, n int) error {
			return s.Dictionaries().Delete(ctx, a, fmt.Sprint(n), store.AnyRevision)
		},
	},
	ownedText(aaa.LimitTables, store.TextFSM),
	ownedText(aaa.LimitUsersFiles, store.TextUsers),
	ownedClient,
	ownedToken("token"),
	ownedToken(store.KindSession),
}

func ownedText(l aaa.Limit, kind store.TextKind) owned {
	return owned{limit: l, make: func(ctx context.Context, s store.Store, a aaa.AccountID, n int) error {
		_, err := s.Texts().Create(ctx, store.Text{Account: a, Kind: kind, Name: fmt.Sprint("t", n)})
		return err
	}, remove: func(ctx context.Context, s store.Store, a aaa.AccountID, n int) error {
		return s.Texts().Delete(ctx, a, kind, fmt.Sprint("t", n), store.AnyRevision)
	}}
}

func ownedToken(kind string) owned {
	return owned{limit: aaa.LimitTokens, short: kind == store.KindSession, make: func(ctx context.Context, s store.Store, a aaa.AccountID, n int) error {
		hash := sha256.Sum256(fmt.Append(nil, kind, a, n))
		return s.Tokens().Create(ctx, store.Token{ID: fmt.Sprint(kind, n, a), Account: a, Hash: hash, Kind: kind})
	}, remove: func(ctx context.Context, s store.Store, a aaa.AccountID, n int) error {
		_, err := s.Tokens().Revoke(ctx, a, fmt.Sprint(kind, n, a))
		return err
	}}
}

// testLimits: of many writers at once as many create something as the account may have, whoever set the limit, and one more
// when one is gone. What the limit was lowered below stays.
func testLimits(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "")
	above := account(t, s, "above", root.ID)
	a, other := account(t, s, "a", above.ID), account(t, s, "other", above.ID)
	for _, o := range each {
		allow(t, s, above.ID, o.limit, 3)
		allow(t, s, a.ID, o.limit, 5) // no more than the account above has
		over := &store.LimitError{Excess: aaa.Excess{Limit: o.limit, Account: a.ID, Allowed: 3, From: above.ID}}
		errs := make(chan error, 8)
		if _, won := race(t, 8, func(n int) error {
			err := o.make(ctx, s, a.ID, n)
			if le := (*store.LimitError)(nil); errors.As(err, &le) {
				errs <- err
				return errLimit
			}
			return err
		}, errLimit); won != 3 {
			t.Errorf("%s: %d were made", o.limit.Name(), won)
		}
		close(errs)
		for err := range errs {
			limited(t, err, over.Excess)
		}
		ok(t, o.make(ctx, s, other.ID, 100)) // it has its own
		for n := range 5 {
			ok(t, o.make(ctx, s, root.ID, n)) // it has no limits
		}
		for n := range 8 {
			if o.remove(ctx, s, a.ID, n) == nil {
				break
			}
		}
		ok(t, o.make(ctx, s, a.ID, 100))
		limited(t, o.make(ctx, s, a.ID, 101), over.Excess)
		allow(t, s, a.ID, o.limit, 1)
		limited(t, o.make(ctx, s, a.ID, 101), aaa.Excess{Limit: o.limit, Account: a.ID, Allowed: 1, From: a.ID})
		if err := o.remove(ctx, s, a.ID, 100); err != nil {
			t.Errorf("%s: what is over the limit can't be removed: %v", o.limit.Name(), err)
		}
		limited(t, o.make(ctx, s, a.ID, 101), aaa.Excess{Limit: o.limit, Account: a.ID, Allowed: 1, From: a.ID})
		if used := must[map[aaa.Limit]int64](t)(s.Accounts().Usage(ctx, a.ID)); used[o.limit] != 2 && !o.short {
			t.Errorf("%s: %v are used", o.limit.Name(), used)
		}
		allow(t, s, a.ID, o.limit, aaa.NotSet)
		allow(t, s, above.ID, o.limit, aaa.NotSet)
	}
}

// testTokensThatEnded: a token that ran out takes no place, and a key that is rotated takes that of the old one.
func testTokensThatEnded(t *testing.T, s store.Store) {
	ctx := t.Context()
	a := account(t, s, "a", account(t, s, "root", "").ID)
	allow(t, s, a.ID, aaa.LimitTokens, 2)
	add := func(id string, expires time.Time) error {
		return s.Tokens().Create(ctx, store.Token{ID: id, Account: a.ID, Hash: [32]byte([]byte(fmt.Sprintf("%32s", id))), Kind: "token", ExpiresAt: expires})
	}
	ok(t, add("1", time.Now().Add(-time.Minute)))
	ok(t, add("2", time.Now().Add(-time.Minute)))
	ok(t, add("3", time.Now().Add(time.Hour)))
	for n := range byte(3) {
		ok(t, s.Tokens().Rotate(ctx, store.Token{ID: fmt.Sprint("key", n), Account: a.ID, Hash: [32]byte{n}, Kind: store.KindAPIKey}))
	}
	limited(t, add("4", time.Time{}), aaa.Excess{Limit: aaa.LimitTokens, Account: a.ID, Allowed: 2, From: a.ID})
}

// testAccountsLimit: accounts count at every depth, for each account above, however they come there.
func testAccountsLimit(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "")
	a := account(t, s, "a", root.ID)
	b := account(t, s, "b", a.ID)
	allow(t, s, a.ID, aaa.LimitAccounts, 4)
	over := aaa.Excess{Limit: aaa.LimitAccounts, Account: a.ID, Allowed: 4, From: a.ID}
	create := func(parent aaa.AccountID) error {
		_, err := s.Accounts().Create(ctx, store.Account{ParentID: parent})
		return err
	}
	if _, won := race(t, 8, func(n int) error {
		err := create([]aaa.AccountID{a.ID, b.ID}[n%2])
		if le := (*store.LimitError)(nil); errors.As(err, &le) {
			return errLimit
		}
		return err
	}, errLimit); won != 3 {
		t.Errorf("%d were made", won)
	}
	limited(t, create(b.ID), over)

	c := account(t, s, "c", root.ID)
	account(t, s, "below c", c.ID)
	for _, to := range []aaa.AccountID{a.ID, b.ID} {
		_, err := s.Accounts().Move(ctx, c.ID, to)
		limited(t, err, over)
	}
	// Within the account a move changes nothing of its number.
	must[store.Moved](t)(s.Accounts().Move(ctx, account(t, s, "d", root.ID).ID, c.ID))
	list, _, err := s.Accounts().Children(ctx, a.ID, store.Page{})
	ok(t, err)
	for _, one := range list {
		if one.ID != b.ID {
			must[store.Moved](t)(s.Accounts().Move(ctx, one.ID, b.ID))
		}
	}
	limited(t, create(a.ID), over)
	allow(t, s, a.ID, aaa.LimitAccounts, 7)
	must[store.Moved](t)(s.Accounts().Move(ctx, c.ID, b.ID))
	over.Allowed = 7
	for id, want := range map[aaa.AccountID]int64{a.ID: 7, root.ID: 8, c.ID: 2} {
		if used := must[map[aaa.Limit]int64](t)(s.Accounts().Usage(ctx, id)); used[aaa.LimitAccounts] != want {
			t.Errorf("%v are used, want %d accounts", used, want)
		}
	}
	limited(t, create(b.ID), over)
	ok(t, create(root.ID))
}

// testSessionsLimit: of many writers at once as many begin a session as there may be. Those that ended don't count, nor those
// that are deleted, and one that lives again does.
func testSessionsLimit(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "")
	a, other := account(t, s, "a", root.ID).ID, account(t, s, "other", root.ID).ID
	live := func(n int64) store.MostSessions { return store.MostSessions{Live: n, Stored: most.Stored} }
	begin := func(n int) error { return orLimit(s.Sessions().Create(ctx, record(a, byte(n)), live(3))) }
	if _, won := race(t, 12, begin, errLimit); won != 3 {
		t.Fatalf("%d sessions began", won)
	}
	refused(t, begin(100), errLimit)
	for n := range byte(10) { // the count is known, and there is room for one
		_, won := race(t, 8, func(i int) error {
			return orLimit(s.Sessions().Create(ctx, record(other, 8*n+byte(i)), live(int64(n)+1)))
		}, errLimit)
		if won != 1 {
			t.Fatalf("%d sessions began where there was room for one", won)
		}
	}
	limited(t, s.Sessions().Create(ctx, record(other, 200), live(0)), aaa.Excess{Limit: aaa.LimitSessions, Account: other})

	list, _, err := s.Sessions().List(ctx, a, store.SessionsBy{}, store.Page{})
	ok(t, err)
	if len(list) != 3 {
		t.Fatalf("%d sessions are stored", len(list))
	}
	end := func(r store.SessionRecord) store.SessionRecord {
		t.Helper()
		r.EndedAt = noon
		return must[store.SessionRecord](t)(s.Sessions().Update(ctx, r, r.Revision))
	}
	ended := end(end(list[0])) // the second time it has ended already
	ok(t, begin(100))
	refused(t, begin(101), errLimit)
	ended.EndedAt = time.Time{}
	must[store.SessionRecord](t)(s.Sessions().Update(ctx, ended, ended.Revision))
	end(list[1])
	refused(t, begin(101), errLimit) // it lives again
	end(list[2])
	ok(t, begin(101))
	refused(t, begin(102), errLimit)
	if _, won := race(t, 8, func(int) error { // of many that end one session at once, one counts
		r := must[store.SessionRecord](t)(s.Sessions().ByID(ctx, a, "id101"))
		r.EndedAt = noon
		_, err := s.Sessions().Update(ctx, r, 1)
		return err
	}, store.ErrStale); won != 1 {
		t.Errorf("%d ended the session", won)
	}
	ok(t, begin(102))
	refused(t, begin(103), errLimit)
	stored := func(n int64) error {
		return s.Sessions().Create(ctx, record(a, 104), store.MostSessions{Live: most.Live, Stored: n})
	}
	use := func(wantLive, wantStored int64) {
		t.Helper()
		used := must[map[aaa.Limit]int64](t)(s.Accounts().Usage(ctx, a))
		if used[aaa.LimitSessions] != wantLive || used[aaa.LimitSessionRecords] != wantStored {
			t.Errorf("%v are used, want %d and %d sessions", used, wantLive, wantStored)
		}
	}
	use(3, 6)
	limited(t, stored(6), aaa.Excess{Limit: aaa.LimitSessionRecords, Account: a, Allowed: 6})
	if _, deleted := race(t, 4, func(int) error {
		_, err := s.Sessions().DeleteEnded(ctx, noon.Add(time.Hour))
		return err
	}, nil); deleted != 4 {
		t.Errorf("%d deleted", deleted)
	}
	use(3, 3)
	refused(t, begin(103), errLimit)
	limited(t, stored(3), aaa.Excess{Limit: aaa.LimitSessionRecords, Account: a, Allowed: 3})
	ok(t, stored(4))
	ok(t, s.Accounts().Delete(ctx, a, store.AnyRevision))
}

// testDictionaryOctets: all dictionaries of an account together have no more octets than they may, counted in octets and not in
// characters. What takes no more than before can be written, whatever the limit is by now.
func testDictionaryOctets(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "")
	a := account(t, s, "a", root.ID)
	allow(t, s, a.ID, aaa.LimitDictionaryOctets, 100)
	over := aaa.Excess{Limit: aaa.LimitDictionaryOctets, Account: a.ID, Allowed: 100, From: a.ID}
	body := func(n int) []byte { return []byte(`"` + strings.Repeat("é", n/2-1) + `"`) } // of n octets
	first := must[store.Dictionary](t)(s.Dictionaries().Create(ctx, store.Dictionary{Account: a.ID, Name: "first", Body: body(60)}))
	_, err := s.Dictionaries().Create(ctx, store.Dictionary{Account: a.ID, Name: "second", Body: body(42)})
	limited(t, err, over)
	second := must[store.Dictionary](t)(s.Dictionaries().Create(ctx, store.Dictionary{Account: a.ID, Name: "second", Body: body(40)}))
	first.Body = body(62)
	_, err = s.Dictionaries().Replace(ctx, first, store.AnyRevision)
	limited(t, err, over)
	used, err := s.Accounts().Usage(ctx, a.ID)
	if err != nil || used[aaa.LimitDictionaryOctets] != 100 || used[aaa.LimitDictionaries] != 2 {
		t.Errorf("%v, %v", used, err)
	}
	allow(t, s, a.ID, aaa.LimitDictionaryOctets, 10)
	second.Body = body(38)
	must[store.Dictionary](t)(s.Dictionaries().Replace(ctx, second, store.AnyRevision))
}
