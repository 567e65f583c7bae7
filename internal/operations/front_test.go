package operations

import (
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/idempotency"
	"aaa-api/internal/limits"
	"aaa-api/internal/store"
	"aaa-api/internal/token"
)

// What a front is told of a caller, in the order in which it tells what is wrong.
func TestAdmit(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tenant := s.token(s.tenant, token.Scopes()...)
	admit := func(text string, account aaa.AccountID, e Entry) Pass {
		t.Helper()
		p, err := Admit.Call(t.Context(), s.parts, *about(text, account), e)
		ok(t, err)
		return p
	}
	p := admit(tenant, s.child, Entry{Reach: OnAccount})
	if p.Who.Account != s.tenant || p.Account != s.child || p.Holder != nil || p.Rate != nil || p.Missed != nil || p.Guess ||
		p.BodyOctets != aaa.LimitTable[aaa.LimitBodyOctets].Default {
		t.Errorf("%+v", p)
	}
	if p := admit(s.token(s.root), aaa.SystemConfig, Entry{Reach: OnDocument}); p.BodyOctets != limits.Unlimited || p.Missed != nil {
		t.Errorf("%+v", p)
	}
	for _, c := range []struct {
		account aaa.AccountID
		reach   Reach
	}{{s.sibling, OnAccount}, {s.root, OnAccount}, {"", OnAccount}, {"x", OnAccount}, {aaa.SystemConfig, OnAccount}, {aaa.SystemConfig, OnDocument}, {s.sibling, 200}} {
		if p := admit(tenant, c.account, Entry{Reach: c.reach}); p.Missed == nil || p.Missed.Kind != aaa.KindNotFound || p.Who.Account != s.tenant {
			t.Errorf("%+v: %+v", c, p)
		}
	}
	if _, err := Admit.Call(t.Context(), s.parts, *about("x", s.tenant), Entry{}); aaa.KindOf(err) != aaa.KindUnauthorized {
		t.Errorf("%v", err)
	}
	a, err := s.store.Accounts().Get(t.Context(), s.child)
	ok(t, err)
	child := s.token(s.child)
	a.Enabled = false
	_, err = s.store.Accounts().Update(t.Context(), s.child, a.Revision, a)
	ok(t, err)
	ok(t, s.sync(t.Context()))
	if p := admit(child, s.child, Entry{Reach: OnAccount}); p.Holder == nil || p.Holder.Kind != aaa.KindForbidden {
		t.Errorf("%+v", p)
	}
}

// A token that somebody may have made up is looked up once its sender was charged for it.
func TestAdmitLooksNoGuessUp(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	old := store.Token{ID: aaa.NewID(), Account: s.tenant, Kind: token.KindToken, Scopes: token.Scopes(), CreatedAt: time.Now()}
	text := token.Prefix + strings.Repeat("a", token.Length-len(token.Prefix)-1) + "A" // as older versions made them
	old.Hash = token.Hash(text)
	ok(t, s.store.Tokens().Create(t.Context(), old))
	ok(t, s.sync(t.Context()))
	for range 2 {
		if p, err := Admit.Call(t.Context(), s.parts, *about(text, s.tenant), Entry{Reach: OnAccount}); err != nil || !p.Guess || p.Who.TokenID != "" {
			t.Errorf("not charged: %+v, %v", p, err)
		}
	}
	if p, err := Admit.Call(t.Context(), s.parts, *about(text, s.tenant), Entry{Reach: OnAccount, Guessed: true}); err != nil || p.Guess || p.Who.TokenID != old.ID {
		t.Errorf("charged: %+v, %v", p, err)
	}
	if p, err := Admit.Call(t.Context(), s.parts, *about(text, s.tenant), Entry{Reach: OnAccount}); err != nil || p.Guess {
		t.Errorf("known: %+v, %v", p, err)
	}
	if h, err := CheckKey.Call(t.Context(), s.parts, *about("", ""), KeyShown{Key: text[:len(text)-1] + "Q"}); err != nil || !h.Guess {
		t.Errorf("an API key: %+v, %v", h, err)
	}
}

// The rate of requests about configuration is taken where it is asked for, and once.
func TestAdmitTakesTheRate(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tenant := s.token(s.tenant, token.Scopes()...)
	have, err := s.parts.Tree.Limits(t.Context(), s.tenant)
	ok(t, err)
	own := aaa.NoLimits()
	own[aaa.LimitAPIRequests] = 2
	have.Set(limits.Root("root", nil).Below(s.tenant, &own))
	for _, c := range []struct{ rate, refused bool }{{false, false}, {true, false}, {false, false}, {true, false}, {true, true}, {false, false}} {
		p, err := Admit.Call(t.Context(), s.parts, *about(tenant, s.sibling), Entry{Reach: OnAccount, Rate: c.rate})
		ok(t, err)
		if (p.Rate != nil) != c.refused || !c.refused && p.Missed == nil {
			t.Errorf("%+v: %+v", c, p)
		}
		if c.refused && (p.Rate.Excess == nil || p.Rate.Excess.Limit != aaa.LimitAPIRequests || p.Rate.RetryAfter <= 0) {
			t.Errorf("%+v", p.Rate)
		}
	}
}

// Accounts are named to those who reach them, by a token or an API key.
func TestReaches(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	key := s.mint(store.Token{Account: s.tenant, Kind: token.KindAPIKey, Scopes: token.Scopes()})
	asked := Named{[]aaa.AccountID{s.root, s.tenant, s.child, s.sibling, aaa.SystemConfig, "x", ""}}
	for text, want := range map[string][]bool{
		s.token(s.tenant): {false, true, true, false, false, false, false},
		key:               {false, true, true, false, false, false, false},
		"":                make([]bool, 7),
		"x":               make([]bool, 7),
	} {
		got, err := Reaches.Call(t.Context(), s.parts, *about(text, ""), asked)
		ok(t, err)
		for i, is := range got.Each {
			if is != want[i] {
				t.Errorf("%.8s reaches %s: %v", text, asked.Accounts[i], is)
			}
		}
	}
	if _, err := s.send("reaches", about(key, ""), &Named{make([]aaa.AccountID, maxNamed+1)}); aaa.KindOf(err) != aaa.KindBadInput {
		t.Errorf("%v", err)
	}
}

// A front ends its own runs alone, finds no answer to a change by a token that may make none, and none of another token.
func TestKeysOfFronts(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	one, leaveOne := s.parts.For("front1")
	other, leaveOther := s.parts.For("front2")
	defer leaveOther()
	writer, second, requester := s.token(s.tenant, token.ScopeWrite), s.token(s.tenant, token.ScopeWrite), s.token(s.tenant, token.ScopeRequest)
	q := Keyed{Operation: "PUT /v2/accounts", Key: "key", Digest: sha256.Sum256([]byte("body"))}
	first, err := KeyBeginWrite.Call(t.Context(), one, *about(writer, s.tenant), q)
	if err != nil || first.Run == "" {
		t.Fatal(first, err)
	}
	forged := KeyEnded{Ticket: first.Ticket, Answer: []byte("forged")}
	_, err = KeyEnd.Call(t.Context(), other, *about("", ""), forged)
	ok(t, err)
	_, err = KeyEnd.Call(t.Context(), one, *about("", ""), KeyEnded{Ticket: idempotency.Ticket{}, Answer: []byte("forged")})
	ok(t, err)
	if again, err := KeyBeginWrite.Call(t.Context(), other, *about(writer, s.tenant), q); err != nil || !again.Waits {
		t.Errorf("%+v, %v", again, err)
	}
	_, err = KeyEnd.Call(t.Context(), one, *about("", ""), KeyEnded{Ticket: first.Ticket, Answer: []byte(`{"token":"secret"}`)})
	ok(t, err)
	if again, err := KeyBeginWrite.Call(t.Context(), other, *about(writer, s.tenant), q); err != nil || string(again.Kept) != `{"token":"secret"}` {
		t.Errorf("%+v, %v", again, err)
	}
	if _, err := KeyBeginWrite.Call(t.Context(), other, *about(second, s.tenant), q); aaa.KindOf(err) != aaa.KindConflict {
		t.Errorf("by another token: %v", err)
	}
	principal, err := s.parts.Verifier.Verify(t.Context(), writer, nil)
	ok(t, err)
	made := q
	made.Digest = sha256.Sum256(append([]byte(principal.TokenID), q.Digest[:]...))
	if got, err := KeyBegin.Call(t.Context(), other, *about(requester, s.tenant), made); err != nil || got.Kept != nil {
		t.Errorf("by a token that may send requests alone: %+v, %v", got, err)
	}
	made.Operation = ofWrites + q.Operation
	if got, err := KeyBegin.Call(t.Context(), other, *about(requester, s.tenant), made); aaa.KindOf(err) != aaa.KindBadInput || got.Kept != nil {
		t.Errorf("by the name of a change: %+v, %v", got, err)
	}

	// What a front leaves behind has failed.
	q.Key = "left"
	_, err = KeyBeginWrite.Call(t.Context(), one, *about(writer, s.tenant), q)
	ok(t, err)
	leaveOne()
	if again, err := KeyBeginWrite.Call(t.Context(), other, *about(writer, s.tenant), q); err != nil || again.Run == "" {
		t.Errorf("%+v, %v", again, err)
	}
}

// A request that comes from another process is held against what handlers make.
func TestRequestsOfFronts(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tenant := s.token(s.tenant, token.Scopes()...)
	good := aaa.Request{ID: "r/1", Op: aaa.Accounting, Stored: true, RepeatID: strings.Repeat("a", 64), Values: aaa.Values{"User-Name": "bob"}}
	ok(t, checkRequest(&good))
	for what, change := range map[string]func(*aaa.Request){
		"an operation that is none": func(q *aaa.Request) { q.Op = aaa.NumOps },
		"a long id":                 func(q *aaa.Request) { q.ID = strings.Repeat("x", maxRequestID+1) },
		"an id of two lines":        func(q *aaa.Request) { q.ID = "a\nb" },
		"a long id of repetitions":  func(q *aaa.Request) { q.RepeatID += "a" },
		"a login that is stored":    func(q *aaa.Request) { q.Op, q.RepeatID = aaa.Authn, "" },
		"a login that is repeated":  func(q *aaa.Request) { q.Op, q.Stored = aaa.Authn, false },
		"the time of a record":      func(q *aaa.Request) { q.Happened = time.Now() },
		"the session of a record":   func(q *aaa.Request) { q.SessionID = "mine" },
		"a network device":          func(q *aaa.Request) { q.Device = &aaa.Device{} },
		"a value that is none":      func(q *aaa.Request) { q.Values = aaa.Values{"x": 1.5} },
	} {
		for _, name := range []string{"requests.handle", "requests.dryrun", "sessions.start"} {
			bad := good
			change(&bad)
			if _, err := s.send(name, about(tenant, s.tenant), &bad); aaa.KindOf(err) != aaa.KindBadInput {
				t.Errorf("%s: %s: %v", name, what, err)
			}
		}
	}
	from := about(tenant, s.tenant)
	from.RequestID = "a\nb"
	if _, err := s.parts.Serve(t.Context(), 0, from, func(any) error { return errors.New("decoded") }); aaa.KindOf(err) != aaa.KindBadInput {
		t.Errorf("the id of a call: %v", err)
	}
	if _, err := s.parts.Serve(t.Context(), 60_000, about(tenant, s.tenant), nil); err == nil {
		t.Error("an operation that is none was served")
	}
}
