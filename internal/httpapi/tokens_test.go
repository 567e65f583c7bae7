package httpapi

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/token"
	"aaa-api/internal/web"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := at(w.tenant, "/tokens")
	made := w.call(w.tenantToken, "PUT", path, data(`{"scopes":["read"],"note":"for the billing"}`)).want(201)
	text := made.str("data", "token")
	if r := w.call(text, "GET", "/v2/whoami", "").want(200); r.str("data", "account_id") != string(w.tenant) || r.at("data", "scopes", "1") != nil {
		t.Errorf("%s", r.text)
	}
	listed := w.call(w.tenantToken, "GET", path+"?filter_note=for+the+billing", "").want(200)
	if strings.Contains(listed.text, text) || listed.at("data", "0", "id") != made.at("data", "id") {
		t.Errorf("%s", listed.text)
	}
	// No token gives what it lacks.
	writer := w.token(w.tenant, token.ScopeWrite)
	w.call(writer, "PUT", path, data(`{"scopes":["write","read"]}`)).refused(403, web.SlugForbidden)
	w.call(writer, "PUT", at(w.tenant, "/api_key"), data(`{"scopes":["request"]}`)).refused(403, web.SlugForbidden)
	if r := w.call(writer, "PUT", path, "").want(201); r.at("data", "scopes", "0") != "write" || r.at("data", "scopes", "1") != nil {
		t.Errorf("%s", r.text)
	}
	for _, bad := range []string{`{"scopes":[]}`, `{"scopes":["all"]}`, `{"expires_at":"soon"}`, `{"expires_at":"2001-01-01T00:00:00Z"}`, `{"kind":"api_key"}`, `{"x":1}`} {
		w.call(w.tenantToken, "PUT", path, data(bad)).refused(400, web.SlugInvalid)
	}
	soon := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	if r := w.call(w.tenantToken, "PUT", path, data(`{"expires_at":"`+soon+`"}`)).want(201); r.str("data", "expires_at") != soon {
		t.Errorf("%s", r.text)
	}
	w.call(w.tenantToken, "DELETE", path+"/"+made.str("data", "id"), "").want(200)
	w.call(w.tenantToken, "DELETE", path+"/"+made.str("data", "id"), "").refused(404, web.SlugIdentifier)
	w.call(w.tenantToken, "DELETE", path+"/x", "").refused(404, web.SlugIdentifier)
	w.call(text, "GET", "/v2/whoami", "").refused(401, web.SlugToken)
	if strings.Contains(w.log.String(), text) {
		t.Error("a token is in the log")
	}
}

func TestAPIKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *worldOptions) { o.config.Bounds.SessionLife = time.Minute })
	path := at(w.tenant, "/api_key")
	trade := func(key string) reply {
		t.Helper()
		return w.do(ask{method: "PUT", path: "/v2/api_auth", body: data(`{"api_key":"` + key + `"}`)})
	}
	w.call(w.tenantToken, "DELETE", path, "").refused(404, web.SlugIdentifier)
	first := w.call(w.tenantToken, "PUT", path, data(`{"scopes":["read","request"]}`)).want(201).str("data", "api_key")
	w.call(first, "GET", "/v2/whoami", "").refused(401, web.SlugToken) // a key is no token
	session := trade(first).want(201)
	text := session.str("auth_token")
	if session.str("data", "account_id") != string(w.tenant) || strings.Count(session.text, text) != 1 {
		t.Errorf("%s", session.text)
	}
	r := w.call(text, "GET", at(w.child, ""), "").want(200)
	if strings.Contains(r.text, text) {
		t.Error("the token is echoed")
	}
	w.call(text, "PATCH", at(w.child, ""), data(`{}`)).refused(403, web.SlugForbidden)
	if end, err := time.Parse(time.RFC3339, session.str("data", "expires_at")); err != nil || time.Until(end) > time.Minute {
		t.Errorf("%s", session.text)
	}

	second := w.call(w.tenantToken, "PUT", path, "").want(201).str("data", "api_key")
	trade(first).refused(401, web.SlugToken) // it was rotated
	w.call(text, "GET", at(w.child, ""), "").refused(401, web.SlugToken)
	text = trade(second).want(201).str("auth_token")
	trade(w.tenantToken).refused(401, web.SlugToken) // a token is no key
	trade("x").refused(401, web.SlugToken)
	trade("").refused(400, web.SlugInvalid)
	keys := w.call(w.tenantToken, "GET", at(w.tenant, "/tokens?filter_kind=api_key"), "").want(200)
	if keys.at("data", "0") == nil || keys.at("data", "1") != nil {
		t.Errorf("not one key: %s", keys.text)
	}
	w.api.logins = web.NewLimiter(0.001, 1)
	trade(second).want(201)
	trade(second).refused(429, "too_many_requests")
	w.call(text, "GET", at(w.child, ""), "").want(200)
	w.call(w.tenantToken, "DELETE", path, "").want(200)
	trade(second).refused(401, web.SlugToken)
	w.call(text, "GET", at(w.child, ""), "").refused(401, web.SlugToken)
}

// What a token makes ends with it at the latest, and so does what that makes.
func TestTokensEndWithTheirMaker(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	day := func(n int) string { return time.Now().AddDate(0, 0, n).UTC().Format(time.RFC3339) }
	end := day(2)
	maker := w.call(w.tenantToken, "PUT", at(w.tenant, "/tokens"), data(`{"expires_at":"`+end+`"}`)).want(201).str("data", "token")
	for _, path := range []string{at(w.tenant, "/tokens"), at(w.child, "/tokens"), at(w.tenant, "/api_key"), at(w.child, "/api_key")} {
		for body, want := range map[string]string{"": end, data(`{"expires_at":"` + end + `"}`): end, data(`{"expires_at":"` + day(1) + `"}`): day(1)} {
			made := w.call(maker, "PUT", path, body).want(201)
			if got := made.str("data", "expires_at"); got[:16] != want[:16] {
				t.Errorf("%s %s ends at %s, want %s", path, body, got, want)
			}
			if strings.HasSuffix(path, "/tokens") && body == "" {
				if again := w.call(made.str("data", "token"), "PUT", path, "").want(201).str("data", "expires_at"); again != end {
					t.Errorf("%s: a token of a token ends at %s, want %s", path, again, end)
				}
			}
		}
		r := w.call(maker, "PUT", path, data(`{"expires_at":"`+day(3)+`"}`)).refused(400, web.SlugInvalid)
		if r.at("data", "expires_at", "maximum", "target") != end || !strings.Contains(r.str("data", "expires_at", "maximum", "message"), end) {
			t.Errorf("%s", r.text)
		}
	}
}

// What came from an API key ends with it, in however many steps it came.
func TestTokensEndWithTheirKey(t *testing.T) {
	t.Parallel()
	deaf := &deafVerifier{}
	w := newWorld(t, func(o *worldOptions) { deaf.Verifier, o.Verifier = o.Verifier, deaf })
	path := at(w.tenant, "/tokens")
	key := w.call(w.tenantToken, "PUT", at(w.tenant, "/api_key"), "").want(201).str("data", "api_key")
	session := w.call("", "PUT", "/v2/api_auth", data(`{"api_key":"`+key+`"}`)).want(201)
	made := w.call(session.str("auth_token"), "PUT", path, "").want(201)
	again := w.call(made.str("data", "token"), "PUT", path, "").want(201)
	if end := session.str("data", "expires_at"); made.str("data", "expires_at") != end || again.str("data", "expires_at") != end {
		t.Errorf("%s %s", made.text, again.text)
	}
	for _, of := range []string{session.str("auth_token"), made.str("data", "token"), again.str("data", "token")} {
		w.call(of, "PUT", at(w.tenant, "/api_key"), "").refused(403, web.SlugForbidden)
		w.call(of, "PUT", at(w.child, "/api_key"), "").refused(403, web.SlugForbidden)
		w.call(of, "PUT", at(w.child, "/tokens"), "").refused(403, web.SlugForbidden)
		w.call(of, "PUT", at(w.sibling, "/tokens"), "").refused(404, web.SlugIdentifier)
		w.call(of, "GET", at(w.child, ""), "").want(200)
	}
	w.call(w.tenantToken, "DELETE", at(w.tenant, "/api_key"), "").want(200)
	for _, of := range []string{session.str("auth_token"), made.str("data", "token"), again.str("data", "token")} {
		w.call(of, "GET", "/v2/whoami", "").refused(401, web.SlugToken)
	}
	// A node that has not yet heard of it makes none either.
	deaf.token = token.Principal{TokenID: aaa.NewID(), Account: w.tenant, Scopes: token.Scopes(), KeyID: deaf.key.TokenID}
	w.call("any", "PUT", path, "").refused(401, web.SlugToken)
}

// A session ends no later than the key that it was made with.
func TestSessionOfAKeyThatExpires(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	end := time.Now().Add(time.Minute).UTC().Format(time.RFC3339)
	key := w.call(w.tenantToken, "PUT", at(w.tenant, "/api_key"), data(`{"expires_at":"`+end+`"}`)).want(201).str("data", "api_key")
	session := w.call("", "PUT", "/v2/api_auth", data(`{"api_key":"`+key+`"}`)).want(201)
	if got := session.str("data", "expires_at"); got != end {
		t.Errorf("the key ends at %s, its session at %s", end, got)
	}
}

// A node that has not yet heard of a revocation makes no session with the key.
func TestSessionOfAKeyJustRevoked(t *testing.T) {
	t.Parallel()
	deaf := &deafVerifier{}
	w := newWorld(t, func(o *worldOptions) { deaf.Verifier, o.Verifier = o.Verifier, deaf })
	key := w.call(w.tenantToken, "PUT", at(w.tenant, "/api_key"), "").want(201).str("data", "api_key")
	trade := func() reply { return w.call("", "PUT", "/v2/api_auth", data(`{"api_key":"`+key+`"}`)) }
	trade().want(201)
	w.call(w.tenantToken, "DELETE", at(w.tenant, "/api_key"), "").want(200)
	trade().refused(401, web.SlugToken)
	list, _, err := w.store.Tokens().List(t.Context(), w.tenant, store.Page{})
	ok(t, err)
	for _, left := range list {
		if left.Kind != token.KindToken {
			t.Errorf("a %s is left", left.Kind)
		}
	}
}

// deafVerifier is a Verifier that never hears of a revoked API key, nor of what came from it.
type deafVerifier struct {
	Verifier
	key   token.Principal
	token token.Principal // whose every token is, once it is set
}

func (d *deafVerifier) Verify(ctx context.Context, text string, g token.Guard) (token.Principal, error) {
	if d.token.TokenID != "" {
		return d.token, nil
	}
	return d.Verifier.Verify(ctx, text, g)
}

func (d *deafVerifier) VerifyKey(ctx context.Context, text string, g token.Guard) (token.Principal, error) {
	if d.key.TokenID != "" {
		return d.key, nil
	}
	p, err := d.Verifier.VerifyKey(ctx, text, g)
	d.key = p
	return p, err
}

// Rotations at once leave one key that is good.
func TestRotationsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	keys := make([]string, 10)
	var all sync.WaitGroup
	for i := range keys {
		all.Go(func() {
			r := w.call(w.tenantToken, "PUT", at(w.tenant, "/api_key"), "")
			if r.status == http.StatusCreated {
				keys[i] = r.str("data", "api_key")
			} else {
				t.Errorf("rotation %d: %d %s", i, r.status, r.text)
			}
		})
	}
	all.Wait()
	good := 0
	for _, key := range keys {
		if w.call("", "PUT", "/v2/api_auth", data(`{"api_key":"`+key+`"}`)).status == http.StatusCreated {
			good++
		}
	}
	if good != 1 {
		t.Errorf("%d keys are good", good)
	}
}

// JSON's times end with the year 9999: a token that ends later in UTC is refused, and one that is
// there already spoils no list.
func TestExpiryBeyondJSON(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{at(w.tenant, "/tokens"), at(w.tenant, "/api_key")} {
		r := w.call(w.tenantToken, "PUT", path, data(`{"expires_at":"9999-12-31T23:59:59-14:00"}`)).refused(400, web.SlugInvalid)
		if r.at("data", "expires_at", "maximum", "target") != "9999-12-31T23:59:59Z" {
			t.Errorf("%s: %s", path, r.text)
		}
		for _, last := range []string{"9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59+14:00"} {
			w.call(w.tenantToken, "PUT", path, data(`{"expires_at":"`+last+`"}`)).want(201)
		}
	}
	ok(t, w.store.Tokens().Create(t.Context(), store.Token{
		ID: aaa.NewID(), Account: w.tenant, Hash: [32]byte{1}, Kind: token.KindToken, Scopes: []string{"read"}, Note: "late",
		CreatedAt: time.Now(), ExpiresAt: time.Date(10000, time.January, 1, 13, 59, 59, 0, time.UTC),
	}))
	r := w.call(w.tenantToken, "GET", at(w.tenant, "/tokens?filter_note=late"), "").want(200)
	if got := r.at("data", "0", "expires_at"); got != "9999-12-31T23:59:59.999999Z" {
		t.Errorf("it ends at %v: %s", got, r.text)
	}
}

// A credential that ran out is refused although it is remembered.
func TestExpiry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	late := store.Token{
		ID: aaa.NewID(), Account: w.tenant, Kind: token.KindToken, Scopes: []string{"read"},
		CreatedAt: time.Now(), ExpiresAt: time.Now().Add(-time.Second),
	}
	text := w.key.Mint(&late)
	ok(t, w.store.Tokens().Create(t.Context(), late))
	w.call(text, "GET", "/v2/whoami", "").refused(401, web.SlugToken)
}
