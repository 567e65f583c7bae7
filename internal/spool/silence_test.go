package spool

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// TestSilence: a server is silent for longer than any timer, and back. The first record is taken within a second of the first good probe, the
// others right after, and with no probe within a second, too. Meanwhile records go out one by one.
func TestSilence(t *testing.T) {
	t.Parallel()
	for _, probed := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			var back time.Time
			answers := func(string, *Record) (*aaa.Result, error) {
				time.Sleep(10 * time.Millisecond)
				return accepted, nil
			}
			w.server(answers)
			s, stop := w.run(w.options("one"))
			w.put("a", store.SpoolStart, "before")
			time.Sleep(2 * time.Second) // it answers
			w.server(func(string, *Record) (*aaa.Result, error) {
				time.Sleep(9 * time.Second)
				return silence()
			})
			for n := range 200 {
				w.put("a", store.SpoolStart, fmt.Sprint("session", n))
			}
			time.Sleep(time.Hour)
			tried := 0
			w.mu.Lock()
			for _, began := range w.began {
				tried += len(began)
			}
			w.mu.Unlock()
			if tried < 3500 || tried > 7800 { // 0.5 to 1 s apart
				t.Errorf("a silent server is tried %d times in an hour", tried)
			}
			w.server(func(node string, r *Record) (*aaa.Result, error) {
				w.mu.Lock()
				if back.IsZero() {
					back = time.Now()
				}
				w.mu.Unlock()
				return answers(node, r)
			})
			began := time.Now()
			if probed {
				s.Answers("a")
				s.Answers("other")
			}
			time.Sleep(2 * time.Second)
			w.mu.Lock()
			if first := back.Sub(began); back.IsZero() || first > time.Second {
				t.Errorf("the first record goes out %v after the server is back", first)
			}
			w.mu.Unlock()
			time.Sleep(10 * time.Second)
			if c := w.balanced("a"); c.Waiting > 0 {
				t.Errorf("some wait still: %+v", c)
			}
			if w.log.count("records are not taken") != 1 || w.log.count("records are taken again") != 1 {
				t.Errorf("the log:\n%s", w.log.b.String())
			}
			stop()
		})
	}
}

// TestNeverAnswered: the server of an account never answered. It is tried ever more rarely, until a probe finds it or somebody sends the records
// again.
func TestNeverAnswered(t *testing.T) {
	t.Parallel()
	for name, tell := range map[string]func(*Spool){
		"a probe": func(s *Spool) { s.Answers("parent") },
		"by hand": func(s *Spool) { s.Resent("a") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			neverAnswered(t, tell)
		})
	}
}

func neverAnswered(t *testing.T, tell func(*Spool)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.server(func(string, *Record) (*aaa.Result, error) {
			time.Sleep(6 * time.Second)
			return silence()
		})
		o := w.options("one")
		o.Within = func(_ context.Context, ancestor, account aaa.AccountID) (bool, error) {
			return ancestor == "parent" && account == "a", nil
		}
		s, stop := w.run(o)
		var ids []string
		for n := range 20 {
			ids = append(ids, w.put("a", store.SpoolStart, fmt.Sprint("session", n)))
		}
		tries := func() (n int) {
			for _, id := range ids {
				n += len(w.tries(id))
			}
			return n
		}
		time.Sleep(10 * time.Minute)
		before := tries()
		time.Sleep(time.Hour)
		if n := tries() - before; n < 50 || n > 60 {
			t.Errorf("it is tried %d times in an hour", n)
		}
		w.server(func(string, *Record) (*aaa.Result, error) { return accepted, nil })
		tell(s)
		time.Sleep(time.Second)
		if n := len(w.delivered()); n < 19 { // one may be at the silent server still
			t.Errorf("%d records are taken at once", n)
		}
		stop()
	})
}

// TestPoison: one record of a thousand is never answered. The others are taken in time, and so are those that come later. That one is tried ever
// more rarely, parked when its time is over, and shown with its last attempts.
func TestPoison(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var poison string
		w.server(func(_ string, r *Record) (*aaa.Result, error) {
			if r.ID == poison {
				time.Sleep(30 * time.Second)
				return silence()
			}
			time.Sleep(10 * time.Millisecond)
			return accepted, nil
		})
		for n := range 1000 {
			id := w.put("a", store.SpoolStart, fmt.Sprint("session", n))
			if n == 10 {
				poison = id
			}
		}
		_, stop := w.run(w.options("one"))
		time.Sleep(2 * time.Second)
		if n := len(w.delivered()); n != 999 {
			t.Errorf("%d records are taken in two seconds", n)
		}
		slowest := time.Duration(0)
		for end := time.Now().Add(25 * time.Hour); time.Now().Before(end); {
			began := time.Now()
			id := w.put("a", store.SpoolStop, fmt.Sprint("later", w.next))
			time.Sleep(10 * time.Second)
			if tries := w.tries(id); len(tries) != 1 || tries[0].Sub(began) > slowest {
				slowest = tries[0].Sub(began)
			}
		}
		if slowest > 1100*time.Millisecond { // a look, and the way to it: nobody wakes the node here
			t.Errorf("a record beside it waits for %v", slowest)
		}
		stop()
		r := w.rows.get(poison)
		if r == nil || r.State != store.SpoolParked || len(r.Attempts) != store.MaxSpoolAttempts {
			t.Fatalf("the record is %+v", r)
		}
		if last := r.Attempts[len(r.Attempts)-1]; !strings.HasPrefix(last.Reason, "no server took it within 24h0m0s; last: no AAA server answered: main: silent") || last.Server != "main" || last.Node != "one" {
			t.Errorf("the last attempt is %+v", last)
		}
		if after := r.ParkedAt.Sub(r.ReceivedAt); after < 24*time.Hour || after > 24*time.Hour+20*time.Minute {
			t.Errorf("it is parked after %v", after)
		}
		if n := len(w.tries(poison)); n < 90 || n > 130 { // every 15 min, more often at first
			t.Errorf("it is tried %d times", n)
		}
		if w.log.count("is parked")+w.log.count("were parked") != 1 {
			t.Errorf("the log:\n%s", w.log.b.String())
		}
	})
}

// TestQuietPoison: a record that is never answered, of an account that has few others. Each of them goes out within a second, whatever time the
// attempts of that one take.
func TestQuietPoison(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.server(func(_ string, r *Record) (*aaa.Result, error) {
			if r.Session == "poison" {
				time.Sleep(30 * time.Second)
				return silence()
			}
			return accepted, nil
		})
		_, stop := w.run(w.options("one"))
		w.put("a", store.SpoolStart, "first")
		time.Sleep(time.Second)
		w.put("a", store.SpoolStart, "poison")
		for range 50 {
			time.Sleep(7 * time.Minute)
			began := time.Now()
			id := w.put("a", store.SpoolStart, fmt.Sprint("session", w.next))
			time.Sleep(2 * time.Second)
			if tries := w.tries(id); len(tries) != 1 || tries[0].Sub(began) > 1100*time.Millisecond {
				t.Errorf("a record beside it is tried at %v, stored at %v", tries, began)
			}
		}
		stop()
	})
}
