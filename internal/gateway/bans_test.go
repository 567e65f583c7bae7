package gateway

import (
	"errors"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/store"
)

// TestBannedLogin: who has too many refused logins is answered at once, with when to come again, and no server is asked. All else of the
// same user goes on: authz, accounting, and what sessions of before report.
func TestBannedLogin(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("reseller", with(doc("on", "a"), `"bans":{"by":["Calling-Station-Id","User-Name"],"max_score":20}`))
	values := func() map[string]any {
		return map[string]any{"User-Name": "eve", "User-Password": "x", "Calling-Station-Id": "2001:db8::1"}
	}
	session, err := f.gateway.StartSession(f.ctx, &aaa.Request{Account: f.ids["customer"], Values: values()})
	f.must(err)
	f.engine.set("a", rejects)
	for range 2 {
		if res, err := f.ask("customer", aaa.Authz, values()); err != nil || res.Outcome != aaa.Reject {
			t.Fatalf("%+v, %v", res, err)
		}
	}
	for range 2 {
		if res, err := f.ask("customer", aaa.Authn, values()); err != nil || res.Outcome != aaa.Reject {
			t.Fatalf("a refused authz, or half the points, ban: %+v, %v", res, err)
		}
	}
	f.engine.take()
	refused := func(what string, err error) *aaa.Error {
		t.Helper()
		var e *aaa.Error
		if !errors.As(err, &e) || e.Kind != aaa.KindBanned || e.RetryAfter <= 299*time.Second || e.RetryAfter > 300*time.Second {
			t.Fatalf("%s: %v", what, err)
		}
		if calls := f.engine.take(); calls != nil {
			t.Errorf("%s: %q are asked", what, calls)
		}
		return e
	}
	_, err = f.ask("customer", aaa.Authn, map[string]any{"User-Name": "adam", "Calling-Station-Id": "2001:db8::2"})
	e := refused("the same network", err)
	if e.Trace == nil || len(e.Trace.Documents) != 2 || e.Trace.Documents[0].Note != "no document" || e.Trace.Documents[1].Note != "banned" || len(e.Trace.UnusedKeys) != 0 {
		t.Errorf("the trace is %+v", e.Trace)
	}
	_, err = f.ask("customer", aaa.Authn, map[string]any{"User-Name": "EVE"})
	refused("the same user", err)
	_, err = f.gateway.StartSession(f.ctx, &aaa.Request{Account: f.ids["customer"], Values: values()})
	refused("a session", err)
	if list, _, err := f.gateway.Sessions(f.ctx, f.ids["customer"], aaa.SessionFilter{}, store.Page{}); err != nil || len(list) != 1 {
		t.Errorf("a session of a banned login is stored: %+v, %v", list, err)
	}
	for _, op := range []aaa.Op{aaa.Authz, aaa.Accounting, aaa.Custom} {
		v := values()
		delete(v, "User-Password")
		if _, err := f.ask("customer", op, v); err != nil || len(f.engine.take()) != 1 {
			t.Errorf("%s of a banned user: %v", op, err)
		}
	}
	f.engine.set("a", nil)
	if _, err := f.gateway.OpenSession(f.ctx, f.ids["customer"], session.SID, nil); err != nil {
		t.Errorf("a session from before: %v", err)
	}
	if res, err := f.ask("sibling", aaa.Authn, values()); err != nil || res.Outcome != aaa.Accept {
		t.Errorf("the sibling's login: %+v, %v", res, err)
	}
	if got := f.counted("aaa_api_requests_total", map[string]string{"op": "authn"})["banned"]; got != 3 {
		t.Errorf("%v requests are counted as banned", got)
	}
	f.passed += 300 * time.Second
	if res, err := f.ask("customer", aaa.Authn, values()); err != nil || res.Outcome != aaa.Accept {
		t.Errorf("after the ban: %+v, %v", res, err)
	}
}

// TestBannedInALogin: a challenge's answer is refused as any login, and its session fails.
func TestBannedInALogin(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("customer", with(doc("on", "a"), `"bans":{"by":["User-Name"],"max_score":10}`))
	f.engine.set("a", func(*engines.Request) (*engines.Reply, error) {
		return &engines.Reply{Outcome: aaa.Challenge, State: []byte("s"), Attempts: 1}, nil
	})
	session, err := f.gateway.StartSession(f.ctx, &aaa.Request{Account: f.ids["customer"], Values: map[string]any{"User-Name": "eve", "User-Password": "x"}})
	f.must(err)
	f.engine.set("a", rejects)
	if _, err := f.ask("customer", aaa.Authn, map[string]any{"User-Name": "eve", "User-Password": "y"}); err != nil {
		t.Fatal(err)
	}
	f.engine.take()
	_, err = f.gateway.ContinueSession(f.ctx, f.ids["customer"], session.SID, map[string]any{"answer": "z"}, "r")
	if aaa.KindOf(err) != aaa.KindBanned || f.engine.take() != nil {
		t.Errorf("the answer to a challenge: %v", err)
	}
	if s, err := f.gateway.Session(f.ctx, f.ids["customer"], session.SID); err != nil || s.State != aaa.SessionFailed {
		t.Errorf("the session is %+v, %v", s, err)
	}
}

// TestBansOfNobody: a document without bans bans nobody, and neither does one that asks nobody.
func TestBansOfNobody(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("customer", doc("on", "a"))
	f.engine.set("a", rejects)
	for range 20 {
		if res, err := f.ask("customer", aaa.Authn, nil); err != nil || res.Outcome != aaa.Reject {
			t.Fatalf("%+v, %v", res, err)
		}
	}
	f.put("customer", with(doc("on", "a"), `"bans":{"by":["User-Name"],"max_score":10}`))
	if res, err := f.ask("customer", aaa.Authn, nil); err != nil || res.Outcome != aaa.Reject {
		t.Fatalf("%+v, %v", res, err)
	}
	if _, err := f.ask("customer", aaa.Authn, nil); aaa.KindOf(err) != aaa.KindBanned {
		t.Fatal(err)
	}
	f.put("customer", with(doc("off", "a"), `"bans":{"by":["User-Name"],"max_score":10}`))
	if res, err := f.ask("customer", aaa.Authn, nil); err != nil || res.Outcome != aaa.Off {
		t.Errorf("off: %+v, %v", res, err)
	}
}
