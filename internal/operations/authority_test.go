package operations

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/line"
	"aaa-api/internal/store"
	"aaa-api/internal/token"
)

// send calls an operation as a process at the other end of a line does.
func (s *site) send(name string, from *line.From, request any) (any, error) {
	s.t.Helper()
	return named(s.t, name).from(s.t.Context(), s.parts, from, func(q any) error {
		reflect.ValueOf(q).Elem().Set(reflect.ValueOf(request).Elem())
		return nil
	})
}

// TestEveryOperationHasASample: who adds an operation says here what authority it takes.
func TestEveryOperationHasASample(t *testing.T) {
	t.Parallel()
	for _, o := range all {
		if _, ok := samples[o.Name()]; !ok && !o.forOperators() { // those have no token: see TestOperators
			t.Errorf("%s has no sample, by which its authority is tested", o.Name())
		}
	}
	for name := range samples {
		named(t, name)
	}
}

// TestAuthorityIsChecked: whoever calls, and whatever a front let pass, an operation does nothing for a token that may not.
func TestAuthorityIsChecked(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	every := token.Scopes()
	tenant := s.token(s.tenant, every...)
	gone := store.Token{Account: s.tenant, Kind: token.KindToken, Scopes: every, ExpiresAt: time.Now().Add(-time.Second)}
	ended := s.mint(gone)
	key := s.mint(store.Token{Account: s.tenant, Kind: token.KindAPIKey, Scopes: every})
	disabled := s.account(s.root)
	below := s.account(disabled)
	ofDisabled, ofBelow := s.token(disabled, every...), s.token(below, every...)
	a, err := s.store.Accounts().Get(t.Context(), disabled)
	ok(t, err)
	a.Enabled = false
	_, err = s.store.Accounts().Update(t.Context(), disabled, a.Revision, a)
	ok(t, err)
	lacking := make(map[string]string) // a token of the tenant with all scopes but one
	for _, scope := range every {
		lacking[scope] = s.token(s.tenant, slices.DeleteFunc(slices.Clone(every), func(one string) bool { return one == scope })...)
	}
	root, child, sibling := s.token(s.root, every...), s.token(s.child, every...), s.token(s.sibling, every...)
	ok(t, s.sync(t.Context()))

	for name, sample := range samples {
		refused := func(what, text string, account aaa.AccountID, kind aaa.Kind) {
			t.Helper()
			before := s.last()
			answer, err := s.send(name, about(text, account), sample.request(s))
			if err == nil || aaa.KindOf(err) != kind || answer != nil {
				t.Errorf("%s by %s: %v, %v", name, what, answer, err)
			}
			if s.last() != before {
				t.Errorf("%s by %s stored something", name, what)
			}
		}
		if sample.access.Public || sample.access.Device {
			continue
		}
		on := s.tenant
		for what, text := range map[string]string{
			"no token": "", "no text of a token": "x", "a token unknown": tenant[:len(tenant)-4] + "AAAA", "a token that ended": ended, "an API key": key,
			"a token with more": tenant + "x", "octets": "\xff\x00",
		} {
			refused(what, text, on, aaa.KindUnauthorized)
		}
		refused("a token of a disabled account", ofDisabled, disabled, aaa.KindForbidden)
		refused("a token below a disabled account", ofBelow, below, aaa.KindForbidden)
		if scope := sample.access.Scope; scope != "" {
			refused("a token without "+scope, lacking[scope], on, aaa.KindForbidden)
		}
		if sample.access.Reach != OnToken {
			refused("a token of an account beside", sibling, on, aaa.KindNotFound)
			refused("a token of an account below", child, on, aaa.KindNotFound)
			for _, other := range []aaa.AccountID{"", "x", "\x00", aaa.NewAccountID(), s.root, s.sibling, aaa.SystemConfig} {
				refused("a token about "+string(other), tenant, other, aaa.KindNotFound)
			}
		}
		if sample.access.Reach == OnAccount {
			refused("a root token about the system configuration", root, aaa.SystemConfig, aaa.KindNotFound)
		}
		if sample.access.Reach == OnDocument {
			if _, err := s.send(name, about(root, aaa.SystemConfig), sample.request(s)); fromGate(err) {
				t.Errorf("%s about the system configuration by root: %v", name, err)
			}
		}
		// The same call by a token that may passes the gate: it is not for the request that the others are refused.
		with := []string{sample.access.Scope}
		if sample.access.Scope == "" {
			with = every[:1]
		}
		if _, err := s.send(name, about(s.token(s.child, with...), s.child), sample.request(s)); fromGate(err) {
			t.Errorf("%s by a token that may: %v", name, err)
		}
	}
}

// fromGate reports whether the gate refused a call.
func fromGate(err error) bool {
	e := new(aaa.Error)
	return errors.As(err, &e) && (e.Kind == aaa.KindUnauthorized || e == ErrDisabled || e == ErrNoSuchAccount || e == ErrNoSystem ||
		e.Kind == aaa.KindForbidden && strings.HasPrefix(e.Message, "the token lacks the scope "))
}

// TestNothingIsDoneWithOldMemory: a node that can't tell whether a token was revoked serves none.
func TestNothingIsDoneWithOldMemory(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	root := s.token(s.root, token.Scopes()...)
	key := s.mint(store.Token{Account: s.root, Kind: token.KindAPIKey, Scopes: token.Scopes()})
	s.parts.Stale = func() bool { return true }
	for name, sample := range samples {
		if sample.access.Public {
			continue
		}
		before := s.last()
		if _, err := s.send(name, about(root, s.tenant), sample.request(s)); !errors.Is(err, ErrTooOld) {
			t.Errorf("%s: %v", name, err)
		}
		if s.last() != before {
			t.Errorf("%s stored something", name)
		}
	}
	if _, err := s.send("tokens.trade_key", about("", ""), &KeyTraded{Key: key}); !errors.Is(err, ErrTooOld) {
		t.Errorf("an API key is traded: %v", err)
	}
}

// TestOwnAccount: an operation about the token itself is about no account that a front names.
func TestOwnAccount(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	got, err := WhoAmI.Call(t.Context(), s.parts, *about(s.token(s.sibling, token.ScopeRead), s.root), None{})
	if err != nil || got.Account != s.sibling {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestTimeOfACall: a front whose clock is wrong makes no credential that ends later than it may.
func TestTimeOfACall(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	key := s.mint(store.Token{Account: s.tenant, Kind: token.KindAPIKey, Scopes: token.Scopes()})
	for _, at := range []time.Time{{}, time.Now().AddDate(100, 0, 0), time.Now().AddDate(-100, 0, 0), time.Unix(1<<60, 0), time.Unix(-1<<60, 0), time.Now()} {
		from := about("", "")
		from.At = at
		made, err := TradeKey.Call(t.Context(), s.parts, *from, KeyTraded{Key: key})
		if err != nil || made.Token.ExpiresAt == nil {
			t.Fatalf("at %v: %+v, %v", at, made.Token, err)
		}
		if left := time.Until(*made.Token.ExpiresAt); left > time.Hour || left < 59*time.Minute {
			t.Errorf("at %v a session lives for %v", at, left)
		}
	}
}
