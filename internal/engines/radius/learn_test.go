package radius

import (
	"errors"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp/avptest"
)

// teach has a client learn that accepts are signed.
func teach(t *testing.T, c *client) {
	t.Helper()
	for range learnFrom {
		if _, err := c.Exchange(t.Context(), login(avptest.New())); err != nil {
			t.Fatal(err)
		}
	}
}

// What auto has learnt of a server outlives edits of its entry, but for those that make it another server or
// another setting. It outlives the account's stay in memory likewise.
func TestMessageAuthenticatorIsNotForgotten(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		edit func(*aaa.Server)
		kept bool
	}{
		"timeout":             {func(s *aaa.Server) { s.Timeout++ }, true},
		"secret":              {func(s *aaa.Server) { s.Secret = aaa.NewSecret("another") }, true},
		"auto is the default": {func(s *aaa.Server) { s.RequireMessageAuthenticator = "" }, true},
		"address":             {func(s *aaa.Server) { s.Address = "localhost" }, false},
		"port":                {func(s *aaa.Server) { s.Port++ }, false},
		"no":                  {func(s *aaa.Server) { s.RequireMessageAuthenticator = "no" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := enginetest.NewScriptedRADIUS(t, testSecret, func(q *enginetest.Query) { q.Send(q.Answer(radius.AccessAccept)) })
			e, entry := New(Options{}), scriptedServer(s, 5*time.Second, 0)
			entry.RequireMessageAuthenticator = "auto"
			c := openTest(t, e, entry)
			teach(t, c)
			tc.edit(&entry)
			for _, config := range []engines.Config{{Server: entry, Previous: c}, {Server: entry, Memory: c.Remember()}} {
				next, err := e.Open(config)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(next.Retire)
				if got := next.(*client).demands(kindAccept); got != tc.kept {
					t.Errorf("asks for a Message-Authenticator: %v; from memory: %v", got, config.Memory != "")
				}
			}
		})
	}
}

// An edited entry has a server that learnt to want a Message-Authenticator drop the replies without one, and begins with good health.
func TestEditedServer(t *testing.T) {
	t.Parallel()
	s := enginetest.NewScriptedRADIUS(t, testSecret, func(q *enginetest.Query) {
		if q.Count <= learnFrom {
			q.Send(q.Answer(radius.AccessAccept))
			return
		}
		q.Send(q.Bare(radius.AccessAccept))
	})
	e, entry := New(Options{}), scriptedServer(s, 100*time.Millisecond, 0)
	c := openTest(t, e, entry)
	teach(t, c)
	c.failing()
	entry.Timeout++
	next, err := e.Open(engines.Config{Server: entry, Previous: c})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(next.Retire)
	if got := next.Health().State(); got != engines.Alive {
		t.Errorf("health %v", got)
	}
	if _, err := next.Exchange(t.Context(), login(avptest.New())); !errors.Is(err, engines.ErrNoAuthenticator) {
		t.Errorf("a reply without a Message-Authenticator: %v", err)
	}
}
