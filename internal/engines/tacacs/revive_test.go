package tacacs

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/tacacs"
)

// TestHealth: ERROR is a server that can't answer; it is tried again by time or by a test user.
func TestHealth(t *testing.T) {
	t.Parallel()
	for _, probe := range []bool{false, true} {
		var mu sync.Mutex
		well := false
		p := script(t, func(b tacacs.Body) tacacs.Body {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case !well:
				return &tacacs.AuthenReply{Status: tacacs.AuthenError, ServerMsg: "hush"}
			case b.(*tacacs.AuthenStart).User == "probe":
				return &tacacs.AuthenReply{Status: tacacs.AuthenFail}
			default:
				return &tacacs.AuthenReply{Status: tacacs.AuthenPass}
			}
		})
		c := open(t, p.peer, EngineOptions{ReviveAfter: 5 * time.Millisecond, ProbeInterval: 5 * time.Millisecond}, func(s *aaa.Server) {
			if probe {
				s.HealthCheck = aaa.HealthCheck{Type: "user", Username: "probe", Password: aaa.NewSecret("p")}
			}
		})
		for range engines.FailuresToDead {
			_, err := c.Exchange(t.Context(), request(t, aaa.Authn, "user=bob", "password=p"))
			fails(t, "ERROR", err, engines.ServerError, errStatus)
		}
		eventually(t, "dead", func() bool { return p.count() >= 3 })
		mu.Lock()
		well = true
		mu.Unlock()
		eventually(t, "usable", c.Health().Usable)
		if !probe {
			for range engines.AnswersToAlive {
				ask(t, c, aaa.Authn, "user=bob", "password=p")
			}
		}
		eventually(t, "alive", func() bool { return c.Health().State() == engines.Alive })
	}
}

func openUnused(t *testing.T, opts EngineOptions, check aaa.HealthCheck) *client {
	t.Helper()
	c, err := New(opts).Open(engines.Config{Server: aaa.Server{
		Address: "192.0.2.1", Port: 49, Secret: aaa.NewSecret(testSecret), Timeout: 3_600_000, HealthCheck: check,
	}})
	if err != nil {
		t.Fatal(err)
	}
	return c.(*client)
}

// TestReviveEnds: with the server's recovery, and with the Client, all that makes a dead server usable again ends.
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
			c := openUnused(t, EngineOptions{}, aaa.HealthCheck{})
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

// TestRetireCancelsProbe: a login of the test user ends, and tells nothing of the server.
func TestRetireCancelsProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var dialling, dialled atomic.Int32
		c := openUnused(t, EngineOptions{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			dialled.Add(1)
			dialling.Add(1)
			defer dialling.Add(-1)
			<-ctx.Done()
			return nil, ctx.Err()
		}}, aaa.HealthCheck{Type: "user", Username: "probe", Password: aaa.NewSecret("p")})
		c.failing()
		time.Sleep(time.Minute)
		if dialling.Load() != 1 || dialled.Load() != 1 {
			t.Fatalf("%d of %d probes under way", dialling.Load(), dialled.Load())
		}
		c.Retire()
		synctest.Wait()
		if dialling.Load() != 0 || c.Health().State() != engines.Zombie {
			t.Errorf("%d probes under way, %v", dialling.Load(), c.Health().State())
		}
		time.Sleep(time.Hour)
		if dialled.Load() != 1 {
			t.Error("a retired client probes")
		}
	})
}

// TestSilenceBeforeTheTimeout: a server is dead by its silence, though no caller waits for the end of
// its first timeout; those who hardly wait at all tell nothing of it.
func TestSilenceBeforeTheTimeout(t *testing.T) {
	t.Parallel()
	for wait, want := range map[time.Duration]engines.State{1010 * time.Millisecond: engines.Dead, 990 * time.Millisecond: engines.Alive} {
		synctest.Test(t, func(t *testing.T) {
			network := newPipes()
			p := startPeer(t, &peer{Secret: testSecret, Quiet: true, Listener: network}, func(l *link) {
				for range l.Requests() { // and not a word
				}
			})
			c := open(t, p, EngineOptions{Dial: network.Dial})
			for range engines.FailuresToDead {
				ctx, cancel := context.WithTimeout(t.Context(), wait)
				if _, err := c.Exchange(ctx, request(t, aaa.Authn, "user=bob", "password=p")); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v", err)
				}
				cancel()
			}
			if got := c.Health().State(); got != want {
				t.Errorf("%v after %v of silence, %d times", got, wait, engines.FailuresToDead)
			}
		})
	}
}
