package spool

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// held stores a record with this node's lease, as intake does.
func (w *world) held(s *Spool, session string) *Held {
	r := w.stored("a", store.SpoolStop, session)
	r.Lease = s.lease(s.now())
	if _, err := w.rows.Append(w.t.Context(), []store.SpoolRecord{r}); err != nil {
		w.t.Fatal(err)
	}
	return &Held{s: s, settle: s.settle, stored: r, record: &Record{
		ID: r.ID, Account: r.Account, EventAt: r.EventAt.Add(-10 * time.Second),
		Body: Body{Values: aaa.Values{"u": "bob", "d": json.Number("10")}, DelayKey: "d"},
	}}
}

// TestAttempt: what the caller of a direct attempt learns, and what becomes of its record, is one thing.
func TestAttempt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		res    *aaa.Result
		err    error
		panics any
		kept   bool
		kind   aaa.Kind
	}{
		"accept":    {res: accepted},
		"reject":    {res: &aaa.Result{Outcome: aaa.Reject}},
		"off":       {res: &aaa.Result{Outcome: aaa.Off}},
		"bad input": {err: aaa.Invalid(aaa.Field{Path: "k"}), kind: aaa.KindBadInput},
		"no answer": {err: aaa.Errorf(aaa.KindNoAnswer, "silent"), kept: true, kind: aaa.KindNoAnswer},
		"busy":      {err: aaa.Errorf(aaa.KindBusy, "full"), kept: true, kind: aaa.KindBusy},
		"panic":     {panics: "hush", kept: true, kind: aaa.KindInternal},
		"unknown":   {err: errors.New("hush"), kept: true, kind: aaa.KindInternal},
		"nothing":   {kept: true, kind: aaa.KindInternal},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			s := New(w.options("one"))
			h := w.held(s, "session")
			ctx, gone := context.WithCancel(t.Context())
			res, kept, err := h.Attempt(ctx, func(ctx context.Context, values aaa.Values) (*aaa.Result, error) {
				gone() // the caller
				if ctx.Err() != nil || values["d"] != json.Number("10") {
					t.Errorf("%s: it runs with %v in %v", name, values, ctx.Err())
				}
				if c.panics != nil {
					panic(c.panics)
				}
				return c.res, c.err
			})
			if kept != c.kept || (err == nil) != (c.res != nil) || err != nil && aaa.KindOf(err) != c.kind || !kept && res != c.res {
				t.Errorf("%s: %v, kept %v, %v", name, res, kept, err)
			}
			var e *aaa.Error
			if err != nil && (!errors.As(err, &e) || e.Kind == aaa.KindInternal && e.Message != "an internal error, which the log tells") {
				t.Errorf("%s: the caller is told %v", name, err)
			}
			// At once, so that the session's next record is not behind this one.
			r := w.rows.get(h.stored.ID)
			if (r != nil) != c.kept {
				t.Errorf("%s: the store has %+v", name, r)
			}
			s.settler.close()
			if r = w.rows.get(h.stored.ID); c.kept && (r == nil || !r.Lease.Until.IsZero() || time.Until(r.DueAt) > time.Second || (r.Tries == 0) != (name == "busy")) {
				t.Errorf("%s: what is kept is %+v", name, r)
			}
			if l := w.balanced("a"); l.Acknowledged != 1 && (name == "accept" || c.kept) || l.Acknowledged != 0 && (name == "reject" || name == "bad input") {
				t.Errorf("%s: the ledger: %+v", name, l)
			}
		})
	}
}

// TestAttemptStoreAway: a server took the record, and the store can't be told. The caller is answered all the same, soon, and the record is
// settled when the store is back.
func TestAttemptStoreAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := New(w.options("one"))
		h := w.held(s, "session")
		w.rows.set(func() { w.rows.away = true })
		began := time.Now()
		res, kept, err := h.Attempt(t.Context(), func(context.Context, aaa.Values) (*aaa.Result, error) { return accepted, nil })
		if took := time.Since(began); res != accepted || kept || err != nil || took != settledBefore {
			t.Errorf("%v, %v, %v after %v", res, kept, err, took)
		}
		w.rows.set(func() { w.rows.away = false })
		time.Sleep(settleAgain)
		s.settler.close()
		if c := w.balanced("a"); c.Delivered != 1 {
			t.Errorf("the ledger: %+v", c)
		}
	})
}

// TestAttemptsTell: direct attempts show that a server is silent, and that it is back: what waits is then sent at once.
func TestAttemptsTell(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.server(func(string, *Record) (*aaa.Result, error) { return silence() })
		s, stop := w.run(w.options("one"))
		answer := func(res *aaa.Result, err error) {
			_, _, _ = w.held(s, "session").Attempt(t.Context(), func(context.Context, aaa.Values) (*aaa.Result, error) { return res, err })
		}
		for range 8 {
			answer(silence())
		}
		time.Sleep(10 * time.Minute) // the account's wait is a minute
		if n := w.log.count("records are not taken"); n != 1 {
			t.Errorf("the silence is told of %d times", n)
		}
		w.server(func(string, *Record) (*aaa.Result, error) { return accepted, nil })
		answer(accepted, nil)
		time.Sleep(3 * time.Second)
		stop()
		if c := w.balanced("a"); c.Delivered != 9 {
			t.Errorf("after the server is back: %+v\n%s", c, w.log.b.String())
		}
	})
}
