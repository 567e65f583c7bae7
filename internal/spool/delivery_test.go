package spool

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"aaa-api/internal/aaa"
	"aaa-api/internal/claims"
	"aaa-api/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestOrder: two nodes on one store, a server that fails a third of all attempts, and many sessions whose records were stored in any order. Each
// record is taken once, and those of a session in their order.
func TestOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		dice := rand.New(rand.NewPCG(1, 2))
		w.server(func(string, *Record) (*aaa.Result, error) {
			w.mu.Lock()
			fails, wait := dice.IntN(3) == 0, time.Duration(dice.IntN(50))*time.Millisecond
			w.mu.Unlock()
			time.Sleep(wait)
			if fails {
				return silence()
			}
			return accepted, nil
		})
		want := make(map[string][]string)
		for n := range 60 {
			session := fmt.Sprint("session", n)
			kinds := []store.SpoolKind{store.SpoolStart, store.SpoolInterim, store.SpoolInterim, store.SpoolStop}
			var ids [4]string
			for _, k := range dice.Perm(4) {
				ids[k] = w.put("a", kinds[k], session)
			}
			if ids[1] > ids[2] {
				ids[1], ids[2] = ids[2], ids[1]
			}
			want[session] = ids[:]
		}
		_, one := w.run(w.options("one"))
		_, two := w.run(w.options("two"))
		time.Sleep(time.Minute)
		one()
		two()
		got := w.delivered()
		for session, ids := range want {
			if sent := slices.DeleteFunc(slices.Clone(got), func(id string) bool { return !slices.Contains(ids, id) }); !slices.Equal(sent, ids) {
				t.Errorf("%s is sent as %v, want %v", session, sent, ids)
			}
		}
		if c := w.balanced("a"); c.Delivered != 240 || c.Waiting != 0 {
			t.Errorf("the ledger: %+v", c)
		}
	})
}

// TestLeaseTakenOver: a node falls with a record in hand. Another one sends it when the lease is over, and the fallen one's word, should it come
// after all, counts.
func TestLeaseTakenOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		hang := make(chan struct{})
		w.server(func(node string, _ *Record) (*aaa.Result, error) {
			if node == "falls" {
				<-hang
			}
			return accepted, nil
		})
		_, fallen := w.run(w.options("falls"))
		began := time.Now()
		id := w.put("a", store.SpoolStop, "session")
		time.Sleep(2 * time.Second)
		_, stop := w.run(w.options("other"))
		time.Sleep(leaseTime - 5*time.Second)
		if n := len(w.tries(id)); n != 1 {
			t.Errorf("a leased record is tried %d times", n)
		}
		time.Sleep(10 * time.Second)
		if tries := w.tries(id); len(tries) != 2 || tries[1].Sub(began) > leaseTime+2*time.Second {
			t.Errorf("it is tried at %v", tries)
		}
		stop()
		close(hang)
		fallen()
		if c := w.balanced("a"); c.Delivered != 1 {
			t.Errorf("the ledger: %+v", c)
		}
	})
}

// TestPanic: an attempt that panics is one that came to nothing. The log has the place, and no one else sees it.
func TestPanic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		panics := true
		w.server(func(string, *Record) (*aaa.Result, error) {
			if panics {
				panic("in an action")
			}
			return accepted, nil
		})
		_, stop := w.run(w.options("one"))
		id := w.put("a", store.SpoolStop, "session")
		time.Sleep(1500 * time.Millisecond)
		r := w.rows.get(id)
		if r == nil || len(r.Attempts) == 0 || r.Attempts[0].Reason != "an internal error, which the log tells" || w.log.count("in an action") == 0 {
			t.Errorf("the record: %+v\n%s", r, w.log.b.String())
		}
		w.mu.Lock()
		panics = false
		w.mu.Unlock()
		time.Sleep(time.Minute)
		stop()
		if c := w.balanced("a"); c.Delivered != 1 {
			t.Errorf("the ledger: %+v", c)
		}
	})
}

// TestSettleStoreAway: the store goes away while records are at their server. Their outcomes are written when it is back, and none goes out twice.
func TestSettleStoreAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.server(func(string, *Record) (*aaa.Result, error) {
			time.Sleep(3 * time.Second)
			return accepted, nil
		})
		var ids []string
		for n := range 4 {
			ids = append(ids, w.put("a", store.SpoolStart, fmt.Sprint("session", n)))
		}
		_, stop := w.run(w.options("one"))
		time.Sleep(2 * time.Second)
		w.rows.set(func() { w.rows.away = true })
		time.Sleep(20 * time.Second)
		w.rows.set(func() { w.rows.away = false })
		time.Sleep(2 * time.Second)
		if c := w.balanced("a"); c.Delivered != 4 {
			t.Errorf("two seconds after the store is back: %+v", c)
		}
		for _, id := range ids {
			if n := len(w.tries(id)); n != 1 {
				t.Errorf("%s goes out %d times", id, n)
			}
		}
		stop()
	})
}

// TestSettlementRefused: the store refuses one outcome of a group. The others are written.
func TestSettlementRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.server(func(string, *Record) (*aaa.Result, error) {
			time.Sleep(time.Second)
			return accepted, nil
		})
		for n := range 4 {
			w.rows.refuse = w.put("a", store.SpoolStart, fmt.Sprint("session", n))
		}
		_, stop := w.run(w.options("one"))
		time.Sleep(5 * time.Second)
		stop()
		if c := w.balanced("a"); c.Delivered != 3 || c.Waiting != 1 || w.log.count("was not written") != 1 {
			t.Errorf("the ledger: %+v\n%s", c, w.log.b.String())
		}
	})
}

// TestStop: a node that stops sends what is at servers to its end and writes that, and gives back what has no turn. With the store away it does
// not wait for ever.
func TestStop(t *testing.T) {
	t.Parallel()
	for _, away := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.server(func(string, *Record) (*aaa.Result, error) {
				time.Sleep(5 * time.Second)
				return accepted, nil
			})
			for n := range 10 {
				w.put("a", store.SpoolStart, fmt.Sprint("session", n))
			}
			o := w.options("one")
			o.Width = func(aaa.AccountID) int { return 2 }
			_, stop := w.run(o)
			time.Sleep(time.Second)
			began := time.Now()
			w.rows.set(func() { w.rows.away = away })
			stop()
			took := time.Since(began)
			c := w.balanced("a")
			if !away && (c.Delivered != 2 || took > 5*time.Second) || took > 4*time.Second+lastSettle {
				t.Errorf("it stops after %v: %+v", took, c)
			}
			now := time.Now()
			for _, r := range w.rows.all() {
				if !away && r.Lease.Until.After(now) {
					t.Errorf("%s is not given back", r.ID)
				}
			}
		})
	}
}

// TestTurns: no more records of an account are at its servers at once than it may have there, and what is claimed and gets no turn in time is
// given back.
func TestTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var mu sync.Mutex
		at, most := 0, 0
		w.server(func(string, *Record) (*aaa.Result, error) {
			mu.Lock()
			at++
			most = max(most, at)
			mu.Unlock()
			time.Sleep(20 * time.Second)
			mu.Lock()
			at--
			mu.Unlock()
			return accepted, nil
		})
		for n := range 12 {
			w.put("a", store.SpoolStart, fmt.Sprint("session", n))
		}
		o := w.options("one")
		o.Width = func(aaa.AccountID) int { return 3 }
		_, stop := w.run(o)
		time.Sleep(turnTime + time.Second)
		leased := 0
		for _, r := range w.rows.all() {
			if r.Lease.Until.After(time.Now()) {
				leased++
			}
		}
		if leased > 4 { // three are there, and one more may be claimed again
			t.Errorf("%d are claimed", leased)
		}
		time.Sleep(5 * time.Minute)
		stop()
		if c := w.balanced("a"); c.Delivered != 12 || most != 3 {
			t.Errorf("%d were there at once: %+v", most, c)
		}
	})
}

// TestJudge: what becomes of a record, by what its attempt came to, directly and later.
func TestJudge(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		res             *aaa.Result
		err             error
		direct, claimed store.SpoolOutcome
		asked           claims.Outcome
		reason          string
	}{
		"accept":      {res: accepted, direct: store.SpoolDelivered, claimed: store.SpoolDelivered, asked: claims.Delivered},
		"bypassed":    {res: &aaa.Result{Outcome: aaa.Bypassed}, direct: store.SpoolDelivered, claimed: store.SpoolDelivered, asked: claims.Delivered},
		"reject":      {res: &aaa.Result{Outcome: aaa.Reject, Server: "main"}, direct: store.SpoolWithdrawn, claimed: store.SpoolRefused, asked: claims.Delivered, reason: "refused by the server main"},
		"off":         {res: &aaa.Result{Outcome: aaa.Off}, direct: store.SpoolWithdrawn, claimed: store.SpoolFailed, reason: "the account has no accounting server"},
		"bad input":   {err: aaa.Invalid(aaa.Field{Path: "k", Message: "too long"}), direct: store.SpoolWithdrawn, claimed: store.SpoolRefused, reason: "validation error: k: too long"},
		"not found":   {err: aaa.Errorf(aaa.KindNotFound, "no such account"), direct: store.SpoolWithdrawn, claimed: store.SpoolGone, reason: "no such account"},
		"no answer":   {err: aaa.Errorf(aaa.KindNoAnswer, "silent"), direct: store.SpoolFailed, claimed: store.SpoolFailed, asked: claims.Undelivered, reason: "silent"},
		"bad reply":   {err: aaa.Errorf(aaa.KindBadReply, "nonsense"), direct: store.SpoolFailed, claimed: store.SpoolFailed, asked: claims.Undelivered, reason: "nonsense"},
		"unavailable": {err: store.ErrUnavailable, direct: store.SpoolFailed, claimed: store.SpoolFailed, asked: claims.Undelivered, reason: "the database cannot be reached"},
		"busy":        {err: aaa.Errorf(aaa.KindBusy, "full"), direct: store.SpoolReleased, claimed: store.SpoolReleased, reason: "full"},
		"limited":     {err: aaa.Errorf(aaa.KindLimited, "at the limit"), direct: store.SpoolReleased, claimed: store.SpoolReleased, reason: "at the limit"},
		"unknown":     {err: errors.New("secret: hush"), direct: store.SpoolFailed, claimed: store.SpoolFailed, asked: claims.Undelivered, reason: "an internal error, which the log tells"},
		"internal":    {err: aaa.Errorf(aaa.KindInternal, "hush"), direct: store.SpoolFailed, claimed: store.SpoolFailed, asked: claims.Undelivered, reason: "an internal error, which the log tells"},
	} {
		if v := judge(c.res, c.err, true); v.outcome != c.direct {
			t.Errorf("%s, directly: %+v", name, v)
		}
		v := judge(c.res, c.err, false)
		if v.outcome != c.claimed || v.reason != c.reason || v.outcome != store.SpoolFailed && v.asked != c.asked {
			t.Errorf("%s: %+v", name, v)
		}
	}
	if s := brief(strings.Repeat("ü", mostReason)); len(s) > mostReason+len("…") || strings.ContainsRune(s, '\uFFFD') {
		t.Errorf("a long reason becomes %q", s)
	}
}

// TestRefused: what no attempt can mend is parked at once, and what its account left behind is dropped. The others of the session go on.
func TestRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.server(func(_ string, r *Record) (*aaa.Result, error) {
			switch {
			case r.Account == "gone":
				return nil, aaa.Errorf(aaa.KindNotFound, "no such account")
			case r.Kind == store.SpoolStart:
				return &aaa.Result{Outcome: aaa.Reject, Server: "main"}, nil
			}
			return accepted, nil
		})
		_, stop := w.run(w.options("one"))
		start, stopped := w.put("a", store.SpoolStart, "session"), w.put("a", store.SpoolStop, "session")
		w.put("gone", store.SpoolStop, "session")
		time.Sleep(3 * time.Second)
		stop()
		if r := w.rows.get(start); r == nil || r.State != store.SpoolParked || r.Attempts[0].Reason != "refused by the server main" || len(w.tries(start)) != 1 {
			t.Errorf("the Start is %+v", r)
		}
		if !slices.Contains(w.delivered(), stopped) {
			t.Error("the Stop behind it is not sent")
		}
		w.balanced("a")
		if c := w.balanced("gone"); c.Dropped != 1 || w.log.count("level=ERROR") != 1 {
			t.Errorf("the ledger of a deleted account: %+v\n%s", c, w.log.b.String())
		}
	})
}

// sealed is a vault that does not open what it made.
type sealed struct{ open }

func (sealed) Open(context.Context, aaa.AccountID, string, string) (aaa.Secret, error) {
	return aaa.Secret{}, errors.New("another key")
}

// TestUnopened: a record that this node can't open is kept, tried ever more rarely, and parked.
func TestUnopened(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		o := w.options("one")
		o.Vault = sealed{}
		_, stop := w.run(o)
		id := w.put("a", store.SpoolStop, "session")
		time.Sleep(time.Hour)
		if r := w.rows.get(id); r == nil || r.State != store.SpoolWaiting || r.Tries < 10 || r.Tries > 15 {
			t.Errorf("after an hour the record is %+v", r)
		}
		time.Sleep(24 * time.Hour)
		stop()
		if r := w.rows.get(id); r == nil || r.State != store.SpoolParked {
			t.Errorf("after a day the record is %+v", r)
		}
	})
}
