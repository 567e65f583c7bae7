package gateway

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/secmod"
	"aaa-api/internal/spool"
	"aaa-api/internal/store"
)

// clock stands still unless it is told.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

// newKeeping is a fixture with the Spool of the service, which delivers until the test ends.
func newKeeping(t *testing.T) (*fixture, *clock) {
	t.Helper()
	c := &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	f := newFixture(t, func(o *Options) { o.Now = c.now })
	s := spool.New(spool.Options{
		Store: f.store.Spool(), Vault: f.gateway.vault.(*secmod.Vault), Deliver: f.gateway.Deliver, Width: f.gateway.Width,
		Limits: f.tenants.Limits, Node: "a", Now: c.now, Log: slog.New(slog.DiscardHandler),
	})
	f.gateway.spool = s
	ctx, cancel := context.WithCancel(f.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return f, c
}

// counts is the ledger of the customer.
func (f *fixture) counts() store.SpoolCounts {
	f.t.Helper()
	c, err := f.store.Spool().Counts(f.ctx, f.ids["customer"])
	f.must(err)
	return c
}

// delivered waits until nothing of the customer waits any more, and returns how many records were delivered.
func (f *fixture) delivered() int64 {
	f.t.Helper()
	enginetest.Eventually(f.t, "delivery", func() bool {
		c := f.counts()
		return c.Waiting == 0 && c.Acknowledged == c.Delivered+c.Parked+c.Replaced
	})
	return f.counts().Delivered
}

// deliveredOn is delivered for records that were tried before: an attempt that was under way when the clock was set counts from then, so
// the clock goes on.
func (f *fixture) deliveredOn(c *clock) int64 {
	f.t.Helper()
	done := make(chan struct{})
	var ticking sync.WaitGroup
	ticking.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(time.Second):
				c.set(c.now().Add(time.Minute))
			}
		}
	})
	defer ticking.Wait()
	defer close(done)
	return f.delivered()
}

// send sends an accounting request of the customer.
func (f *fixture) send(values aaa.Values, stored bool) *aaa.Result {
	f.t.Helper()
	res, err := f.gateway.Handle(f.ctx, &aaa.Request{ID: "r", Account: f.ids["customer"], Op: aaa.Accounting, Values: values, Stored: stored})
	f.must(err)
	return res
}

// TestTimeOfTheEvent: a record of the time T with a delay of 10 s that is delivered at T + 100 s says T and 100, however the document
// names the two, and also where it has rules for neither.
func TestTimeOfTheEvent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rules  []string
		values func(at int64) aaa.Values
		event  string // how the rules' attributes say it; empty: the engine is told
	}{
		"by rules": {
			[]string{"when", "Event-Timestamp", "late", "Acct-Delay-Time"},
			func(at int64) aaa.Values { return aaa.Values{"when": number(at), "late": number(10)} }, "2026-03-01T11:59:50Z",
		},
		"a delay alone": {
			[]string{"when", "Event-Timestamp", "late", "Acct-Delay-Time"},
			func(int64) aaa.Values { return aaa.Values{"late": number(10)} }, "2026-03-01T11:59:50Z",
		},
		"without rules": {
			nil, func(at int64) aaa.Values {
				return aaa.Values{"Event-Timestamp": number(at), "Acct-Delay-Time": number(10)}
			}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, clock := newKeeping(t)
			f.put("customer", f.acctDoc("", "one", append([]string{"User-Name", "User-Name"}, c.rules...)...))
			at := clock.now().Add(-10 * time.Second)
			f.engine.set("one", silent)
			values := c.values(at.Unix())
			values["User-Name"] = "bob"
			if res := f.send(values, false); res.Outcome != aaa.Stored || res.Reason == "" {
				t.Fatalf("%+v", res)
			}
			clock.set(at.Add(100 * time.Second))
			f.engine.set("one", nil)
			if n := f.delivered(); n != 1 {
				t.Fatalf("%d are delivered", n)
			}
			sent, req := f.sent(), f.engine.last()
			if c.event == "" {
				if !req.Happened.Equal(at) || sent["Event-Timestamp"] != nil || sent["Acct-Delay-Time"] != nil {
					t.Errorf("it says %v, %v", req.Happened, sent)
				}
			} else if sent["Event-Timestamp"] != c.event || sent["Acct-Delay-Time"] != "100" {
				t.Errorf("it says %v", sent)
			}
		})
	}
}

// TestSessionWithoutItsServer: a session begins, goes on and ends while no server takes its accounting, and the server gets all of it in
// order once it is back.
func TestSessionWithoutItsServer(t *testing.T) {
	t.Parallel()
	f, clock := newKeeping(t)
	f.put("customer", sessionDoc(t, `"local_interim_update_interval": 30`))
	id := f.ids["customer"]
	var mu sync.Mutex
	away, statuses := true, []string{}
	f.engine.set("one", func(req *engines.Request) (*engines.Reply, error) {
		if req.Op != aaa.Accounting {
			return &engines.Reply{Outcome: aaa.Accept, Attempts: 1}, nil
		}
		mu.Lock()
		defer mu.Unlock()
		if away {
			return silent(req)
		}
		for i := range req.AVPs {
			if a := &req.AVPs[i]; a.Attr.Name == "Acct-Status-Type" {
				statuses = append(statuses, map[byte]string{1: "Start", 2: "Stop", 3: "Interim"}[a.Value[3]])
			}
		}
		return &engines.Reply{Outcome: aaa.Accept, Attempts: 1}, nil
	})
	a, err := f.gateway.StartSession(f.ctx, &aaa.Request{Account: id, Values: aaa.Values{"login": "alice", "code": "w"}})
	f.must(err)
	b, err := f.gateway.OpenSession(f.ctx, id, a.SID, nil)
	if err != nil || b.Result != aaa.SessionOpened {
		t.Fatalf("OPEN answers %+v, %v", b, err)
	}
	for n := range int64(2) {
		clock.set(clock.now().Add(30 * time.Second))
		f.runSessionsUntil("an Interim", func() bool { return f.counts().Acknowledged == 2+n })
	}
	_, err = f.gateway.CloseSession(f.ctx, id, a.SID, "", aaa.Usage{}, nil)
	f.must(err)
	c := f.counts()
	if c.Waiting != 3 || c.Acknowledged != 4 || c.Replaced != 1 {
		t.Errorf("%+v", c)
	}
	mu.Lock()
	away = false
	mu.Unlock()
	clock.set(clock.now().Add(time.Minute))
	if n := f.deliveredOn(clock); n != 3 {
		t.Errorf("%d are delivered", n)
	}
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff([]string{"Start", "Interim", "Stop"}, statuses); diff != "" {
		t.Errorf("in the order (-want +got):\n%s", diff)
	}
}

// TestAccountingOn: an Accounting-On without a User-Name is stored, closes the sessions of its NAS and is delivered, and so are their Stops.
func TestAccountingOn(t *testing.T) {
	t.Parallel()
	f, clock := newKeeping(t)
	rules := []string{"User-Name", "User-Name", "NAS-IP-Address", "NAS-IP-Address", "Acct-Status-Type", "Acct-Status-Type"}
	f.put("customer", f.acctDoc("", "one", rules...))
	id := f.ids["customer"]
	a, err := f.gateway.StartSession(f.ctx, &aaa.Request{Account: id, Values: aaa.Values{"User-Name": "alice", "User-Password": "w", "NAS-IP-Address": "192.0.2.1"}})
	f.must(err)
	_, err = f.gateway.OpenSession(f.ctx, id, a.SID, nil)
	f.must(err)
	clock.set(clock.now().Add(time.Minute))
	if res := f.send(aaa.Values{"Acct-Status-Type": "Accounting-On", "NAS-IP-Address": "192.0.2.1"}, true); res.Outcome != aaa.Stored {
		t.Fatalf("%+v", res)
	}
	enginetest.Eventually(t, "the end of the session", func() bool { return f.counts().Acknowledged >= 3 })
	if n := f.deliveredOn(clock); n != 3 {
		t.Errorf("%d are delivered", n)
	}
	if s, err := f.gateway.Session(f.ctx, id, a.SID); err != nil || s.Open || s.Cause != "NAS-Reboot" {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestNotAcknowledged: what the caller is told is not taken leaves nothing in the store.
func TestNotAcknowledged(t *testing.T) {
	t.Parallel()
	f, _ := newKeeping(t)
	f.put("customer", f.acctDoc("", "one", "User-Name", "User-Name", "when", "Event-Timestamp"))
	f.engine.set("one", rejects)
	if res := f.send(aaa.Values{"User-Name": "bob"}, false); res.Outcome != aaa.Reject {
		t.Errorf("%+v", res)
	}
	for _, stored := range []bool{false, true} {
		_, err := f.gateway.Handle(f.ctx, &aaa.Request{Account: f.ids["customer"], Op: aaa.Accounting, Values: aaa.Values{"when": "soon"}, Stored: stored})
		if aaa.KindOf(err) != aaa.KindBadInput {
			t.Errorf("bad input is answered by %v", err)
		}
	}
	if c := f.counts(); c != (store.SpoolCounts{}) {
		t.Errorf("%+v", c)
	}
}
