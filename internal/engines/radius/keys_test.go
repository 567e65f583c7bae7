package radius

import (
	"bytes"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp/avptest"
)

const newSecret = "the next secret"

// changing is a server's entry while its secret is being changed: newSecret after testSecret.
func changing(s *enginetest.ScriptedRADIUS, timeout time.Duration, retries int) aaa.Server {
	cfg := scriptedServer(s, timeout, retries)
	cfg.Secret, cfg.PreviousSecret = aaa.NewSecret(newSecret), aaa.NewSecret(testSecret)
	return cfg
}

// under answers as a server with a secret that checks what it gets, or is silent.
func under(t *testing.T, secret string, q *enginetest.Query) {
	t.Helper()
	if !signedUnder(q.Packet, secret) {
		return
	}
	with := *q
	with.Server = &enginetest.ScriptedRADIUS{Secret: secret}
	code := radius.AccessAccept
	if radius.Code(q.Packet[0]) == radius.AccountingRequest {
		code = radius.AccountingResponse
	} else if radius.Code(q.Packet[0]) == radius.AccessRequest {
		hidden := radius.Cipher{Key: radius.NewKey([]byte(secret)), Request: (*radius.Authenticator)(q.Packet[4:])}
		clear, err := hidden.User(bytes.Clone(find(t, q.Packet, radius.AttrUserPassword)), 0)
		if err != nil || string(clear) != "correct horse" {
			code = radius.AccessReject
		}
	}
	q.Send(with.Answer(code))
}

func signedUnder(packet []byte, secret string) bool {
	p, err := radius.Parse(packet)
	if err != nil {
		return false
	}
	_, err = radius.NewKey([]byte(secret)).VerifyRequest(p, true)
	return err == nil
}

// While the secret is being changed no request fails, before, at and after the change at the server, and after one of
// each kind the right secret is used at once.
func TestSecretChanges(t *testing.T) {
	t.Parallel()
	for _, retries := range []int{0, 3} {
		var has atomic.Pointer[string]
		s := enginetest.NewScriptedRADIUS(t, "", func(q *enginetest.Query) { under(t, *has.Load(), q) })
		c := openTest(t, New(Options{}), changing(s, 300*time.Millisecond, retries))
		d := avptest.New()
		for _, secret := range []string{testSecret, newSecret, testSecret} {
			has.Store(&secret)
			for i := range 3 {
				r, err := c.Exchange(t.Context(), login(d))
				if err != nil || r.Outcome != aaa.Accept {
					t.Fatalf("%d retries, the server has %q: %+v, %v", retries, secret, r, err)
				}
				if i > 0 && r.Attempts != 1 {
					t.Errorf("the server has %q: %d attempts, when it was known", secret, r.Attempts)
				}
			}
			if r, err := c.Exchange(t.Context(), &engines.Request{Op: aaa.Accounting, Dict: d}); err != nil || r.Attempts != 1 {
				t.Errorf("a record: %+v, %v", r, err)
			}
		}
	}
}

// A record goes out under the other secret as it is.
func TestRecordWhileSecretChanges(t *testing.T) {
	t.Parallel()
	s := enginetest.NewScriptedRADIUS(t, "", func(q *enginetest.Query) { under(t, testSecret, q) })
	c := openTest(t, New(Options{}), changing(s, 300*time.Millisecond, 0))
	r, err := c.Exchange(t.Context(), &engines.Request{Op: aaa.Accounting, Dict: avptest.New()})
	if err != nil || r.Attempts != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	p := s.Packets()
	if !bytes.Equal(p[0][radius.HeaderLen:], p[1][radius.HeaderLen:]) || bytes.Equal(p[0][:radius.HeaderLen], p[1][:radius.HeaderLen]) {
		t.Errorf("%x\n%x", p[0], p[1])
	}
}

// A server that does not check requests answers what it could not read. Its answer tells which secret it has and nothing
// more: the request goes out again under that one at once.
func TestAnswerUnderTheOtherSecret(t *testing.T) {
	t.Parallel()
	s := enginetest.NewScriptedRADIUS(t, testSecret, func(q *enginetest.Query) {
		if signedUnder(q.Packet, testSecret) {
			under(t, testSecret, q)
			return
		}
		q.Send(q.Bare(radius.AccessReject))
	})
	c := openTest(t, New(Options{}), changing(s, time.Hour, 0))
	r, err := c.Exchange(t.Context(), login(avptest.New()))
	if err != nil || r.Outcome != aaa.Accept || r.Attempts != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
}

// Whoever knows neither secret neither ends a request, nor has it sent earlier, nor changes where the next one begins.
func TestRubbishWhileSecretChanges(t *testing.T) {
	t.Parallel()
	s := enginetest.NewScriptedRADIUS(t, "not "+testSecret, func(q *enginetest.Query) {
		q.Send(q.Answer(radius.AccessAccept))
		q.Send(q.Bare(radius.AccessReject))
		if q.Count > 1 {
			under(t, newSecret, q)
		}
	})
	c := openTest(t, New(Options{}), changing(s, 300*time.Millisecond, 3))
	r, err := c.Exchange(t.Context(), login(avptest.New()))
	if err != nil || r.Attempts != 3 { // new, previous, new
		t.Fatalf("%+v, %v", r, err)
	}
	if r, err := c.Exchange(t.Context(), login(avptest.New())); err != nil || r.Attempts != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	s = enginetest.NewScriptedRADIUS(t, "not "+testSecret, func(q *enginetest.Query) { q.Send(q.Answer(radius.AccessAccept)) })
	c = openTest(t, New(Options{}), changing(s, 100*time.Millisecond, 1))
	if _, err := c.Exchange(t.Context(), login(avptest.New())); !errors.Is(err, engines.ErrUnverified) {
		t.Errorf("%v", err)
	}
	if c.inForce() != c.key {
		t.Error("rubbish changed the secret")
	}
}

// An answer tells the secret to all that are out under the other one: they wait for no timeout.
func TestOneAnswerHastensTheOthers(t *testing.T) {
	t.Parallel()
	const n = 20
	s := enginetest.NewScriptedRADIUS(t, testSecret, func(q *enginetest.Query) {
		if signedUnder(q.Packet, testSecret) {
			under(t, testSecret, q)
		} else if q.Count == n { // all are out
			q.Send(q.Bare(radius.AccessReject))
		}
	})
	c := openTest(t, New(Options{}), changing(s, time.Hour, 0))
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			if r, err := c.Exchange(t.Context(), login(avptest.New())); err != nil || r.Outcome != aaa.Accept {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
	wg.Wait()
}

// A server that was dead while its secret was changed is found to be back: a probe tries both secrets.
func TestProbeWhileSecretChanges(t *testing.T) {
	t.Parallel()
	for name, check := range map[string]aaa.HealthCheck{
		"status-server": {},
		"user":          {Type: "user", Username: "probe", Password: aaa.NewSecret("correct horse")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var has atomic.Pointer[string]
			has.Store(new(testSecret))
			s := enginetest.NewScriptedRADIUS(t, "", func(q *enginetest.Query) { under(t, *has.Load(), q) })
			cfg := changing(s, 100*time.Millisecond, 0)
			cfg.HealthCheck = check
			c := openTest(t, New(Options{ProbeInterval: time.Hour}), cfg)
			if err := c.ask(t.Context()); err != nil {
				t.Fatalf("the server has the old secret: %v", err)
			}
			has.Store(new(newSecret))
			if err := c.ask(t.Context()); err != nil {
				t.Fatalf("the server has the new secret: %v", err)
			}
			if c.inForce() != c.key {
				t.Error("the probe did not tell which secret the server has")
			}
		})
	}
}

// An edit that gives a server's secret a successor begins with the one that the server is known to have.
func TestSecretIsKnownAfterAnEdit(t *testing.T) {
	t.Parallel()
	s := enginetest.NewScriptedRADIUS(t, "", func(q *enginetest.Query) { under(t, testSecret, q) })
	e := New(Options{})
	c := openTest(t, e, scriptedServer(s, time.Hour, 0))
	if _, err := c.Exchange(t.Context(), login(avptest.New())); err != nil {
		t.Fatal(err)
	}
	next, err := e.Open(engines.Config{Server: changing(s, time.Hour, 0), Previous: c})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(next.Retire)
	if r, err := next.Exchange(t.Context(), login(avptest.New())); err != nil || r.Attempts != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

// The secret of a FreeRADIUS changes under load, and no request fails.
func TestFreeRADIUSSecretChanges(t *testing.T) {
	t.Parallel()
	s, d, e := enginetest.FreeRADIUS(t), system(t), New(Options{})
	entry := aaa.Server{
		Name: "freeradius", Address: s.ChangingAddr.Addr().String(), Port: int(s.ChangingAddr.Port()),
		Secret: aaa.NewSecret(s.Secret), Timeout: 500, Retries: 5,
	}
	login := func(c *client, when string) {
		t.Helper()
		r, err := c.Exchange(t.Context(), &engines.Request{Dict: d, AVPs: list(t, d, "User-Name", "alice", "User-Password", "correct horse")})
		if err != nil || r.Outcome != aaa.Accept {
			t.Errorf("%s: %+v, %v", when, r, err)
		}
	}
	edited := func(before *client) *client {
		t.Helper()
		c, err := e.Open(engines.Config{Server: entry, Previous: before})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Retire)
		return c.(*client)
	}
	c := openTest(t, e, entry)
	login(c, "before")
	entry.Secret, entry.PreviousSecret = aaa.NewSecret(newSecret), entry.Secret
	c = edited(c)
	login(c, "with both, the server has the old one")
	ended := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
					login(c, "at the change")
				}
			}
		})
	}
	if err := os.WriteFile(s.SecretFile, []byte(newSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "answers under the next secret", func() bool { return c.inForce() == c.key })
	close(ended)
	wg.Wait()
	login(c, "with both, the server has the next one")
	entry.PreviousSecret = aaa.Secret{}
	login(edited(c), "after")
}
