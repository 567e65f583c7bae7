package secmod

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// memKeys is store.Keys in memory; down makes it unreachable.
type memKeys struct {
	mu   sync.Mutex
	rows map[aaa.AccountID][]byte
	// added, if set, is called once after a row was added.
	added func()
	gets  int
	down  bool
}

func (m *memKeys) Get(_ context.Context, account aaa.AccountID) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gets++
	if m.down {
		return nil, store.ErrUnavailable
	}
	if row, ok := m.rows[account]; ok {
		return row, nil
	}
	return nil, store.ErrNotFound
}

func (m *memKeys) Add(_ context.Context, account aaa.AccountID, wrapped []byte) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rows == nil {
		m.rows = map[aaa.AccountID][]byte{}
	}
	if row, ok := m.rows[account]; ok {
		return row, nil
	}
	m.rows[account] = wrapped
	if added := m.added; added != nil {
		m.added = nil
		m.mu.Unlock()
		added()
		m.mu.Lock()
	}
	return wrapped, nil
}

func (m *memKeys) List(_ context.Context, start aaa.AccountID, limit int) (list []store.WrappedKey, next aaa.AccountID, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(m.rows)) {
		switch {
		case id < start:
		case len(list) == limit:
			return list, id, nil
		default:
			list = append(list, store.WrappedKey{Account: id, Wrapped: m.rows[id]})
		}
	}
	return list, "", nil
}

func (m *memKeys) Replace(_ context.Context, account aaa.AccountID, old, fresh []byte) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !bytes.Equal(m.rows[account], old) {
		return false, nil
	}
	m.rows[account] = fresh
	return true, nil
}

func (m *memKeys) Delete(_ context.Context, account aaa.AccountID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.rows, account)
	return nil
}

const (
	alice = aaa.AccountID("0123456789abcdef0123456789abcdef")
	bob   = aaa.AccountID("fedcba9876543210fedcba9876543210")
)

func TestSealOpensForItsAccountAndPurposeOnly(t *testing.T) {
	t.Parallel()
	v := New(newKEK(t), &memKeys{})
	ctx := t.Context()
	for _, clear := range []string{"", "s", "testing123", strings.Repeat("x", MaxSecret), "\x00\xff"} {
		sealed, err := v.Seal(ctx, alice, "servers/a/secret", clear)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(sealed, SealedPrefix) || (len(clear) > 3 && strings.Contains(sealed, clear)) {
			t.Errorf("sealed text %.40q", sealed)
		}
		got, err := v.Open(ctx, alice, "servers/a/secret", sealed)
		if err != nil || got.Reveal() != clear {
			t.Errorf("a secret of %d octets did not come back: %v", len(clear), err)
		}
		if _, err := v.Seal(ctx, bob, "servers/a/secret", "x"); err != nil { // so that bob has a key
			t.Fatal(err)
		}
		if _, err := v.Open(ctx, bob, "servers/a/secret", sealed); !errors.Is(err, ErrSealed) {
			t.Errorf("opened for another account: %v", err)
		}
		if _, err := v.Open(ctx, alice, "servers/b/secret", sealed); !errors.Is(err, ErrSealed) {
			t.Errorf("opened for another purpose: %v", err)
		}
	}
	if _, err := v.Seal(ctx, alice, "p", strings.Repeat("x", MaxSecret+1)); aaa.KindOf(err) != aaa.KindBadInput {
		t.Errorf("a secret too long: %v", err)
	}
}

func TestAssociatedDataIsUnambiguous(t *testing.T) {
	t.Parallel()
	if bytes.Equal(associated("secret", "ab", "c"), associated("secret", "a", "bc")) {
		t.Error("two places share associated data")
	}
}

func TestSealIsNeverTheSameTwice(t *testing.T) {
	t.Parallel()
	v := New(newKEK(t), &memKeys{})
	one, err := v.Seal(t.Context(), alice, "p", "secret")
	if err != nil {
		t.Fatal(err)
	}
	two, err := v.Seal(t.Context(), alice, "p", "secret")
	if err != nil {
		t.Fatal(err)
	}
	if one == two {
		t.Error("equal secrets have equal sealed texts")
	}
}

func TestTampering(t *testing.T) {
	t.Parallel()
	v := New(newKEK(t), &memKeys{})
	sealed, err := v.Seal(t.Context(), alice, "p", "secret")
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		for _, bad := range []string{sealed[:i], sealed[:i] + string(sealed[i]^1) + sealed[i+1:], sealed[:i] + "\n" + sealed[i:]} {
			if _, err := v.Open(t.Context(), alice, "p", bad); !errors.Is(err, ErrSealed) {
				t.Errorf("%q opened: %v", bad, err)
			}
		}
	}
	if _, err := v.Open(t.Context(), alice, "p", sealed+"\n"); !errors.Is(err, ErrSealed) {
		t.Errorf("a text with a newline after it opened: %v", err)
	}
}

func TestCheckRefusesAnotherKey(t *testing.T) {
	t.Parallel()
	keys := &memKeys{}
	if sealed, err := Sealed(t.Context(), keys); err != nil || sealed {
		t.Fatalf("a new store is sealed: %v, %v", sealed, err)
	}
	kek := newKEK(t)
	if err := New(kek, keys).Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if sealed, err := Sealed(t.Context(), keys); err != nil || !sealed {
		t.Fatalf("a checked store is not sealed: %v, %v", sealed, err)
	}
	if err := New(kek, keys).Check(t.Context()); err != nil {
		t.Errorf("the same key on another node: %v", err)
	}
	if err := New(newKEK(t), keys).Check(t.Context()); !errors.Is(err, ErrWrongKey) {
		t.Errorf("another key: %v, want ErrWrongKey", err)
	}
}

func TestNodesThatRaceForAKeyAgree(t *testing.T) {
	t.Parallel()
	kek, keys := newKEK(t), &memKeys{}
	nodes := [4]*Vault{}
	sealed := [4]string{}
	var wg sync.WaitGroup
	for i := range nodes {
		nodes[i] = New(kek, keys)
		wg.Go(func() {
			var err error
			if sealed[i], err = nodes[i].Seal(t.Context(), alice, "p", "x"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, n := range nodes {
		for _, s := range sealed {
			if _, err := n.Open(t.Context(), alice, "p", s); err != nil {
				t.Errorf("sealed on one node, opened on another: %v", err)
			}
		}
	}
}

// TestKeysOfAnotherDatabase: keys in memory do not outlive those of the store, which a restore or an account made
// again under its id replaces. What is sealed with a lost key could never be opened again.
func TestKeysOfAnotherDatabase(t *testing.T) {
	t.Parallel()
	keys, kek := &memKeys{}, newKEK(t)
	v, other := New(kek, keys), New(kek, keys)
	seal := func(v *Vault) string {
		t.Helper()
		sealed, err := v.Seal(t.Context(), alice, "p", "s3cr3t")
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	opens := func(v *Vault, sealed string) {
		t.Helper()
		if got, err := v.Open(t.Context(), alice, "p", sealed); err != nil || got.Reveal() != "s3cr3t" {
			t.Errorf("what another node sealed does not open: %v", err)
		}
	}
	opens(v, seal(v))
	keys.rows = nil
	opens(v, seal(other)) // with a key that it makes
	keys.rows = nil
	opens(New(kek, keys), seal(v)) // as if it had just started

	// A key in memory serves while the store is away, whatever changed before.
	sealed := seal(v)
	keys.down = true
	opens(v, sealed)
}

func TestKeysAreCachedAndBounded(t *testing.T) {
	t.Parallel()
	keys := &memKeys{}
	v := New(newKEK(t), keys)
	sealed, err := v.Seal(t.Context(), alice, "p", "x")
	if err != nil {
		t.Fatal(err)
	}
	before := keys.gets
	keys.down = true // what is cached does not need the store
	if _, err := v.Open(t.Context(), alice, "p", sealed); err != nil || keys.gets != before {
		t.Errorf("a cached key was read again: %v, %d reads", err, keys.gets-before)
	}
	if _, err := v.Open(t.Context(), bob, "p", sealed); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("store away: %v, want ErrUnavailable", err)
	}
	keys.down = false
	v.cache.limit = 10
	for range 50 {
		if _, err := v.Seal(t.Context(), aaa.NewAccountID(), "p", "x"); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(v.cache.keys); n != 10 {
		t.Errorf("%d keys kept, bound 10", n)
	}
}

func TestNothingPrintsAKey(t *testing.T) {
	t.Parallel()
	kek := newKEK(t)
	v := New(kek, &memKeys{})
	if err := v.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	key := v.cache.keys[aaa.SystemConfig].key.octets
	type holder struct {
		V *Vault
		K *FileKEK
		v *Vault
		k *FileKEK
	}
	var log bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		for _, x := range []any{v, kek, *v, *kek, holder{v, kek, v, kek}, &holder{v, kek, v, kek}} {
			fmt.Fprintf(&log, verb+"\n", x)
		}
	}
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "vault", v, "kek", kek, "holder", holder{v, kek, v, kek})
	for _, form := range []string{string(key[:]), fmt.Sprintf("%x", key), fmt.Sprintf("%v", key), fmt.Sprintf("%#v", key), fmt.Sprintf("%x", kek.ring.Load().keys[0].id)} {
		if strings.Contains(log.String(), strings.Trim(form, "[]")) {
			t.Errorf("a key was printed: %s in\n%s", form, log.String())
		}
	}
}

func FuzzOpen(f *testing.F) {
	v := New(newKEK(f), &memKeys{})
	sealed, err := v.Seal(f.Context(), alice, "p", "secret")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add(SealedPrefix)
	f.Add("sealed:v1:AAAA")
	f.Add("********")
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := v.Open(t.Context(), alice, "p", text); err == nil && (text != sealed || got.Reveal() != "secret") {
			t.Errorf("a text that was never sealed opened: %q", text)
		}
	})
}

func FuzzUnwrap(f *testing.F) {
	kek := newKEK(f)
	wrapped, err := kek.Wrap(f.Context(), alice, make([]byte, keyBytes))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wrapped)
	f.Add([]byte{wrapVersion})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := kek.Unwrap(t.Context(), alice, b); err == nil && !bytes.Equal(b, wrapped) {
			t.Errorf("%x unwrapped", b)
		}
	})
}
