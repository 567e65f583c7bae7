package radius

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp/avptest"
)

// FreeRADIUS cuts the last cipher block of a long Tunnel-Password where the attribute is full.
func TestFreeRADIUSLongTunnelPassword(t *testing.T) {
	t.Parallel()
	s, d := enginetest.FreeRADIUS(t), system(t)
	c := freeRADIUSClient(t, s, s.AuthAddr, s.Secret)
	const alphabet = "abcdefghijklmnopqrstuvwxyz"
	for _, n := range []int{239, 240, 249} {
		user := "tunnel" + strconv.Itoa(n)
		r, err := c.Exchange(t.Context(), &engines.Request{Dict: d, AVPs: list(t, d, "User-Name", user, "User-Password", "correct horse")})
		if err != nil {
			t.Fatal(err)
		}
		want := "Tunnel-Password:1=" + strings.Repeat(alphabet, 10)[:n]
		if got := texts(d, r.AVPs); got != want {
			t.Errorf("%d octets: the reply holds\n%s\nwant\n%s", n, got, want)
		}
	}
}

// FreeRADIUS signs an Accounting-Response over zeros. The record arrives once.
func TestFreeRADIUSSignedAccountingResponse(t *testing.T) {
	t.Parallel()
	s, d := enginetest.FreeRADIUS(t), system(t)
	c := freeRADIUSClient(t, s, s.AcctAddr, s.Secret)
	r, err := c.Exchange(t.Context(), &engines.Request{Op: aaa.Accounting, Dict: d, AVPs: list(t, d, "User-Name", "signed-record", "Acct-Session-Id", t.Name())})
	if err != nil || r.Outcome != aaa.Accept || r.Attempts != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	detail, err := os.ReadFile(s.DetailFile)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(detail), t.Name()); n != 1 {
		t.Errorf("the record is there %d times", n)
	}
}

// The Message-Authenticator of an Accounting-Response counts over the request's authenticator and over zeros, and over
// nothing else.
func TestSignedAccountingResponse(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer func(q *enginetest.Query) []byte
		taken  bool
	}{
		"as of a reply": {func(q *enginetest.Query) []byte { return q.Answer(radius.AccountingResponse) }, true},
		"over zeros":    {func(q *enginetest.Query) []byte { return q.OverZeros(radius.AccountingResponse) }, true},
		"over rubbish":  {func(q *enginetest.Query) []byte { return q.WrongMAC(radius.AccountingResponse) }, false},
	} {
		_, c := scripted(t, 100*time.Millisecond, 0, func(q *enginetest.Query) { q.Send(tc.answer(q)) })
		if tc.taken {
			c.timeout = 10 * time.Second
		}
		if _, err := c.Exchange(t.Context(), &engines.Request{Op: aaa.Accounting, Dict: avptest.New()}); (err == nil) != tc.taken {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, c := scripted(t, 100*time.Millisecond, 0, func(q *enginetest.Query) { q.Send(q.OverZeros(radius.AccessAccept)) })
	if _, err := c.Exchange(t.Context(), login(avptest.New())); err == nil {
		t.Error("an Access-Accept signed over zeros is taken")
	}
}

// An EAP-Start begins with the user's identity, whose answer FreeRADIUS signs.
func TestFreeRADIUSEAPIdentity(t *testing.T) {
	t.Parallel()
	s, d := enginetest.FreeRADIUS(t), system(t)
	c := freeRADIUSClient(t, s, s.AuthAddr, s.Secret)
	r, err := c.Exchange(t.Context(), &engines.Request{Dict: d, AVPs: list(t, d, "User-Name", "alice", "EAP-Message", "")})
	if err != nil || r.Outcome != aaa.Challenge || r.Attempts != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if got := texts(d, r.AVPs); !strings.Contains(got, "EAP-Message=0x01") {
		t.Errorf("no EAP-Request in the challenge:\n%s", got)
	}
	_, err = c.Exchange(t.Context(), &engines.Request{Dict: d, AVPs: list(t, d, "EAP-Message", "")})
	if aaa.KindOf(err) != aaa.KindBadInput {
		t.Errorf("without a user name: %v", err)
	}
}
