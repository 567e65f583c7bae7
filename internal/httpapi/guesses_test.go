package httpapi

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlite"
	"aaa-api/internal/store/storetest"
	"aaa-api/internal/token"
	"aaa-api/internal/web"
)

// countedStore counts the tokens that are looked up.
type countedStore struct {
	store.Store
	lookUps atomic.Int64
}

type countedTokens struct {
	store.Tokens
	s *countedStore
}

func (s *countedStore) Tokens() store.Tokens { return countedTokens{s.Store.Tokens(), s} }

func (t countedTokens) ByHash(ctx context.Context, hash [32]byte) (store.Token, error) {
	t.s.lookUps.Add(1)
	return t.Tokens.ByHash(ctx, hash)
}

func newCountedWorld(t *testing.T, change ...func(*worldOptions)) (*world, *countedStore) {
	t.Helper()
	st, err := sqlite.Open(t.Context(), storetest.File(t, sqlite.Migrate))
	ok(t, err)
	counted := &countedStore{Store: st}
	return newWorldOn(t, counted, change...), counted
}

// oldText is a text as tokens of older versions have it.
func oldText(n int) string {
	return token.Prefix + base64.RawURLEncoding.EncodeToString(append(make([]byte, 24), strconv.Itoa(10_000_000+n)...))
}

// Bad credentials from one address are refused by a 429 from some number on. Good ones pass, known to the node or not, and
// nothing is looked up but them.
func TestBadCredentialsAreLimited(t *testing.T) {
	t.Parallel()
	w, counted := newCountedWorld(t, func(o *worldOptions) { o.Limits.BadRate, o.Limits.BadBurst = 0.001, 10 })
	w.good(true, w.tenantToken)
	fresh := w.token(w.tenant, token.Scopes()...)
	key := w.call(w.tenantToken, "PUT", at(w.tenant, "/api_key"), "").want(201).str("data", "api_key")
	ok(t, w.sync(t.Context()))
	w.good(true, w.tenantToken)
	counted.lookUps.Store(0)

	var forger token.Key
	trade := func(key string) reply { return w.call("", "PUT", "/v2/api_auth", data(`{"api_key":"`+key+`"}`)) }
	for n := range 30 {
		var forged store.Token
		text := forger.Mint(&forged)
		var r reply
		switch n % 4 {
		case 0:
			r = w.call(text, "GET", "/v2/whoami", "")
		case 1:
			r = w.call(oldText(n), "POST", at(w.tenant, "/aaa/authn"), data(`{}`))
		case 2:
			r = trade(text)
		case 3:
			r = trade("nonsense")
		}
		if n < 10 {
			r.refused(401, web.SlugToken)
			continue
		}
		if r.refused(429, "too_many_requests"); r.header.Get("Retry-After") == "" {
			t.Errorf("%v", r.header)
		}
	}
	if n := counted.lookUps.Load(); n != 0 {
		t.Errorf("%d look-ups for bad credentials", n)
	}
	w.good(true, w.tenantToken, fresh)
	trade(key).want(201)
	text := w.call("", "GET", "/metrics", "").want(200).text
	for status, n := range map[string]int{"401": 10, "429": 20} {
		if line := fmt.Sprintf("aaa_api_bad_credentials_total{status=%q} %d\n", status, n); !strings.Contains(text, line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
	w.call("", "GET", "/v2/whoami", "").refused(401, web.SlugToken) // none at all is no guess
}

// A token of an older version is looked up while its address has guesses left, and costs none. From memory it is good always.
func TestTokensOfOlderVersionsAreLimited(t *testing.T) {
	t.Parallel()
	w, counted := newCountedWorld(t, func(o *worldOptions) { o.Limits.BadRate, o.Limits.BadBurst = 0.001, 10 })
	old := make([]string, 20)
	for i := range old {
		old[i] = oldText(1000 + i)
		ok(t, w.store.Tokens().Create(t.Context(), store.Token{
			ID: aaa.NewID(), Account: w.tenant, Hash: token.Hash(old[i]), Kind: token.KindToken, Scopes: token.Scopes(), CreatedAt: time.Now(),
		}))
	}
	ok(t, w.sync(t.Context()))
	w.good(true, old[:15]...)
	counted.lookUps.Store(0)
	for n := range 30 {
		want := 401
		if n >= 10 {
			want = 429
		}
		w.call(oldText(n), "GET", "/v2/whoami", "").want(want)
	}
	if n := counted.lookUps.Load(); n != 10 {
		t.Errorf("%d look-ups for 30 texts of which 10 may be looked up", n)
	}
	w.good(true, old[:15]...)
	w.call(old[15], "GET", "/v2/whoami", "").want(429) // nobody can tell it from a guess
	w.good(true, w.token(w.tenant, token.Scopes()...))
}

// A writer's token is looked at twice: what the first look took and gave back, the second does not give back once more.
func TestWritesGiveNoGuessesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *worldOptions) { o.Limits.BadRate, o.Limits.BadBurst = 0.001, 10 })
	old := make([]string, 6)
	for i := range old {
		old[i] = oldText(2000 + i)
		ok(t, w.store.Tokens().Create(t.Context(), store.Token{
			ID: aaa.NewID(), Account: w.tenant, Hash: token.Hash(old[i]), Kind: token.KindToken, Scopes: token.Scopes(), CreatedAt: time.Now(),
		}))
	}
	ok(t, w.sync(t.Context()))
	for n := range 6 {
		w.call(oldText(n), "GET", "/v2/whoami", "").want(401)
	}
	for _, text := range old {
		w.call(text, "PATCH", at(w.tenant, ""), data(`{"name":"written"}`)).want(200)
	}
	for n := range 8 {
		want := 401
		if n >= 4 {
			want = 429
		}
		w.call(oldText(100+n), "GET", "/v2/whoami", "").want(want)
	}
}
