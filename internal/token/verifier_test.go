package token

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlite"
	"aaa-api/internal/store/storetest"
)

// fakeTokens is a store of tokens that counts the questions and can be away.
type fakeTokens struct {
	mu    sync.Mutex
	held  map[[32]byte]store.Token
	asked atomic.Int64
	err   error
	plain atomic.Int64 // questions for tokens without a checksum
	// during, if set, runs inside of a question, after its answer was found.
	during func()
}

func (f *fakeTokens) ByHash(ctx context.Context, hash [32]byte) (store.Token, error) {
	f.asked.Add(1)
	f.mu.Lock()
	t, ok := f.held[hash]
	err, during := f.err, f.during
	f.mu.Unlock()
	if during != nil {
		during()
	}
	if err != nil {
		return store.Token{}, err
	}
	if !ok {
		return store.Token{}, fmt.Errorf("token: %w", store.ErrNotFound)
	}
	return t, ctx.Err()
}

func (f *fakeTokens) WithoutChecksum(context.Context) (bool, error) {
	f.plain.Add(1)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range f.held {
		if !t.Checksum {
			return true, f.err
		}
	}
	return false, f.err
}

// mint makes a text that is no token yet, and its hash.
func mint() (text string, hash [32]byte) {
	var t store.Token
	return testKey.Mint(&t), t.Hash
}

// testKey is the key of the tests' tokens.
var testKey = Key{1, 2, 3}

func (f *fakeTokens) add(id string, account aaa.AccountID, kind string, expires time.Time) (text string) {
	t := store.Token{ID: id, Account: account, Kind: kind, Scopes: []string{ScopeRead}, ExpiresAt: expires}
	text = testKey.Mint(&t)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held[t.Hash] = t
	return text
}

func (f *fakeTokens) remove(text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.held, Hash(text))
}

func newFake() (*fakeTokens, *Verifier, *time.Time) {
	f := &fakeTokens{held: make(map[[32]byte]store.Token)}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return f, NewVerifier(f, testKey, func() time.Time { return now }), &now
}

// answer checks Verify's answer: a token's id, or a kind of error.
func answer(t *testing.T, v *Verifier, text, id string, kind aaa.Kind) {
	t.Helper()
	p, err := v.Verify(t.Context(), text, nil)
	if id != "" && (err != nil || p.TokenID != id) {
		t.Fatalf("got %+v, %v; want token %s", p, err, id)
	}
	if id == "" && (err == nil || aaa.KindOf(err) != kind || p.TokenID != "") {
		t.Fatalf("got %+v, %v; want an error of kind %v", p, err, kind)
	}
}

func TestMint(t *testing.T) {
	one, hash := mint()
	two, _ := mint()
	if one == two || hash != Hash(one) || Hash(one) == Hash(two) || !wellFormed(one) {
		t.Errorf("minted %s and %s", one, two)
	}
	for _, bad := range []string{"", Prefix, one[1:], one + "A", one[:46] + "=", one[:46] + "\x00", "AAA_" + one[4:], strings.Repeat("a", 10_000)} {
		if wellFormed(bad) {
			t.Errorf("%q passes for a token", bad)
		}
	}
	if long := strings.Repeat("x", 500); Hash(long) == Hash(long[1:]) {
		t.Error("long texts are cut before they are hashed")
	}
}

func TestVerifyRemembers(t *testing.T) {
	f, v, _ := newFake()
	text := f.add("t1", "account", KindToken, time.Time{})
	for range 3 {
		answer(t, v, text, "t1", 0)
	}
	p, _ := v.Verify(t.Context(), text, nil)
	if p.Account != "account" || !p.Can(ScopeRead) || p.Can(ScopeWrite) {
		t.Errorf("the principal is %+v", p)
	}
	if n := f.asked.Load(); n != 1 {
		t.Errorf("the store was asked %d times", n)
	}
	// While the store is away, who has been seen goes on and who has not is told to come back.
	other := f.add("t2", "account", KindToken, time.Time{})
	f.err = fmt.Errorf("gone: %w", store.ErrUnavailable)
	answer(t, v, text, "t1", 0)
	answer(t, v, other, "", aaa.KindUnavailable)
	f.err = nil
	answer(t, v, other, "t2", 0)
	f.err = errors.New("a fault of the database")
	answer(t, v, f.add("t3", "account", KindToken, time.Time{}), "", aaa.KindInternal)
}

func TestVerifyRefuses(t *testing.T) {
	f, v, now := newFake()
	unknown, _ := mint()
	answer(t, v, unknown, "", aaa.KindUnauthorized)
	answer(t, v, unknown, "", aaa.KindUnauthorized)
	answer(t, v, "not a token", "", aaa.KindUnauthorized)
	if n := f.asked.Load(); n != 1 {
		t.Errorf("the store was asked %d times for one unknown text", n)
	}
	*now = now.Add(unknownFor)
	answer(t, v, unknown, "", aaa.KindUnauthorized)
	if n := f.asked.Load(); n != 2 {
		t.Errorf("the refusal was remembered for ever: %d", n)
	}

	expiring := f.add("t1", "account", KindSession, now.Add(time.Hour))
	answer(t, v, expiring, "t1", 0)
	*now = now.Add(time.Hour - 1)
	answer(t, v, expiring, "t1", 0)
	*now = now.Add(1)
	answer(t, v, expiring, "", aaa.KindUnauthorized)
	answer(t, v, f.add("t2", "account", KindToken, now.Add(-1)), "", aaa.KindUnauthorized)
}

func TestAnAPIKeyIsNoToken(t *testing.T) {
	f, v, now := newFake()
	key, tok := f.add("k", "account", KindAPIKey, time.Time{}), f.add("t", "account", KindToken, time.Time{})
	answer(t, v, key, "", aaa.KindUnauthorized)
	if p, err := v.VerifyKey(t.Context(), key, nil); err != nil || p.TokenID != "k" || !p.ExpiresAt.IsZero() {
		t.Errorf("the key gives %+v, %v", p, err)
	}
	end := now.Add(time.Minute)
	if p, err := v.VerifyKey(t.Context(), f.add("e", "account", KindAPIKey, end), nil); err != nil || !p.ExpiresAt.Equal(end) {
		t.Errorf("the key ends at %v and not %v: %v", p.ExpiresAt, end, err)
	}
	if _, err := v.VerifyKey(t.Context(), tok, nil); aaa.KindOf(err) != aaa.KindUnauthorized {
		t.Errorf("a token as a key gives %v", err)
	}
}

// What bounds the credentials that a token makes is told each time, from the store and from memory.
func TestBoundsOfWhatATokenMakes(t *testing.T) {
	f, v, now := newFake()
	text, hash := mint()
	end := now.Add(time.Minute)
	f.held[hash] = store.Token{ID: "s", Account: "account", Hash: hash, Kind: KindSession, ExpiresAt: end, KeyID: "k"}
	for range 2 {
		if p, err := v.Verify(t.Context(), text, nil); err != nil || !p.ExpiresAt.Equal(end) || p.KeyID != "k" {
			t.Errorf("%+v %v", p, err)
		}
	}
	if f.asked.Load() != 1 {
		t.Errorf("the store was asked %d times", f.asked.Load())
	}
}

func TestChanged(t *testing.T) {
	f, v, _ := newFake()
	one, two := f.add("t1", "a", KindToken, time.Time{}), f.add("t2", "b", KindToken, time.Time{})
	answer(t, v, one, "t1", 0)
	answer(t, v, two, "t2", 0)

	f.remove(one)
	f.err = store.ErrUnavailable // from here on memory alone answers
	v.Changed(t.Context(), []store.Change{{Kind: store.ChangedDocument, Account: "a"}, {Kind: store.ChangedToken, Account: "a", Name: "t9"}}, false)
	answer(t, v, one, "t1", 0)
	v.Changed(t.Context(), []store.Change{{Kind: store.ChangedToken, Account: "a", Name: "t1"}}, false)
	f.err = nil
	answer(t, v, one, "", aaa.KindUnauthorized)
	answer(t, v, two, "t2", 0)

	f.remove(two)
	v.Changed(t.Context(), []store.Change{{Kind: store.ChangedAccount, Account: "b"}}, false)
	answer(t, v, two, "", aaa.KindUnauthorized)

	three := f.add("t3", "a", KindToken, time.Time{})
	answer(t, v, three, "t3", 0)
	f.remove(three)
	v.Changed(t.Context(), nil, true)
	answer(t, v, three, "", aaa.KindUnauthorized)

	four, five := f.add("t4", "a", KindToken, time.Time{}), f.add("t5", "b", KindToken, time.Time{})
	for _, account := range []aaa.AccountID{"b", aaa.SystemConfig} { // some tokens of the account are gone; of all accounts
		answer(t, v, four, "t4", 0)
		answer(t, v, five, "t5", 0)
		before := f.asked.Load()
		v.Changed(t.Context(), []store.Change{{Kind: store.ChangedToken, Account: account}}, false)
		answer(t, v, four, "t4", 0)
		answer(t, v, five, "t5", 0)
		if asked := f.asked.Load() - before; asked != map[aaa.AccountID]int64{"b": 1, aaa.SystemConfig: 2}[account] {
			t.Errorf("after a change of %s's tokens the store is asked %d times", account, asked)
		}
	}

	// A text refused before its token was stored is good at once.
	text, hash := mint()
	answer(t, v, text, "", aaa.KindUnauthorized)
	f.mu.Lock()
	f.held[hash] = store.Token{ID: "t6", Hash: hash, Kind: KindToken}
	f.mu.Unlock()
	v.Changed(t.Context(), []store.Change{{Kind: store.ChangedToken, Name: "t6"}}, false)
	answer(t, v, text, "t6", 0)
}

// TestChangedDuringTheQuestion revokes a token, and stores another, between the
// store's answer and its being remembered.
func TestChangedDuringTheQuestion(t *testing.T) {
	f, v, _ := newFake()
	text := f.add("t1", "a", KindToken, time.Time{})
	f.during = func() {
		f.remove(text)
		v.Changed(context.Background(), []store.Change{{Kind: store.ChangedToken, Account: "a", Name: "t1"}}, false)
	}
	answer(t, v, text, "t1", 0) // it was good when the store was asked
	f.during = nil
	answer(t, v, text, "", aaa.KindUnauthorized)

	text, hash := mint()
	f.during = func() {
		f.mu.Lock()
		f.held[hash] = store.Token{ID: "t2", Hash: hash, Kind: KindToken}
		f.mu.Unlock()
		v.Changed(context.Background(), []store.Change{{Kind: store.ChangedToken, Name: "t2"}}, false)
	}
	answer(t, v, text, "", aaa.KindUnauthorized)
	f.during = nil
	answer(t, v, text, "t2", 0)
}

func TestOneQuestionForMany(t *testing.T) {
	f, v, _ := newFake()
	text := f.add("t1", "a", KindToken, time.Time{})
	asked, goOn := make(chan struct{}), make(chan struct{})
	f.during = func() { close(asked); <-goOn }

	// The first to ask goes away; the others still get the answer.
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() { _, err := v.Verify(ctx, text, nil); first <- err }()
	<-asked
	cancel()
	if err := <-first; aaa.KindOf(err) != aaa.KindUnavailable || !errors.Is(err, context.Canceled) {
		t.Errorf("who went away got %v", err)
	}
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if p, err := v.Verify(t.Context(), text, nil); err != nil || p.TokenID != "t1" {
				t.Errorf("got %+v, %v", p, err)
			}
		})
	}
	close(goOn)
	wg.Wait()
	if n := f.asked.Load(); n != 1 {
		t.Errorf("the store was asked %d times", n)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	f, v, now := newFake()
	const maxKnown, maxUnknown = 2000, 500
	v.maxKnown, v.maxUnknown = maxKnown, maxUnknown
	for n := range maxUnknown + 10 {
		v.forget([32]byte{byte(n), byte(n >> 8), byte(n >> 16)}, 0)
	}
	if n := v.unknown.Size(); n > maxUnknown {
		t.Errorf("%d refusals are remembered", n)
	}
	v.Changed(t.Context(), nil, true)
	for n := range maxKnown + 10 {
		e := &entry{}
		if n%2 == 0 {
			e.principal.ExpiresAt = *now
		}
		v.remember([32]byte{byte(n), byte(n >> 8), byte(n >> 16), 1}, e, v.generation.Load())
		if n == maxKnown-1 {
			*now = now.Add(time.Hour)
		}
	}
	if n := v.known.Size(); n > maxKnown/2+10 || n < maxKnown/2 {
		t.Errorf("after the sessions ran out %d credentials are remembered", n)
	}
	for n := range maxKnown {
		v.remember([32]byte{byte(n), byte(n >> 8), byte(n >> 16), 2}, &entry{}, v.generation.Load())
	}
	if n := v.known.Size(); n > maxKnown || n < maxKnown/2 {
		t.Errorf("%d credentials are remembered", n)
	}
	answer(t, v, f.add("t", "a", KindToken, time.Time{}), "t", 0)
}

// TestWarmPath pins what each request costs: nothing from the heap, and no lock
// that its neighbours need (the map's readers take none).
func TestWarmPath(t *testing.T) {
	f, v, _ := newFake()
	text := f.add("t1", "a", KindToken, time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC))
	answer(t, v, text, "t1", 0)
	ctx := context.Background()
	if n := testing.AllocsPerRun(100, func() {
		if _, err := v.Verify(ctx, text, nil); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestRevocationArrives goes through a real store and its change log.
func TestRevocationArrives(t *testing.T) {
	path := storetest.File(t, sqlite.Migrate)
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // the test is over
	// The writes come from another process's point of view: its own connections, no wake-up.
	cli, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer cli.Close() //nolint:errcheck // the test is over
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	v := NewVerifier(s.Tokens(), testKey, time.Now)
	follower := store.NewFollower(s.Changes(), slog.New(slog.DiscardHandler), store.FollowerOptions{})
	follower.Subscribe(v.Changed)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- follower.Run(ctx) }()
	defer func() { cancel(); <-done }()

	root, err := cli.Accounts().Create(ctx, store.Account{Enabled: true})
	must(err)
	child, err := cli.Accounts().Create(ctx, store.Account{ParentID: root.ID, Enabled: true})
	must(err)
	text, hash := mint()
	answer(t, v, text, "", aaa.KindUnauthorized)
	must(cli.Tokens().Create(ctx, store.Token{ID: "t1", Account: root.ID, Hash: hash, Kind: KindToken}))
	must(follower.Sync(ctx))
	answer(t, v, text, "t1", 0)
	_, err = cli.Tokens().Revoke(ctx, root.ID, "t1")
	must(err)
	must(follower.Sync(ctx))
	answer(t, v, text, "", aaa.KindUnauthorized)

	text, hash = mint() // of a session: its key is what is revoked
	must(cli.Tokens().Create(ctx, store.Token{ID: "k1", Account: root.ID, Hash: [32]byte{1}, Kind: KindAPIKey}))
	must(cli.Tokens().Create(ctx, store.Token{ID: "s1", Account: root.ID, Hash: hash, Kind: KindSession, KeyID: "k1"}))
	must(follower.Sync(ctx)) // or the news of its making would end its being remembered
	answer(t, v, text, "s1", 0)
	must(cli.Tokens().Rotate(ctx, store.Token{ID: "k2", Account: root.ID, Hash: [32]byte{2}, Kind: KindAPIKey}))
	must(follower.Sync(ctx))
	answer(t, v, text, "", aaa.KindUnauthorized)

	text, hash = mint()
	must(cli.Tokens().Create(ctx, store.Token{ID: "t2", Account: child.ID, Hash: hash, Kind: KindToken}))
	answer(t, v, text, "t2", 0)
	must(cli.Accounts().Delete(ctx, child.ID, store.AnyRevision))
	must(follower.Sync(ctx))
	answer(t, v, text, "", aaa.KindUnauthorized)
}

func BenchmarkVerify(b *testing.B) {
	f, v, _ := newFake()
	text := f.add("t1", "a", KindToken, time.Time{})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := v.Verify(context.Background(), text, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}
