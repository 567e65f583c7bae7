package conns

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/tacacs"
)

// soakSessions is how many sessions TestNothingIsLeft has: AAA_API_TACACS_SOAK, else a few.
func soakSessions(t *testing.T) int {
	n := 3000
	if s := os.Getenv("AAA_API_TACACS_SOAK"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// descriptors is how many this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// TestNothingIsLeft: after many sessions, one of a hundred of which gets no answer, neither goroutine,
// map entry, timer nor descriptor is left; in both modes. It does not run beside others, whose
// goroutines it would count.
func TestNothingIsLeft(t *testing.T) {
	for name, single := range map[string]bool{"shared": true, "a connection each": false} {
		t.Run(name, func(t *testing.T) {
			goroutines, files := runtime.NumGoroutine(), descriptors(t)
			n := soakSessions(t)
			if !single {
				n /= 10
			}
			func() {
				p := startPeer(t, &peer{Secret: testSecret, Quiet: true}, sometimesSilent)
				defer p.Stop()
				m, err := NewManager(p.Listener.Addr().String(), Secrets{Current: aaa.NewSecret(testSecret)},
					Options{NoSingleConnect: !single, ReplyTimeout: 10 * time.Second})
				if err != nil {
					t.Fatal(err)
				}
				var unanswered atomic.Int32
				var wg sync.WaitGroup
				todo := make(chan int)
				for range 32 {
					wg.Go(func() {
						for i := range todo {
							a := acct()
							ctx, cancel := context.WithCancel(context.Background())
							if i%100 == 0 {
								a.User = "nobody"
								cancel()
								ctx, cancel = context.WithTimeout(context.Background(), 5*time.Millisecond)
							}
							err := m.Exchange(ctx, a, new(tacacs.AcctReply))
							cancel()
							switch {
							case i%100 == 0 && errors.Is(err, context.DeadlineExceeded):
								unanswered.Add(1)
							case i%100 != 0 && err == nil:
							default:
								t.Errorf("session %d: %v", i, err)
							}
						}
					})
				}
				for i := range n {
					todo <- i
				}
				close(todo)
				wg.Wait()
				if int(unanswered.Load()) != (n+99)/100 {
					t.Errorf("%d unanswered", unanswered.Load())
				}
				if s := m.Stats(); s.Sessions != 0 || s.Strays != 0 || s.Tombstones > 4*maxTombstones {
					t.Errorf("%+v", s)
				}
				m.Retire()
				if s := m.Stats(); s != (Stats{}) {
					t.Errorf("after Retire %+v", s)
				}
			}()
			eventually(t, "the goroutines' end", func() bool { return runtime.NumGoroutine() <= goroutines })
			eventually(t, "the descriptors' end", func() bool { return descriptors(t) <= files })
		})
	}
}

// sometimesSilent answers all but requests for nobody.
func sometimesSilent(l *link) {
	for h, body := range l.Requests() {
		if a, ok := body.(*tacacs.AcctRequest); ok && a.User == "nobody" {
			continue
		}
		l.Send(h.Answer(h.Flags), pass(body))
	}
}

// TestUnusedCostsNothing: a Manager that nobody used has no goroutine and little memory.
func TestUnusedCostsNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	var m *Manager
	if n := testing.AllocsPerRun(100, func() {
		m, _ = NewManager("192.0.2.1:49", Secrets{Current: aaa.NewSecret("x")}, Options{})
	}); n > 6 {
		t.Errorf("%v allocations", n)
	}
	if runtime.NumGoroutine() > before || m.Stats() != (Stats{}) {
		t.Error("a new manager is not empty")
	}
}
