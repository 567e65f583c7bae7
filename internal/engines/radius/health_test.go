package radius

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp/avptest"
)

// eventually asks again and again until ok: for what the network and other goroutines do in their own time.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// revived makes a server dead by silence, lets it answer again, waits until it
// counts as alive, and returns the first probe that it got by then.
func revived(t *testing.T, check aaa.HealthCheck, opts Options) (probe []byte) {
	t.Helper()
	var back atomic.Bool
	var first atomic.Pointer[[]byte]
	s := enginetest.NewScriptedRADIUS(t, testSecret, func(q *enginetest.Query) {
		if back.Load() {
			first.CompareAndSwap(nil, &q.Packet)
			q.Send(q.Answer(radius.AccessAccept))
		}
	})
	cfg := scriptedServer(s, 20*time.Millisecond, 0)
	cfg.HealthCheck = check
	c := openTest(t, New(opts), cfg)
	for range engines.FailuresToDead {
		if _, err := c.Exchange(t.Context(), login(avptest.New())); err == nil {
			t.Fatal("silence was an answer")
		}
	}
	eventually(t, "dead", func() bool { return !c.Health().Usable() })
	eventually(t, "the last login at the server", func() bool { // which must not be taken for a probe
		logins := 0
		for _, p := range s.Packets() {
			if has(p, radius.AttrUserName) && string(find(t, p, radius.AttrUserName)) == "alice" {
				logins++
			}
		}
		return logins == engines.FailuresToDead
	})
	back.Store(true)
	eventually(t, "usable again", c.Health().Usable)
	eventually(t, "a probe", func() bool { return first.Load() != nil || check.Type == "time" })
	if check.Type == "time" {
		for range engines.AnswersToAlive {
			if _, err := c.Exchange(t.Context(), login(avptest.New())); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "alive", func() bool { return c.Health().State() == engines.Alive })
		return nil
	}
	eventually(t, "alive", func() bool { return c.Health().State() == engines.Alive })
	return *first.Load()
}

// RFC 5997 §3: Status-Server, with a Message-Authenticator.
func TestProbeStatusServer(t *testing.T) {
	t.Parallel()
	p := revived(t, aaa.HealthCheck{}, Options{ProbeInterval: 10 * time.Millisecond, ReviveAfter: 10 * time.Millisecond})
	if radius.Code(p[0]) != radius.StatusServer || !has(p, radius.AttrNASIdentifier) || has(p, radius.AttrUserName) {
		t.Errorf("probe %x", p)
	}
	checkMessageAuthenticator(t, p)
}

func TestProbeUser(t *testing.T) {
	t.Parallel()
	p := revived(t, aaa.HealthCheck{Type: "user", Username: "probe", Password: aaa.NewSecret("pw")}, Options{ProbeInterval: 10 * time.Millisecond})
	if radius.Code(p[0]) != radius.AccessRequest || string(find(t, p, radius.AttrUserName)) != "probe" || !has(p, radius.AttrUserPassword) {
		t.Errorf("probe %x", p)
	}
	checkMessageAuthenticator(t, p)
}

func TestReviveByTime(t *testing.T) {
	t.Parallel()
	revived(t, aaa.HealthCheck{Type: "time"}, Options{ReviveAfter: 30 * time.Millisecond})
}

// isStatus reports a Status-Server.
func isStatus(q *enginetest.Query) bool { return radius.Code(q.Packet[0]) == radius.StatusServer }

// A server that does not know Status-Server is not killed by probes after one lost packet, and comes
// back by time when it was dead.
func TestServerWithoutStatusServer(t *testing.T) {
	t.Parallel()
	var probes, lose atomic.Int32
	s := enginetest.NewScriptedRADIUS(t, testSecret, func(q *enginetest.Query) {
		switch {
		case isStatus(q):
			probes.Add(1)
		case lose.Add(-1) < 0:
			q.Send(q.Answer(radius.AccessAccept))
		}
	})
	c := openTest(t, New(Options{ProbeInterval: 5 * time.Millisecond, ReviveAfter: 10 * time.Millisecond}), scriptedServer(s, 100*time.Millisecond, 3))
	ask := func(times int) (err error) {
		for range times {
			_, err = c.Exchange(t.Context(), login(avptest.New()))
		}
		return err
	}
	lose.Store(4)
	if err := ask(1); err == nil {
		t.Fatal("silence was an answer")
	}
	eventually(t, "probes", func() bool { return probes.Load() >= engines.FailuresToDead+1 })
	if got := c.Health().State(); got != engines.Zombie {
		t.Errorf("%v by probes that it does not know", got)
	}
	if err := ask(engines.AnswersToAlive); err != nil || c.Health().State() != engines.Alive {
		t.Errorf("%v, %v", err, c.Health().State())
	}
	for range engines.FailuresToDead {
		c.failing()
	}
	eventually(t, "usable again", c.Health().Usable)
	if err := ask(engines.AnswersToAlive); err != nil || c.Health().State() != engines.Alive {
		t.Errorf("%v, %v", err, c.Health().State())
	}
}

// Once a server has answered a Status-Server, its silence to the next is one.
func TestServerWithStatusServer(t *testing.T) {
	t.Parallel()
	var answered atomic.Bool
	s := enginetest.NewScriptedRADIUS(t, testSecret, func(q *enginetest.Query) {
		if isStatus(q) && answered.CompareAndSwap(false, true) {
			q.Send(q.Answer(radius.AccessAccept))
		}
	})
	c := openTest(t, New(Options{ProbeInterval: 5 * time.Millisecond}), scriptedServer(s, 20*time.Millisecond, 0))
	c.failing()
	eventually(t, "dead by unanswered probes", func() bool { return !c.Health().Usable() })
	if !answered.Load() {
		t.Error("before it had answered one")
	}
}

// With the server's recovery, and with the Client, all that makes a dead server usable again ends.
func TestReviveEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*client){
		"alive": func(c *client) {
			for range engines.AnswersToAlive {
				c.succeeded()
			}
		},
		"retired":                     (*client).Retire,
		"retired, though it is asked": func(c *client) { c.Retire(); c.failing() },
	} {
		synctest.Test(t, func(t *testing.T) {
			opened, err := New(Options{}).Open(engines.Config{Server: aaa.Server{
				Address: "192.0.2.1", Port: 1812, Secret: aaa.NewSecret("s"), HealthCheck: aaa.HealthCheck{Type: "time"},
			}})
			if err != nil {
				t.Fatal(err)
			}
			c := opened.(*client)
			kill := func(failure func()) {
				for range engines.FailuresToDead {
					failure()
				}
				time.Sleep(time.Hour)
			}
			if kill(c.failing); !c.Health().Usable() {
				t.Errorf("%s: dead for good", name)
			}
			end(c)
			if kill(func() { c.Health().Failure() }); c.Health().Usable() {
				t.Errorf("%s: something is left that makes it usable", name)
			}
		})
	}
}

// A probe gives its identifier back, though it would wait for an hour more.
func TestRetireCancelsProbe(t *testing.T) {
	t.Parallel()
	s := enginetest.NewScriptedRADIUS(t, testSecret, func(*enginetest.Query) {})
	c := openTest(t, New(Options{ProbeInterval: time.Millisecond}), scriptedServer(s, time.Hour, 0))
	c.failing()
	s.Wait(t, 1)
	c.Retire()
	eventually(t, "no identifier taken", func() bool { return c.places.Load().TryAcquire(int64(c.engine.opts.MaxInFlight)) })
	if got := c.Health().State(); got != engines.Zombie {
		t.Errorf("%v: a probe that was cancelled tells nothing", got)
	}
}
