package storetest

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"strconv"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// makers is a store whose tokens have short ids, which are unique as those of the service are.
type makers struct {
	*testing.T
	store.Store
}

// token stores a token of an account that another one, named by its id, made; by is empty for none.
func (m makers) token(owner store.Account, id, by string) {
	m.Helper()
	ok(m.T, m.make(owner, id, by))
}

func (m makers) make(owner store.Account, id, by string) error {
	tok := store.Token{ID: id, Account: owner.ID, Hash: sha256.Sum256([]byte(id)), Kind: "token", MadeBy: by}
	if by != "" {
		tok.MakerAccount = m.read(by).Account // none of one that is revoked
	}
	return m.Tokens().Create(m.Context(), tok)
}

func (m makers) read(id string) store.Token {
	tok, _ := m.Tokens().ByHash(m.Context(), sha256.Sum256([]byte(id))) // none: a token without members
	return tok
}

// left checks which of some tokens are there.
func (m makers) left(of string, want string) {
	m.Helper()
	var got []byte
	for _, id := range []byte(of) {
		if m.read(string(id)).ID != "" {
			got = append(got, id)
		}
	}
	if string(got) != want {
		m.Errorf("left are %s, want %s", got, want)
	}
}

// changes lists what the log tells after a change.
func (m makers) changes(after store.Change) (list []store.Change) {
	m.Helper()
	list, gap, err := m.Changes().Since(m.Context(), after, 1000)
	if err != nil || gap {
		m.Fatalf("%v, gap %v", err, gap)
	}
	return list
}

// family stores tokens of three accounts, one below the other: a made b, which made c and d; c made e. f is apart.
func family(t *testing.T, s store.Store) (m makers, root, reseller, tenant store.Account) {
	m = makers{t, s}
	root = account(t, s, "root", "")
	reseller = account(t, s, "reseller", root.ID)
	tenant = account(t, s, "tenant", reseller.ID)
	m.token(root, "a", "")
	m.token(reseller, "b", "a")
	m.token(tenant, "c", "b")
	m.token(reseller, "d", "b")
	m.token(tenant, "e", "c")
	m.token(tenant, "f", "")
	if got := m.read("c"); got.MadeBy != "b" || got.MakerAccount != reseller.ID {
		t.Fatalf("stored as %+v", got)
	}
	return m, root, reseller, tenant
}

func testRevoke(t *testing.T, s store.Store) {
	m, root, reseller, tenant := family(t, s)
	before := must[store.Change](t)(s.Changes().Last(t.Context()))
	gone := must[store.Revoked](t)(s.Tokens().Revoke(t.Context(), reseller.ID, "b"))
	accounts := []aaa.AccountID{reseller.ID, tenant.ID}
	slices.Sort(accounts)
	if gone.Tokens != 4 || !slices.Equal(gone.Accounts, accounts) {
		t.Errorf("revoked: %+v", gone)
	}
	m.left("abcdef", "af")
	list := m.changes(before)
	if len(list) != 3 || list[0].Account != accounts[0] || list[1].Account != accounts[1] || list[0].Name != "" || list[2].Name != "b" {
		t.Errorf("the log: %+v", list)
	}
	if gone := must[store.Revoked](t)(s.Tokens().Revoke(t.Context(), root.ID, "a")); gone.Tokens != 1 {
		t.Errorf("revoked: %+v", gone)
	}
}

// A node that has not yet heard of a revocation can't make a token with the revoked one.
func testMakerGone(t *testing.T, s store.Store) {
	m, root, reseller, tenant := family(t, s)
	must[store.Revoked](t)(s.Tokens().Revoke(t.Context(), reseller.ID, "b"))
	refused(t, m.make(tenant, "g", "b"), store.ErrNotFound)
	other := account(t, s, "other", root.ID) // where an account that was moved is not below any more
	refused(t, m.make(other, "g", "f"), store.ErrNotFound)
	refused(t, m.make(root, "g", "f"), store.ErrNotFound)
	key := store.Token{ID: "k", Account: tenant.ID, Hash: [32]byte{1}, Kind: store.KindAPIKey, MadeBy: "b", MakerAccount: reseller.ID}
	refused(t, s.Tokens().Rotate(t.Context(), key), store.ErrNotFound)
	m.left("gk", "")
}

func testOrphan(t *testing.T, s store.Store) {
	ctx := t.Context()
	m, root, reseller, tenant := family(t, s)
	for _, by := range []string{"b", "c", "e"} { // itself and what came from it
		refused(t, s.Tokens().Orphan(ctx, reseller.ID, "b", by), store.ErrNoOrphan)
	}
	refused(t, s.Tokens().Orphan(ctx, tenant.ID, "b", ""), store.ErrNotFound)
	m.left("abcdef", "abcdef")
	ok(t, s.Tokens().Orphan(ctx, reseller.ID, "b", "a"))
	m.left("abcdef", "acdef")
	if got := m.read("c"); got.MadeBy != "a" || got.MakerAccount != reseller.ID {
		t.Errorf("the orphan is %+v", got)
	}
	ok(t, s.Tokens().Orphan(ctx, tenant.ID, "c", "f"))
	must[store.Revoked](t)(s.Tokens().Revoke(ctx, root.ID, "a"))
	m.left("abcdef", "f")

	m.token(root, "a", "")
	m.token(tenant, "b", "a")
	ok(t, s.Tokens().Orphan(ctx, root.ID, "a", ""))
	if got := m.read("b"); got.MadeBy != "" || got.MakerAccount != root.ID {
		t.Errorf("the orphan is %+v", got)
	}
	ok(t, s.Tokens().Create(ctx, store.Token{ID: "k", Account: tenant.ID, Hash: [32]byte{1}, Kind: store.KindAPIKey}))
	refused(t, s.Tokens().Orphan(ctx, tenant.ID, "k", ""), store.ErrNoOrphan)
}

func testMoveRevokes(t *testing.T, s store.Store) {
	m, root, reseller, tenant := family(t, s)
	sub, other := account(t, s, "sub", tenant.ID), account(t, s, "other", root.ID)
	m.token(sub, "g", "a")  // the root stays above
	m.token(sub, "h", "c")  // made by a token that is revoked
	m.token(sub, "i", "f")  // made within what is moved
	m.token(sub, "j", "b")  // of the subtree, not of the account moved
	m.token(other, "k", "") // the new parent's
	moved := must[store.Moved](t)(s.Accounts().Move(t.Context(), tenant.ID, other.ID))
	accounts := []aaa.AccountID{tenant.ID, sub.ID}
	slices.Sort(accounts)
	if moved.Revoked.Tokens != 4 || !slices.Equal(moved.Revoked.Accounts, accounts) || moved.ParentID != other.ID {
		t.Errorf("moved: %+v", moved)
	}
	m.left("abcdefghijk", "abdfgik")
	m.token(tenant, "l", "k")
	if back := must[store.Moved](t)(s.Accounts().Move(t.Context(), tenant.ID, reseller.ID)); back.Revoked.Tokens != 1 {
		t.Errorf("moved back: %+v", back)
	}
	m.left("fgil", "fgi")
	if up := must[store.Moved](t)(s.Accounts().Move(t.Context(), sub.ID, root.ID)); up.Revoked.Tokens != 1 { // out of the tenant, whose f made i
		t.Errorf("moved up: %+v", up)
	}
	m.left("fgi", "fg")
	// Neither the maker's token nor its maker is there any more: the account that made the token is left all the same.
	m.token(reseller, "m", "")
	m.token(tenant, "n", "m")
	ok(t, s.Tokens().Orphan(t.Context(), reseller.ID, "m", ""))
	must[store.Moved](t)(s.Accounts().Move(t.Context(), tenant.ID, other.ID))
	m.left("n", "")
}

func testRevokeMany(t *testing.T, s store.Store) {
	m, root, _, _ := family(t, s)
	for i := range 101 {
		m.token(account(t, s, "a", root.ID), "x"+strconv.Itoa(i), "a")
	}
	before := must[store.Change](t)(s.Changes().Last(t.Context()))
	must[store.Revoked](t)(s.Tokens().Revoke(t.Context(), root.ID, "a"))
	list := m.changes(before)
	if len(list) != 2 || list[0].Account != aaa.SystemConfig || list[0].Name != "" || list[1].Name != "a" {
		t.Errorf("the log: %+v", list)
	}
}

func testTokenKey(t *testing.T, s store.Store) {
	key := must[[]byte](t)(s.Tokens().Key(t.Context()))
	if again := must[[]byte](t)(s.Tokens().Key(t.Context())); len(key) != 32 || !bytes.Equal(key, again) || bytes.Equal(key, make([]byte, 32)) {
		t.Errorf("the key is %x, then %x", key, again)
	}
	if must[bool](t)(s.Tokens().WithoutChecksum(t.Context())) {
		t.Error("an empty store has tokens without a checksum")
	}
	root := account(t, s, "root", "")
	ok(t, s.Tokens().Create(t.Context(), store.Token{ID: "new", Account: root.ID, Hash: [32]byte{1}, Checksum: true}))
	if must[bool](t)(s.Tokens().WithoutChecksum(t.Context())) {
		t.Error("a token with a checksum counts as one without")
	}
	ok(t, s.Tokens().Create(t.Context(), store.Token{ID: "old", Account: root.ID, Hash: [32]byte{2}}))
	if !must[bool](t)(s.Tokens().WithoutChecksum(t.Context())) {
		t.Error("no token without a checksum was found")
	}
}
