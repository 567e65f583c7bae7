package radius

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp/avptest"
	"aaa-api/internal/tenantlog"
)

// A radsecproxy signs the rejects that it makes itself and passes on what its servers leave unsigned. Mistyped realms then
// lock nobody out.
func TestProxyThatSignsItsOwnRejects(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	s := enginetest.NewScriptedRADIUS(t, testSecret, func(q *enginetest.Query) {
		switch string(find(t, q.Packet, radius.AttrUserName)) {
		case "mistyped":
			q.Send(q.Answer(radius.AccessReject))
		case "wrong":
			q.Send(q.Bare(radius.AccessReject))
		default:
			q.Send(q.Bare(radius.AccessAccept))
		}
	})
	c := openTest(t, New(Options{}), scriptedServer(s, 10*time.Second, 0))
	ask := func(user string, want aaa.Outcome, times int) {
		t.Helper()
		for range times {
			r, err := c.Exchange(t.Context(), &engines.Request{Dict: d, AVPs: []aaa.AVP{d.AVP("User-Name", user)}})
			if err != nil || r.Outcome != want {
				t.Errorf("%s: %+v, %v", user, r, err)
			}
		}
	}
	ask("mistyped", aaa.Reject, 1)
	ask("good", aaa.Accept, 1)
	ask("wrong", aaa.Reject, 1)
	ask("mistyped", aaa.Reject, learnFrom+1)
	ask("good", aaa.Accept, 1)
	ask("wrong", aaa.Reject, 1)
	want := map[string]string{"accept": engines.NotSigned, "reject": engines.NotSigned}
	if got := c.Learnt(); !maps.Equal(got, want) {
		t.Errorf("learnt %v, want %v", got, want)
	}
}

// An unsigned reject is taken however many signed ones came before it: rejects of a proxy's own may be all that a client has seen.
func TestUnsignedRejectAfterSignedOnes(t *testing.T) {
	t.Parallel()
	for name, avps := range map[string][]string{"PAP": {"User-Password", "wrong"}, "EAP": {"EAP-Message", "0x0201000501"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := enginetest.NewScriptedRADIUS(t, testSecret, func(q *enginetest.Query) {
				if q.Count <= 2*learnFrom {
					q.Send(q.Answer(radius.AccessReject))
					return
				}
				q.Send(q.Bare(radius.AccessReject))
			})
			c, d := openTest(t, New(Options{}), scriptedServer(s, 200*time.Millisecond, 0)), system(t)
			for i := range 2*learnFrom + 1 {
				if kind, want := c.Learnt()[map[string]string{"PAP": "reject", "EAP": "eap_reject"}[name]], engines.SignedSoFar; i > 0 && kind != want {
					t.Fatalf("after %d signed rejects: %q, want %q", i, kind, want)
				}
				r, err := c.Exchange(t.Context(), &engines.Request{Dict: d, AVPs: list(t, d, append([]string{"User-Name", "alice"}, avps...)...)})
				if err != nil || r.Outcome != aaa.Reject {
					t.Fatalf("reject %d: %+v, %v", i, r, err)
				}
			}
		})
	}
}

// Of its probes' answers a client learns nothing for logins.
func TestStatusServerIsAKindOfItsOwn(t *testing.T) {
	t.Parallel()
	s := enginetest.NewScriptedRADIUS(t, testSecret, func(q *enginetest.Query) {
		if isStatus(q) {
			q.Send(q.Answer(radius.AccessAccept))
			return
		}
		q.Send(q.Bare(radius.AccessAccept))
	})
	c := openTest(t, New(Options{}), scriptedServer(s, 10*time.Second, 0))
	for range learnFrom {
		if err := c.ask(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Exchange(t.Context(), login(avptest.New())); err != nil {
		t.Error(err)
	}
	if got := c.Learnt(); got["status_server"] != engines.MustBeSigned || got["accept"] != engines.NotSigned {
		t.Errorf("learnt %v", got)
	}
}

// FreeRADIUS 3.2.1 signs what answers EAP, and not what answers PAP.
func TestFreeRADIUSSignsEAPAlone(t *testing.T) {
	t.Parallel()
	s, d := enginetest.FreeRADIUS(t), system(t)
	c := freeRADIUSClient(t, s, s.AuthAddr, s.Secret)
	ask := func(want aaa.Outcome, pairs ...string) {
		t.Helper()
		r, err := c.Exchange(t.Context(), &engines.Request{Dict: d, AVPs: list(t, d, pairs...)})
		if err != nil || r.Outcome != want {
			t.Fatalf("%v: %+v, %v", pairs, r, err)
		}
	}
	for range learnFrom {
		ask(aaa.Challenge, "User-Name", "alice", "EAP-Message", "")
	}
	ask(aaa.Challenge, "User-Name", "challenge", "User-Password", "first")
	ask(aaa.Accept, "User-Name", "alice", "User-Password", "correct horse")
	got := c.Learnt()
	if got["eap_challenge"] != engines.MustBeSigned || got["challenge"] == engines.MustBeSigned || got["accept"] == engines.MustBeSigned {
		t.Errorf("learnt %v", got)
	}
	t.Logf("learnt %v", got)
}

// TestDiscardedRepliesAreLogged: the log tells why a reply is discarded, and a server that sends rubbish does not fill it.
func TestDiscardedRepliesAreLogged(t *testing.T) {
	t.Parallel()
	s := enginetest.NewScriptedRADIUS(t, testSecret, func(q *enginetest.Query) {
		if q.Count <= learnFrom {
			q.Send(q.Answer(radius.AccessAccept))
			return
		}
		for range 10 {
			q.Send(q.Bare(radius.AccessAccept))
			q.Send(q.Answer(radius.AccountingResponse))
		}
	})
	var text bytes.Buffer
	log := slog.New(tenantlog.New(slog.NewTextHandler(&text, nil)))
	c := openTest(t, New(Options{Logger: log}), scriptedServer(s, 100*time.Millisecond, 1))
	c.account = "a"
	teach(t, c)
	if _, err := c.Exchange(t.Context(), login(avptest.New())); !errors.Is(err, engines.ErrMalformed) {
		t.Errorf("%v", err)
	}
	c.engine.remotes.Range(func(_ netip.AddrPort, r *remote) bool { // replies are judged under its lock
		r.mu.Lock()
		t.Cleanup(r.mu.Unlock)
		return true
	})
	for _, want := range []string{"kind=accept", "the reply has no Message-Authenticator", "the reply's code answers no such request"} {
		if n := strings.Count(text.String(), want); n != 1 {
			t.Errorf("%q is there %d times:\n%s", want, n, text.String())
		}
	}
}

// FreeRADIUS 3.2.1 signs the reject that its EAP module makes, and not that of a rule of its own to a request with an EAP-Message.
func TestFreeRADIUSLeavesSomeEAPRejectsUnsigned(t *testing.T) {
	t.Parallel()
	s, d := enginetest.FreeRADIUS(t), system(t)
	c := freeRADIUSClient(t, s, s.AuthAddr, s.Secret)
	ask := func(want aaa.Outcome, state []byte, pairs ...string) *engines.Reply {
		t.Helper()
		avps := list(t, d, pairs...)
		if state != nil {
			avps = append(avps, aaa.AVP{Attr: d.ByName("State"), Value: state})
		}
		r, err := c.Exchange(t.Context(), &engines.Request{Dict: d, AVPs: avps})
		if err != nil || r.Outcome != want {
			t.Fatalf("%v: %+v, %v", pairs, r, err)
		}
		return r
	}
	eap := d.ByName("EAP-Message")
	for range learnFrom {
		r := ask(aaa.Challenge, nil, "User-Name", "alice", "EAP-Message", "")
		i := slices.IndexFunc(r.AVPs, func(v aaa.AVP) bool { return v.Attr == eap })
		wrong := fmt.Sprintf("0x02%02x0016%02x10%032x", r.AVPs[i].Value[1], 4, 0) // EAP-Response, MD5-Challenge
		ask(aaa.Reject, r.State, "User-Name", "alice", "EAP-Message", wrong)
	}
	if got := c.Learnt()["eap_reject"]; got != engines.SignedSoFar {
		t.Errorf("learnt %q of rejects of the EAP module", got)
	}
	ask(aaa.Reject, []byte("another"), "User-Name", "challenge", "EAP-Message", "")
	if got := c.Learnt()["eap_reject"]; got != engines.NotSigned {
		t.Errorf("learnt %q of a rule's reject", got)
	}
}
