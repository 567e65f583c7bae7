package httpapi

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/netip"
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

func newCountedWorld(t *testing.T, change ...func(*Options)) (*world, *countedStore) {
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
	w, counted := newCountedWorld(t, func(o *Options) { o.Limits.BadRate, o.Limits.BadBurst = 0.001, 10 })
	w.good(true, w.tenantToken)
	fresh := w.token(w.tenant, token.Scopes()...)
	key := w.call(w.tenantToken, "PUT", at(w.tenant, "/api_key"), "").want(201).str("data", "api_key")
	ok(t, w.api.Sync(t.Context()))
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
			r.refused(401, slugToken)
			continue
		}
		if r.refused(429, "too_many_requests"); r.header.Get("Retry-After") != "1" {
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
	w.call("", "GET", "/v2/whoami", "").refused(401, slugToken) // none at all is no guess
}

// A token of an older version is looked up while its address has guesses left, and costs none. From memory it is good always.
func TestTokensOfOlderVersionsAreLimited(t *testing.T) {
	t.Parallel()
	w, counted := newCountedWorld(t, func(o *Options) { o.Limits.BadRate, o.Limits.BadBurst = 0.001, 10 })
	old := make([]string, 20)
	for i := range old {
		old[i] = oldText(1000 + i)
		ok(t, w.store.Tokens().Create(t.Context(), store.Token{
			ID: aaa.NewID(), Account: w.tenant, Hash: token.Hash(old[i]), Kind: token.KindToken, Scopes: token.Scopes(), CreatedAt: time.Now(),
		}))
	}
	ok(t, w.api.Sync(t.Context()))
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
	w := newWorld(t, func(o *Options) { o.Limits.BadRate, o.Limits.BadBurst = 0.001, 10 })
	old := make([]string, 6)
	for i := range old {
		old[i] = oldText(2000 + i)
		ok(t, w.store.Tokens().Create(t.Context(), store.Token{
			ID: aaa.NewID(), Account: w.tenant, Hash: token.Hash(old[i]), Kind: token.KindToken, Scopes: token.Scopes(), CreatedAt: time.Now(),
		}))
	}
	ok(t, w.api.Sync(t.Context()))
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

func TestGuesses(t *testing.T) {
	t.Parallel()
	g := newGuesses(20, 100)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	taken := func(source netip.Addr) (n int) {
		for g.take(source, now) {
			n++
		}
		return n
	}
	one, two := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	if n := taken(one); n != 100 {
		t.Errorf("%d at once", n)
	}
	now = now.Add(500 * time.Millisecond)
	if n := taken(one); n != 10 {
		t.Errorf("%d after half a second", n)
	}
	g.giveBack(one, now)
	if n := taken(one); n != 1 {
		t.Errorf("%d after one was given back", n)
	}
	if n := taken(two); n != 100 {
		t.Errorf("%d from another address", n)
	}
	for range 200 {
		g.giveBack(two, now)
	}
	if n := taken(two); n != 100 {
		t.Errorf("%d after more were given back than taken", n)
	}
	now = now.Add(-time.Hour) // a request that began earlier
	if n := taken(two); n != 0 {
		t.Errorf("%d an hour ago", n)
	}
}

// However many addresses ask, the memory is bounded: those that find no place share one allowance until others are idle.
func TestGuessesFromManyAddresses(t *testing.T) {
	t.Parallel()
	g := newGuesses(20, 100)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	address := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}) }
	passed := 0
	for n := range maxSources + 1000 {
		if g.take(address(n), now) {
			passed++
		}
	}
	if len(g.sources) != maxSources || passed != maxSources+100 {
		t.Errorf("%d addresses are known, %d passed", len(g.sources), passed)
	}
	now = now.Add(10 * time.Second)
	if !g.take(address(maxSources+5000), now) || len(g.sources) != 1 {
		t.Errorf("after a while %d addresses are known", len(g.sources))
	}
}

func TestSourceOf(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"192.0.2.1:80":               "192.0.2.1",
		"[::ffff:192.0.2.1]:80":      "192.0.2.1",
		"[2001:db8:1:2:3:4:5:6]:80":  "2001:db8:1:2::",
		"[fe80::1%eth0]:80":          "fe80::",
		"@":                          "invalid IP",
		"":                           "invalid IP",
		"[2001:db8:1:2:ffff::1]:443": "2001:db8:1:2::",
	} {
		r := &http.Request{RemoteAddr: remote, Header: http.Header{"X-Forwarded-For": {"198.51.100.1"}, "Forwarded": {"for=198.51.100.1"}}}
		if got := sourceOf(r).String(); got != want {
			t.Errorf("%s is %s, want %s", remote, got, want)
		}
	}
}
