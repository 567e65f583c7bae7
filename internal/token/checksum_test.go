package token

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlite"
	"aaa-api/internal/store/storetest"
)

// addPlain stores a token as older versions made them.
func (f *fakeTokens) addPlain(id string, n byte) (text string) {
	text = plainText(n)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held[Hash(text)] = store.Token{ID: id, Account: "account", Hash: Hash(text), Kind: KindToken}
	return text
}

func plainText(n byte) string {
	return Prefix + base64.RawURLEncoding.EncodeToString(append(make([]byte, 31), n))
}

// A text that somebody made up costs no question, whatever it looks like.
func TestForgedTextsCostNoQuestion(t *testing.T) {
	f, v, _ := newFake()
	answer(t, v, f.add("t1", "account", KindToken, time.Time{}), "t1", 0)
	before := f.asked.Load()
	var other Key
	for n := range 100 {
		var tok store.Token
		text := other.Mint(&tok) // of another database
		answer(t, v, text, "", aaa.KindUnauthorized)
		answer(t, v, plainText(byte(n)), "", aaa.KindUnauthorized)
	}
	good := f.add("t2", "account", KindToken, time.Time{})
	for i := len(Prefix); i < Length; i++ { // one character is another
		c := "A"
		if good[i] == 'A' {
			c = "B"
		}
		answer(t, v, good[:i]+c+good[i+1:], "", aaa.KindUnauthorized)
	}
	if asked, plain := f.asked.Load()-before, f.plain.Load(); asked != 0 || plain != 1 {
		t.Errorf("the store was asked %d times for a token and %d times for the kinds of tokens", asked, plain)
	}
	if n := v.unknown.Size(); n != 0 {
		t.Errorf("%d forged texts are remembered", n)
	}
	answer(t, v, good, "t2", 0)
}

// guard counts the questions that it is asked, and refuses them where it has an error.
type guard struct {
	asked int
	err   error
}

func (g *guard) Guess() error { g.asked++; return g.err }

// A token of an older version has no checksum: it is looked up where the guard lets it, and only while there are such tokens.
func TestTokensWithoutAChecksum(t *testing.T) {
	f, v, _ := newFake()
	text := f.addPlain("old", 1)
	g := &guard{err: errors.New("too many")}
	if _, err := v.Verify(t.Context(), text, g); !errors.Is(err, g.err) || f.asked.Load() != 0 {
		t.Errorf("against the guard: %v, %d questions", err, f.asked.Load())
	}
	g.err = nil
	for range 3 {
		if p, err := v.Verify(t.Context(), text, g); err != nil || p.TokenID != "old" {
			t.Errorf("%+v %v", p, err)
		}
	}
	if g.asked != 2 || f.asked.Load() != 1 { // then it is known
		t.Errorf("the guard was asked %d times, the store %d times", g.asked, f.asked.Load())
	}
	answer(t, v, plainText(2), "", aaa.KindUnauthorized)
	if f.asked.Load() != 2 {
		t.Error("a text without a checksum was not looked up, though there are such tokens")
	}
	g.err = errors.New("too many") // it does not count for what has a checksum
	if p, err := v.Verify(t.Context(), f.add("new", "account", KindToken, time.Time{}), g); err != nil || p.TokenID != "new" {
		t.Errorf("a good token: %+v %v", p, err)
	}

	// The last one goes; then an older node makes another.
	f.remove(text)
	v.Changed(t.Context(), []store.Change{{Kind: store.ChangedToken, Name: "old"}}, false)
	before := f.asked.Load()
	for n := range byte(9) {
		answer(t, v, plainText(n), "", aaa.KindUnauthorized)
	}
	if asked := f.asked.Load() - before; asked != 0 {
		t.Errorf("without such tokens the store is asked %d times", asked)
	}
	text = f.addPlain("older node's", 3)
	v.Changed(t.Context(), []store.Change{{Kind: store.ChangedToken, Name: "older node's"}}, false)
	answer(t, v, text, "older node's", 0)
	// Where the store can't say, it is asked for the token, and says that it is away.
	v.Changed(t.Context(), nil, true)
	f.err = store.ErrUnavailable
	answer(t, v, text, "", aaa.KindUnavailable)
}

func TestLoadKey(t *testing.T) {
	s, err := sqlite.Open(t.Context(), storetest.File(t, sqlite.Migrate))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // the test is over
	key, err := LoadKey(t.Context(), s.Tokens())
	if err != nil || key == (Key{}) {
		t.Errorf("%v %v", key, err)
	}
	for _, length := range []int{0, 31, 33} {
		if _, err := LoadKey(t.Context(), keyOf{s.Tokens(), length}); err == nil || !strings.Contains(err.Error(), "octets") {
			t.Errorf("a key of %d octets: %v", length, err)
		}
	}
}

type keyOf struct {
	store.Tokens
	length int
}

func (k keyOf) Key(context.Context) ([]byte, error) { return make([]byte, k.length), nil }
