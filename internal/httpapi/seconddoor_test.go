package httpapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
	"aaa-api/internal/schema"
	"aaa-api/internal/secmod"
	"aaa-api/internal/store"
	"aaa-api/internal/token"
)

// operator is a caller that comes through no HTTP.
func (w *world) operator() *admin.Caller {
	return &admin.Caller{Principal: token.Principal{TokenID: "operator", Account: w.root, Scopes: token.Scopes()}, RequestID: "r", At: time.Now()}
}

func parsed(t *testing.T, text string) any {
	t.Helper()
	v, err := schema.Parse([]byte(text), schema.MaxDepth)
	ok(t, err)
	return v
}

// TestAdminShowsNoSecret: whatever another door gets of the use cases holds no secret, neither in the clear nor sealed.
func TestAdminShowsNoSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, who, s := t.Context(), w.operator(), w.admin
	none := aaa.Revisions{}
	seen := 0
	show := func(what string) func(v any, err error) {
		return func(v any, err error) {
			t.Helper()
			ok(t, err)
			text, err := json.Marshal(v)
			ok(t, err)
			seen += strings.Count(string(text), aaa.Mask)
			text = fmt.Appendf(text, "%+v", v)
			if d, isDocument := v.(admin.Document); isDocument {
				text = append(text, d.Body...)
				seen += strings.Count(string(d.Body), aaa.Mask)
			}
			for _, secret := range []string{"sesame-open-up", "other-secret", secmod.SealedPrefix, bobsHash, annsHash} {
				if strings.Contains(string(text), secret) {
					t.Errorf("%s shows %s: %s", what, secret, text)
				}
			}
		}
	}
	show("create")(s.Documents.Create(ctx, who, w.tenant, parsed(t, aDocument)))
	show("get")(s.Documents.Get(ctx, w.tenant, none))
	show("replace")(s.Documents.Replace(ctx, who, w.tenant, parsed(t, aDocument), none))
	changed := strings.Replace(aDocument, "sesame-open-up", "other-secret", 1)
	show("patch")(s.Documents.Patch(ctx, who, w.tenant, parsed(t, changed), none))
	show("revision")(s.Documents.GetRevision(ctx, w.tenant, 1, none))
	show("roll back")(s.Documents.RollBack(ctx, who, w.tenant, 1, none))
	show("delete")(s.Documents.Delete(ctx, who, w.tenant, none))
	show("create users")(s.Users.Create(ctx, who, w.tenant, admin.UsersUpload{Name: "u", Text: aUsersFile}))
	show("get users")(s.Users.Get(ctx, who, w.tenant, "u", none))
	show("replace users")(s.Users.Replace(ctx, who, w.tenant, admin.UsersUpload{Name: "u", Text: aUsersFile}, none))
	if seen < 10 {
		t.Errorf("%d masks were seen", seen)
	}
}

// TestTwoDoors: writers who come through HTTP and those who don't take turns, and no change is lost.
func TestTwoDoors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	const each = 20
	var all sync.WaitGroup
	for n := range each {
		all.Go(func() {
			w.insist(ask{method: "PATCH", path: at(w.tenant, "/aaa"), token: w.tenantToken, body: data(fmt.Sprintf(`{"x-http-%d":true}`, n))}).want(200)
		})
		all.Go(func() {
			patch := map[string]any{fmt.Sprint("x-other-", n): true}
			if _, err := w.admin.Documents.Patch(t.Context(), w.operator(), w.tenant, patch, aaa.Revisions{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	text := w.call(w.tenantToken, "GET", at(w.tenant, "/aaa"), "").want(200).text
	if n := strings.Count(text, `"x-http-`) + strings.Count(text, `"x-other-`); n != 2*each {
		t.Errorf("%d of %d changes are there", n, 2*each)
	}
}

// TestAdminChecksItsCaller: what depends on more than scope and reach is refused whatever the door lets pass.
func TestAdminChecksItsCaller(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, s := t.Context(), w.admin
	tenant := &admin.Caller{Principal: token.Principal{TokenID: "t", Account: w.tenant, Scopes: []string{token.ScopeRead}}, At: time.Now()}
	fromKey := &admin.Caller{Principal: token.Principal{TokenID: "t", Account: w.tenant, Scopes: token.Scopes(), KeyID: "k"}, At: time.Now()}
	w.upload("PUT", at(w.tenant, "/aaa/fsm/above"), aTable).want(201)
	_, err := w.store.Texts().Create(ctx, store.Text{Account: w.root, Kind: store.TextFSM, Name: "root", Body: aTable})
	ok(t, err)
	none := aaa.Revisions{}
	for what, c := range map[string]struct {
		do   func() error
		kind aaa.Kind
	}{
		"a token of more scopes": {func() error {
			_, _, err := s.Tokens.Create(ctx, tenant, w.tenant, parsed(t, `{"scopes":["write"]}`).(map[string]any))
			return err
		}, aaa.KindForbidden},
		"a key of a key":          {func() error { _, _, err := s.Tokens.RotateKey(ctx, fromKey, w.tenant, nil); return err }, aaa.KindForbidden},
		"a key's token elsewhere": {func() error { _, _, err := s.Tokens.Create(ctx, fromKey, w.child, nil); return err }, aaa.KindForbidden},
		"its own limits": {func() error {
			_, err := s.Accounts.Patch(ctx, tenant, w.tenant, parsed(t, `{"limits":{"tokens":9}}`).(map[string]any), none)
			return err
		}, aaa.KindForbidden},
		"its own end": {func() error { _, err := s.Accounts.Delete(ctx, tenant, w.tenant, none); return err }, aaa.KindForbidden},
		"a move out":  {func() error { _, err := s.Accounts.Move(ctx, tenant, w.child, w.sibling, true); return err }, aaa.KindNotFound},
		"a table far above": {func() error {
			_, err := s.Tables.Simulate(ctx, tenant, w.child, "root", json.RawMessage(`{"request":"AUTHEN"}`))
			return err
		}, aaa.KindNotFound},
	} {
		if err := c.do(); aaa.KindOf(err) != c.kind || err == nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := s.Tables.Simulate(ctx, tenant, w.child, "above", json.RawMessage(`{"request":"AUTHEN"}`)); err != nil {
		t.Errorf("a table within reach: %v", err)
	}
	if above, err := s.Accounts.Ancestors(ctx, tenant, w.child); err != nil || len(above) != 1 || above[0].ID != w.tenant {
		t.Errorf("ancestors: %+v, %v", above, err)
	}
}
