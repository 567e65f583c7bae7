package httpapi

import (
	"context"
	"slices"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/token"
	"aaa-api/internal/web"
)

// made is a token that a test made through the API.
type made struct{ id, text string }

// make lets a token make another one of an account.
func (w *world) make(by string, account aaa.AccountID) made {
	w.t.Helper()
	r := w.call(by, "PUT", at(account, "/tokens"), "").want(201)
	return made{r.str("data", "id"), r.str("data", "token")}
}

// good checks whether tokens are taken.
func (w *world) good(want bool, texts ...string) {
	w.t.Helper()
	for i, text := range texts {
		if got := w.call(text, "GET", "/v2/whoami", "").status; (got == 200) != want || !want && got != 401 {
			w.t.Errorf("token %d: %d, want good: %v", i, got, want)
		}
	}
}

// A revoked token takes along what it made in however many steps, on whichever account.
func TestRevocationTakesAlongWhatATokenMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.make(w.tenantToken, w.tenant)
	b := w.make(a.text, w.child)
	c := w.make(b.text, w.child)
	key := w.call(a.text, "PUT", at(w.child, "/api_key"), "").want(201).str("data", "api_key")
	session := w.call("", "PUT", "/v2/api_auth", data(`{"api_key":"`+key+`"}`)).want(201).str("auth_token")
	sibling := w.make(w.tenantToken, w.tenant)
	w.good(true, a.text, b.text, c.text, session)

	listed := w.call(w.tenantToken, "GET", at(w.child, "/tokens?paginate=false"), "").want(200)
	for _, of := range listed.at("data").([]any) {
		row := of.(map[string]any)
		by := row["made_by"].(map[string]any)
		switch row["id"] {
		case b.id:
			if by["token_id"] != a.id || by["account_id"] != string(w.tenant) {
				t.Errorf("made by %v", by)
			}
		case c.id:
			if by["token_id"] != b.id || by["account_id"] != string(w.child) {
				t.Errorf("made by %v", by)
			}
		default:
			if by["account_id"] == "" || by["token_id"] == "" {
				t.Errorf("made by %v", by)
			}
		}
	}
	r := w.call(w.rootToken, "DELETE", at(w.tenant, "/tokens/"+a.id), "").want(200)
	if r.at("data", "revoked") != 5.0 { // itself, b, c, the key, the session
		t.Errorf("%s", r.text)
	}
	w.good(false, a.text, b.text, c.text, session)
	w.call("", "PUT", "/v2/api_auth", data(`{"api_key":"`+key+`"}`)).refused(401, web.SlugToken)
	w.good(true, w.tenantToken, sibling.text)
}

// ?orphan=true keeps what a token made, but for what the one that asks came from.
func TestOrphans(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.make(w.tenantToken, w.tenant)
	b := w.make(a.text, w.child)
	c := w.make(b.text, w.child)
	for _, of := range []struct {
		made
		account aaa.AccountID
		by      []string
	}{{a, w.tenant, []string{a.text}}, {b, w.child, []string{b.text, c.text}}} {
		for _, by := range of.by {
			w.call(by, "DELETE", at(of.account, "/tokens/"+of.id+"?orphan=true"), "").refused(403, web.SlugForbidden)
		}
	}
	w.call(w.tenantToken, "DELETE", at(w.child, "/tokens/"+b.id+"?orphan=yes"), "").refused(400, web.SlugInvalid)
	w.good(true, a.text, b.text, c.text)
	if r := w.call(a.text, "DELETE", at(w.child, "/tokens/"+b.id+"?orphan=true"), "").want(200); r.at("data", "revoked") != 1.0 {
		t.Errorf("%s", r.text)
	}
	w.good(false, b.text)
	w.good(true, a.text, c.text)
	if r := w.call(w.tenantToken, "GET", at(w.child, "/tokens"), "").want(200); r.at("data", "0", "made_by", "token_id") != a.id {
		t.Errorf("the orphan: %s", r.text)
	}
	w.call(w.tenantToken, "DELETE", at(w.tenant, "/tokens/"+a.id), "").want(200) // the orphan's maker now
	w.good(false, a.text, c.text)

	w.call(w.tenantToken, "PUT", at(w.tenant, "/api_key"), "").want(201)
	key := w.call(w.tenantToken, "GET", at(w.tenant, "/tokens?filter_kind=api_key"), "").want(200).str("data", "0", "id")
	w.call(w.tenantToken, "DELETE", at(w.tenant, "/tokens/"+key+"?orphan=true"), "").refused(403, web.SlugForbidden)
}

// A move ends what accounts that are no longer above had made, and says so.
func TestMoveRevokesTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mover := w.token(w.root, token.Scopes()...)
	theirs := w.make(w.tenantToken, w.child)
	again := w.make(theirs.text, w.child)
	key := w.call(w.tenantToken, "PUT", at(w.child, "/api_key"), "").want(201).str("data", "api_key")
	roots := w.make(w.rootToken, w.child)
	own := w.token(w.child, token.Scopes()...)
	w.good(true, theirs.text, again.text, roots.text, own)
	r := w.call(mover, "POST", at(w.child, "/move"), data(`{"to":"`+string(w.sibling)+`"}`)).want(200)
	if r.at("warnings", "0", "rule") != "revoked" || r.at("warnings", "0", "total") != 1.0 ||
		r.at("warnings", "0", "accounts", "0") != string(w.child) || !strings.HasPrefix(r.str("warnings", "0", "message"), "tokens revoked: 3,") {
		t.Errorf("%s", r.text)
	}
	w.good(false, theirs.text, again.text)
	w.call("", "PUT", "/v2/api_auth", data(`{"api_key":"`+key+`"}`)).refused(401, web.SlugToken)
	w.good(true, roots.text, own, w.tenantToken)
	if r := w.call(mover, "POST", at(w.child, "/move"), data(`{"to":"`+string(w.tenant)+`"}`)).want(200); r.at("warnings") != nil {
		t.Errorf("%s", r.text)
	}
}

// A node that has not heard of a revocation makes nothing with the revoked token.
func TestARevokedTokenMakesNothing(t *testing.T) {
	t.Parallel()
	deaf := &deafVerifier{}
	w := newWorld(t, func(o *worldOptions) { deaf.Verifier, o.Verifier = o.Verifier, deaf })
	deaf.token = token.Principal{TokenID: aaa.NewID(), Account: w.tenant, Scopes: token.Scopes()}
	w.call("any", "PUT", at(w.tenant, "/tokens"), "").refused(401, web.SlugToken)
	w.call("any", "PUT", at(w.child, "/api_key"), "").refused(401, web.SlugToken)
	list, _, err := w.store.Tokens().List(t.Context(), w.tenant, store.Page{})
	ok(t, err)
	if len(list) != 1 || slices.ContainsFunc(list, func(t store.Token) bool { return t.MadeBy != "" }) {
		t.Errorf("stored are %+v", list)
	}
}

// everywhere is a tree that has not heard of any move: every account is below every other.
type everywhere struct{ Tree }

func (everywhere) Within(context.Context, aaa.AccountID, aaa.AccountID) (bool, error) {
	return true, nil
}

// A node that has not heard of a move makes no token for the account that is above no longer.
func TestNoTokenOfAnAccountMovedAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *worldOptions) { o.Tree = everywhere{o.Tree} })
	w.call(w.tenantToken, "PUT", at(w.child, "/tokens"), "").want(201)
	w.call(w.tenantToken, "PUT", at(w.sibling, "/tokens"), "").refused(404, web.SlugIdentifier)
	w.call(w.tenantToken, "PUT", at(w.sibling, "/api_key"), "").refused(404, web.SlugIdentifier)
}
