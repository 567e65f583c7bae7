package radius

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/limits"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp/avptest"
)

// An answer that comes in the moment when its request is given up is taken.
func TestAnswerInTheLastMoment(t *testing.T) {
	t.Parallel()
	for name, giveUp := range map[string]func(cancel func()){
		"the caller goes":  func(cancel func()) { cancel() },
		"the last timeout": func(func()) { time.Sleep(5 * time.Millisecond) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := enginetest.NewScriptedRADIUS(t, testSecret, func(q *enginetest.Query) { q.Send(q.Answer(radius.AccessAccept)) })
			e, sent := New(Options{}), func() {}
			with(e, func(w wire) wire { return hooked{w, &sent} })
			c := openTest(t, e, scriptedServer(s, time.Hour, 0))
			for range 30 { // with both to choose from, a select is right every other time
				p := e.pendings.Get().(*pending)
				p.key = c.key
				if err := p.build(login(avptest.New()), c.key, time.Now()); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				sent = func() {
					for !p.ended.Load() {
						runtime.Gosched()
					}
					giveUp(cancel)
				}
				if _, blame, err := c.exchange(ctx, p, time.Millisecond, 0); err != nil || blame || p.reply.Octets() == nil {
					t.Fatalf("%v, blame %v, reply %x", err, blame, p.reply)
				}
				cancel()
				c.finish(p)
			}
		})
	}
}

// A request that a limit holds back, or whose packet can't be made anew, may be ended by the network at the same moment: then it
// waits to be woken, else the next request in its memory would be, without an answer.
func TestTroubleInTheLastMoment(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(c *client, p *pending){
		"held back": func(_ *client, p *pending) {
			p.allow = &limits.Allowance{}
			p.allow.Begin(limits.NewAccount("a"), 0)
			p.wake()
		},
		"no random numbers": func(c *client, p *pending) {
			c.previous = radius.NewKey([]byte("another"))
			p.source, p.left = wakes{p}, 0
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, c := scripted(t, time.Hour, 1, func(*enginetest.Query) {})
			p := newPending(rand.Reader)
			p.req, p.key = login(avptest.New()), c.key
			if err := p.build(p.req, p.key, time.Now()); err != nil {
				t.Fatal(err)
			}
			p.claim() // as fail does, which wakes it later
			p.err = syscall.ECONNREFUSED
			prepare(c, p)
			if _, _, err := c.exchange(t.Context(), p, time.Millisecond, 1); err == nil {
				t.Error("no error")
			}
			if len(p.done) != 0 {
				t.Error("what wakes it is left for the next request")
			}
			c.release(p)
		})
	}
}

// wakes is a source of random numbers that fails, and wakes a request.
type wakes struct{ p *pending }

func (w wakes) Read([]byte) (int, error) {
	w.p.wake()
	return 0, io.ErrUnexpectedEOF
}

// A server is dead by its silence, though no caller waits for the end of its first timeout.
func TestSilenceBeforeTheTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for patience, want := range map[time.Duration]engines.State{
			1001 * time.Millisecond: engines.Dead,
			999 * time.Millisecond:  engines.Alive, // impatient callers say nothing about the server
		} {
			e := New(Options{})
			e.sockets.open = newVoid
			c := openTest(t, e, aaa.Server{
				Address: "192.0.2.1", Port: 1812, Secret: aaa.NewSecret("s"), Timeout: int(time.Hour.Milliseconds()), Retries: 3,
				HealthCheck: aaa.HealthCheck{Type: "time"},
			})
			var wg sync.WaitGroup
			for range engines.FailuresToDead {
				wg.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), patience)
					defer cancel()
					if _, err := c.Exchange(ctx, login(avptest.New())); !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("%v", err)
					}
				})
			}
			wg.Wait()
			if got := c.Health().State(); got != want {
				t.Errorf("%v after %d times %v of silence", got, engines.FailuresToDead, patience)
			}
		}
	})
}

// What the wait for an identifier takes, the attempts do not.
func TestWaitingTakesAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const timeout, retries = 2 * time.Second, 3
		e := New(Options{})
		e.sockets.open = newVoid
		for waited, attempts := range map[time.Duration]int{0: 4, 5 * time.Second: 2, 8*time.Second - 1: 1} {
			c := openTest(t, e, aaa.Server{ // one each, since after a failure probes take identifiers as well
				Address: "192.0.2.1", Port: 1812, Secret: aaa.NewSecret("s"), Timeout: int(timeout.Milliseconds()), Retries: retries,
			})
			c.places.Store(semaphore.NewWeighted(1))
			c.places.Load().TryAcquire(1)
			start := time.Now()
			time.AfterFunc(waited, func() { c.places.Load().Release(1) })
			_, err := c.Exchange(context.Background(), login(avptest.New()))
			var f *engines.Failure
			if !errors.As(err, &f) || f.Reason != engines.NoAnswer || f.Attempts != attempts {
				t.Errorf("after %v: %+v, want %d attempts", waited, err, attempts)
			}
			if d := time.Since(start); d > (retries+2)*timeout*11/10 {
				t.Errorf("after %v: took %v", waited, d)
			}
		}
	})
}

// The wait for an identifier ends, though the caller would wait for ever.
func TestFullServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		opened, err := New(Options{}).Open(engines.Config{Server: aaa.Server{
			Address: "192.0.2.1", Port: 1812, Secret: aaa.NewSecret("s"), Timeout: 2000, Retries: 3,
		}})
		if err != nil {
			t.Fatal(err)
		}
		c := opened.(*client)
		c.places.Store(semaphore.NewWeighted(0))
		start := time.Now()
		_, err = c.Exchange(context.Background(), login(avptest.New()))
		var f *engines.Failure
		if !errors.As(err, &f) || f.Reason != engines.NoAnswer || f.Attempts != 0 || !errors.Is(err, errFull) {
			t.Errorf("%v", err)
		}
		if d := time.Since(start); d != 8*time.Second {
			t.Errorf("after %v", d)
		}
		if c.Health().State() != engines.Alive {
			t.Error("this request tells nothing of the server")
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := c.Exchange(ctx, login(avptest.New())); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the caller's deadline: %v", err)
		}
	})
}
