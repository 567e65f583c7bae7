package spool

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

func TestIDsGrow(t *testing.T) {
	t.Parallel()
	var g ids
	now := time.Now()
	last := ""
	for n := range 1000 {
		id := g.next(now.Add(time.Duration(n%7) * -time.Hour)) // the clock is put back
		if !aaa.IsID(id) || id <= last {
			t.Fatalf("%q after %q", id, last)
		}
		last = id
	}
	if at := now.UnixMicro(); fmt.Sprintf("%014x", at) > last[:14] {
		t.Error("the id does not begin with the time")
	}
}

// TestStoreAndHold: a record is there when Store returns, opens to what was given, and has no lease; Hold's has this node's.
func TestStoreAndHold(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.spool()
	r := h.record(store.SpoolStart, "one")
	h.must(s.Store(t.Context(), r))
	held, err := s.Hold(t.Context(), h.record(store.SpoolStart, "two"))
	h.must(err)
	if held.Kept || h.journaled(held) {
		t.Errorf("the first record of a session is %+v", held)
	}
	behind, err := s.Hold(t.Context(), h.record(store.SpoolStop, "one"))
	h.must(err)
	if !behind.Kept || !behind.stored.Lease.Until.IsZero() {
		t.Errorf("a record behind another one is %+v", behind)
	}
	rows := h.rows()
	if len(rows) != 3 || !rows[0].Lease.Until.IsZero() || rows[1].Lease.Node != "node" || !rows[1].Lease.Is(held.stored.Lease) || rows[1].Revision != held.stored.Revision {
		t.Fatalf("stored are %+v", rows)
	}
	got, err := Open(t.Context(), h.vault, rows[0])
	h.must(err)
	if !maps.Equal(got.Values, r.Values) || got.ID != r.ID || got.User != "alice" || !got.EventAt.Equal(r.EventAt) {
		t.Errorf("got %+v of %+v", got, r)
	}
	if d := rows[0].KeepUntil.Sub(rows[0].ReceivedAt); d != defaultKeep {
		t.Errorf("it is kept for %v", d)
	}
}

// TestGroups: 20,000 records of 1,000 goroutines need few transactions, at most two at once, and a lone record is one at once.
func TestGroups(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	synctest.Test(t, func(t *testing.T) {
		slow := &slow{}
		s := h.spool(func(o *Options) { o.Store = slow; o.Vault = plain{} })
		s.group.size.most = mostGrouped
		h.allow(1<<40, 1<<40)
		began := time.Now()
		if err := s.Store(t.Context(), h.record(store.SpoolOther, "")); err != nil || slow.appends != 1 || time.Since(began) != slowness {
			t.Errorf("a lone record took %d transactions and %v, %v", slow.appends, time.Since(began), err)
		}
		const goroutines, each = 1000, 20
		var all sync.WaitGroup
		for g := range goroutines {
			all.Go(func() {
				for n := range each {
					if err := s.Store(t.Context(), h.record(store.SpoolInterim, fmt.Sprint(g, "-", n))); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
		if slow.appends > goroutines*each/100 || slow.records != goroutines*each+1 || slow.most > mostCommitting {
			t.Errorf("%d transactions, %d at once, %d records", slow.appends, slow.most, slow.records)
		}
	})
}

// TestManyCallers: the records of many callers at once are in a real store, each once.
func TestManyCallers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.spool()
	var all sync.WaitGroup
	for g := range 50 {
		all.Go(func() {
			for n := range 10 {
				if err := s.Store(t.Context(), h.record(store.SpoolInterim, fmt.Sprint(g, "-", n))); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if c := h.counts(); c.Waiting != 500 || c.Acknowledged != c.Waiting || h.store.appends.Load() > 250 {
		t.Errorf("%d transactions, the ledger has %+v", h.store.appends.Load(), c)
	}
}

const slowness = 5 * time.Millisecond

// slow is a store whose transactions take their time.
type slow struct {
	store.Spool
	mu                            sync.Mutex
	appends, records, most, under int
}

func (w *slow) Append(_ context.Context, list []store.SpoolRecord) ([]store.SpoolAppended, error) {
	w.mu.Lock()
	w.appends++
	w.records += len(list)
	w.under++
	w.most = max(w.most, w.under)
	w.mu.Unlock()
	time.Sleep(slowness)
	w.mu.Lock()
	w.under--
	w.mu.Unlock()
	return make([]store.SpoolAppended, len(list)), nil
}

func (w *slow) Counts(context.Context, aaa.AccountID) (store.SpoolCounts, error) {
	return store.SpoolCounts{}, nil
}

// TestSlowStore: transactions get smaller until the store has time for them, and larger again when it is quick.
func TestSlowStore(t *testing.T) {
	t.Parallel()
	z := size{most: mostGrouped}
	for _, c := range []struct {
		took time.Duration
		err  error
		want int
	}{
		{time.Second, nil, 512},
		{2 * time.Second, context.DeadlineExceeded, 128},
		{2 * time.Second, context.DeadlineExceeded, 32},
		{time.Millisecond, store.ErrUnavailable, 32}, // it is away, not slow
		{time.Second, nil, 32},
		{time.Millisecond, nil, 64},
		{2 * time.Second, context.DeadlineExceeded, 16},
		{2 * time.Second, context.DeadlineExceeded, 8},
		{2 * time.Second, context.DeadlineExceeded, 8},
	} {
		z.took(z.get(), c.took, c.err)
		if got := z.get(); got != c.want {
			t.Errorf("after %v, %v: %d, want %d", c.took, c.err, got, c.want)
		}
	}
}

// TestOneBadRecord: a record that the store refuses fails alone.
func TestOneBadRecord(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.spool()
	bad := errors.New("no such thing")
	h.store.fault = func(list []store.SpoolRecord) (bool, error) {
		if slices.ContainsFunc(list, func(r store.SpoolRecord) bool { return r.User == "bad" }) {
			return false, bad
		}
		return false, nil
	}
	var list []*pending
	for n := range 50 {
		r := h.record(store.SpoolStart, fmt.Sprint(n))
		if n == 42 {
			r.User = "bad"
		}
		s.complete(r, s.now())
		sealed, err := Sealed(t.Context(), h.vault, r, s.now())
		h.must(err)
		list = append(list, &pending{record: sealed, done: make(chan struct{})})
	}
	s.commit(list)
	for n, p := range list {
		<-p.done
		if (p.err != nil) != (n == 42) {
			t.Errorf("record %d: %v", n, p.err)
		}
	}
	if n := len(h.rows()); n != 49 {
		t.Errorf("%d are stored", n)
	}
	r := h.record(store.SpoolStart, "x")
	r.User = "bad"
	if err := s.Store(t.Context(), r); !errors.Is(err, bad) || aaa.KindOf(err) != aaa.KindInternal {
		t.Errorf("a lone one: %v", err)
	}
}

// TestCallerLeaves: a caller that leaves before its record is in a group takes it along, and after that it does not.
func TestCallerLeaves(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.spool()
	begun, goOn := make(chan struct{}, 8), make(chan struct{})
	h.store.fault = func([]store.SpoolRecord) (bool, error) {
		begun <- struct{}{}
		<-goOn
		return false, nil
	}
	ctx, leave := context.WithCancel(t.Context())
	results := make(chan error, 3)
	for n := range mostCommitting { // each in a group of its own, which the store keeps
		go func() { results <- s.Store(ctx, h.record(store.SpoolStart, fmt.Sprint("taken", n))) }()
		<-begun
	}
	late, gone := context.WithCancel(t.Context())
	left := make(chan error)
	go func() { left <- s.Store(late, h.record(store.SpoolStart, "left")) }()
	for waits := false; !waits; {
		s.group.mu.Lock()
		waits = len(s.group.waiting) == 1
		s.group.mu.Unlock()
		runtime.Gosched()
	}
	gone()
	h.is(<-left, aaa.KindNoAnswer)
	leave()
	close(goOn)
	for range mostCommitting {
		h.must(<-results)
	}
	h.must(s.Store(t.Context(), h.record(store.SpoolStart, "next")))
	if rows := h.rows(); len(rows) != 3 || slices.ContainsFunc(rows, func(r store.SpoolRecord) bool { return r.AcctSessionID == "left" }) {
		t.Errorf("%d are stored", len(rows))
	}
}

// TestRepetitions: a record that comes twice under one id, or that repeats a waiting or a just delivered one, is stored once. After 5 minutes,
// and as an Interim of another time, it is a new one.
func TestRepetitions(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var ahead atomic.Int64
	s := h.spool(func(o *Options) { o.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) } })
	r := h.record(store.SpoolStop, "one")
	h.must(s.Store(t.Context(), r))
	again := *r
	h.must(s.Store(t.Context(), &again)) // the same id
	again.ID = ""
	held, err := s.Hold(t.Context(), &again) // the same digest
	h.must(err)
	if !held.Kept || len(h.rows()) != 1 {
		t.Errorf("%+v, %d rows", held, len(h.rows()))
	}
	settle := func(id string) {
		h.must(h.store.Spool.Settle(t.Context(), s.now(), []store.SpoolSettlement{{Account: h.account, ID: id, Revision: 1, Session: "one"}}))
	}
	settle(r.ID)
	s.intake.delivered(r)
	again.ID = ""
	held, err = s.Hold(t.Context(), &again)
	h.must(err)
	if !held.Kept || len(h.rows()) != 0 {
		t.Errorf("delivered: %+v, %d rows", held, len(h.rows()))
	}
	other := again
	other.ID, other.Account = "", aaa.NewAccountID()
	if s.repeats.seen(&store.SpoolRecord{Account: other.Account, Kind: other.Kind, Digest: other.Digest}, s.now()) {
		t.Error("another account's record repeats it")
	}
	ahead.Store(int64(repeatsKept + time.Second))
	again.ID = ""
	h.must(s.Store(t.Context(), &again))
	if len(h.rows()) != 1 {
		t.Error("after 5 minutes it is not stored")
	}
	interim := h.record(store.SpoolInterim, "two")
	h.must(s.Store(t.Context(), interim))
	s.intake.delivered(interim)
	for _, c := range []struct {
		after time.Duration
		seen  bool
	}{{sameInterim, true}, {sameInterim + time.Second, false}} {
		if got := s.repeats.seen(&store.SpoolRecord{Account: h.account, Kind: interim.Kind, Digest: interim.Digest, EventAt: interim.EventAt.Add(c.after)}, s.now()); got != c.seen {
			t.Errorf("an Interim %v later repeats: %v", c.after, got)
		}
	}
}

func TestRecentIsBounded(t *testing.T) {
	t.Parallel()
	r := recent[int, int]{most: 100}
	for n := range 1000 {
		r.put(n, n)
		if len(r.now)+len(r.old) > 100 {
			t.Fatalf("%d values", len(r.now)+len(r.old))
		}
		if n >= 49 && !r.has(n-49) {
			t.Fatalf("value %d is forgotten after 49 more", n-49)
		}
	}
	if !r.lost {
		t.Error("it lost nothing")
	}
}

// TestMalformed: what a caller can get wrong is refused, and what lists show is cut.
func TestMalformed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.spool()
	r := h.record(store.SpoolStart, "one")
	r.Values["long"] = strings.Repeat("x", MaxBody)
	h.is(s.Store(t.Context(), r), aaa.KindBadInput)
	for what, change := range map[string]func(*Record){
		"id":      func(r *Record) { r.ID = "../../x" },
		"account": func(r *Record) { r.Account = "nobody" },
		"kind":    func(r *Record) { r.Kind = "pause" },
		"session": func(r *Record) { r.Session = strings.Repeat("x", 200) },
		"digest":  func(r *Record) { r.Digest = "\x00" },
		"time":    func(r *Record) { r.EventAt = time.Unix(1<<40, 0) },
	} {
		r := h.record(store.SpoolStart, "one")
		change(r)
		if err := s.Store(t.Context(), r); err == nil || aaa.KindOf(err) != aaa.KindInternal {
			t.Errorf("%s: %v", what, err)
		}
	}
	if len(h.rows()) != 0 {
		t.Error("a refused record is stored")
	}
	r = h.record(store.SpoolStart, "one")
	r.User, r.AcctSessionID = "a\x00b\xff"+strings.Repeat("é", 300), "\x00"
	h.must(s.Store(t.Context(), r))
	if rows := h.rows(); len(rows) != 1 || len(rows[0].User) > maxLabel || !strings.HasPrefix(rows[0].User, "a\ufffdb\ufffdéé") {
		t.Errorf("the user is %q", rows[0].User)
	}
}
