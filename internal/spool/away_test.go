package spool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/secmod"
	"aaa-api/internal/store"
)

// warm has the vault read the account's key, which nobody can seal without.
func (h *house) warm(s *Spool) {
	h.t.Helper()
	_, err := h.vault.SealHeld(h.t.Context(), h.account, "warm", "")
	h.must(err)
}

func (h *house) hold(s *Spool, kind store.SpoolKind, session string) *Held {
	h.t.Helper()
	held, err := s.Hold(h.t.Context(), h.record(kind, session))
	h.must(err)
	return held
}

// settle ends the attempt of a held record.
func (h *house) settle(held *Held, o store.SpoolOutcome) {
	<-held.settle(store.SpoolSettlement{Account: held.stored.Account, ID: held.stored.ID, Revision: held.stored.Revision, Session: held.stored.Session, Outcome: o})
}

// pass moves the journal once.
func (s *Spool) pass(ctx context.Context) {
	m := newMover(s.intake)
	m.move(ctx)
}

// TestStoreAway: records that come while the store is away are in the journal and, when it is back, in the store, each once and in
// the order of their sessions. The first one finds out; those after it do not ask the store.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.spool()
	h.warm(s)
	h.store.set(func() { h.store.away = true })
	const n = 200
	var all sync.WaitGroup
	for g := range 10 {
		all.Go(func() {
			for k := range n / 10 {
				for _, kind := range []store.SpoolKind{store.SpoolStart, store.SpoolStop} {
					if err := s.Store(t.Context(), h.record(kind, fmt.Sprint(g, "-", k))); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	all.Wait()
	if asked := h.store.appends.Load(); asked > mostCommitting {
		t.Errorf("the store that is away was asked %d times", asked)
	}
	if entries, _ := h.journal.Len(); entries != 2*n || len(h.rows()) != 0 {
		t.Errorf("the journal has %d entries, the store %d records", entries, len(h.rows()))
	}
	s.pass(t.Context())
	if entries, _ := h.journal.Len(); entries != 2*n {
		t.Fatalf("the journal lost %d entries to a store that is away", 2*n-entries)
	}
	h.store.set(func() { h.store.away = false })
	h.must(s.Store(t.Context(), h.record(store.SpoolStop, "meanwhile"))) // nobody has found out yet
	s.pass(t.Context())
	rows := h.rows()
	if entries, _ := h.journal.Len(); entries != 0 || len(rows) != 2*n+1 {
		t.Fatalf("the journal has %d entries, the store %d records", entries, len(rows))
	}
	started := make(map[string]bool)
	for _, r := range rows { // by id
		if r.Kind == store.SpoolStart {
			started[r.Session] = true
		} else if !started[r.Session] && r.Session != "meanwhile" {
			t.Fatalf("the Stop of session %s has a lower id than its Start", r.Session)
		}
		if r.Kind == store.SpoolStart && r.DueAt.After(s.now()) || !r.Lease.Until.IsZero() {
			t.Fatalf("a moved record is due at %v, lease %v", r.DueAt, r.Lease)
		}
	}
	if c := h.counts(); c.Acknowledged != 2*n+1 || c.Waiting != 2*n+1 {
		t.Errorf("the ledger has %+v", c)
	}
	if s.away.is() || h.log.count("the database is away") != 1 || h.log.count("the database is back") != 1 || h.log.count(fmt.Sprintf("records=%d", 2*n+1)) != 1 {
		t.Errorf("the log is\n%s", &h.log.b)
	}
	if len(s.away.sessions) != 0 || s.away.untold != 0 || s.quota.of[h.account].at[inJournal] != (amount{}) {
		t.Errorf("%d sessions are still counted", len(s.away.sessions))
	}
	before := h.store.appends.Load()
	h.must(s.Store(t.Context(), h.record(store.SpoolStart, "after")))
	if h.store.appends.Load() != before+1 || len(h.rows()) != 2*n+2 {
		t.Error("the next record does not go to the store")
	}
}

// TestStoreStaysAway: the store is away and the journal is empty, as it is if it can't be written. The mover does not take that for the store's
// return.
func TestStoreStaysAway(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.spool()
	h.warm(s)
	h.store.set(func() { h.store.away = true })
	h.journal.err = errors.New("no disk")
	h.is(s.Store(t.Context(), h.record(store.SpoolStart, "one")), aaa.KindUnavailable)
	m := newMover(s.intake)
	for range 3 {
		m.move(t.Context())
	}
	if !s.away.is() || h.log.count("the database is back") != 0 {
		t.Errorf("the log is\n%s", &h.log.b)
	}
	h.store.set(func() { h.store.away = false })
	m.move(t.Context())
	if s.away.is() || h.log.count("the database is back") != 1 {
		t.Errorf("the log is\n%s", &h.log.b)
	}
}

// TestStoreHangs: a store that does not answer costs the first record 2 seconds and those after it none.
func TestStoreHangs(t *testing.T) {
	t.Parallel()
	for _, counts := range []bool{false, true} {
		h := newHouse(t)
		synctest.Test(t, func(t *testing.T) {
			s := h.spool(func(o *Options) { o.Store = hung{counts: counts}; o.Vault = plain{} })
			s.intake.patience = storeTime
			for n, want := range []time.Duration{2 * time.Second, 0, 0} {
				began := time.Now()
				if err := s.Store(t.Context(), h.record(store.SpoolOther, "")); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took != want {
					t.Errorf("record %d took %v", n, took)
				}
			}
		})
		if n, _ := h.journal.Len(); n != 3 {
			t.Errorf("the journal has %d entries", n)
		}
	}
}

// hung is a store that never answers an Append, and tells counts or not.
type hung struct {
	store.Spool
	counts bool
}

func (hung) Append(ctx context.Context, _ []store.SpoolRecord) ([]store.SpoolAppended, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (h hung) Counts(ctx context.Context, _ aaa.AccountID) (store.SpoolCounts, error) {
	if h.counts {
		return store.SpoolCounts{}, nil
	}
	<-ctx.Done()
	return store.SpoolCounts{}, ctx.Err()
}

// plain seals nothing.
type plain struct{}

func (plain) SealHeld(_ context.Context, _ aaa.AccountID, _, clear string) (string, error) {
	return clear, nil
}

func (plain) Open(_ context.Context, _ aaa.AccountID, _, sealed string) (aaa.Secret, error) {
	return aaa.NewSecret(sealed), nil
}

// TestNoJournal: without a journal what the store does not take is refused, and so is all while the journal can't be written, and all that can't
// be sealed.
func TestNoJournal(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.spool(func(o *Options) { o.Journal = nil })
	h.warm(s)
	h.store.set(func() { h.store.away = true })
	h.is(s.Store(t.Context(), h.record(store.SpoolStop, "one")), aaa.KindUnavailable)
	h.store.set(func() { h.store.away = false })
	h.must(s.Store(t.Context(), h.record(store.SpoolStop, "one")))

	h.store.set(func() { h.store.away = true })
	s = h.spool()
	h.journal.err = errors.New("no space left on device")
	err := s.Store(t.Context(), h.record(store.SpoolStart, "two"))
	if h.is(err, aaa.KindUnavailable); !errors.Is(err, h.journal.err) {
		t.Errorf("%v does not tell why", err)
	}
	h.journal.err = nil
	if held := h.hold(s, store.SpoolStop, "two"); held.Kept {
		t.Error("a record that was refused has its session wait")
	}
	if u := s.quota.of[h.account]; u.at[inFlight] != (amount{}) || u.at[inJournal].records != 1 {
		t.Errorf("counted are %+v", u)
	}
	s = h.spool(func(o *Options) { o.Vault = secmod.New(h.kek, lostKeys{}) })
	h.is(s.Store(t.Context(), h.record(store.SpoolStart, "three")), aaa.KindUnavailable)
}

// lostKeys is store.Keys while the store is away.
type lostKeys struct{ store.Keys }

func (lostKeys) Get(context.Context, aaa.AccountID) ([]byte, error) { return nil, store.ErrUnavailable }

// TestAmbiguousCommit: the store commits and its answer is lost. The record goes to the journal too, and is in the store once.
func TestAmbiguousCommit(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.spool()
	h.store.fault = func([]store.SpoolRecord) (bool, error) { return true, store.ErrUnavailable }
	h.must(s.Store(t.Context(), h.record(store.SpoolStart, "kept")))
	s.returned()
	done := h.hold(s, store.SpoolStart, "done")
	s.returned()
	withdrawn := h.hold(s, store.SpoolStart, "withdrawn")
	if n, _ := h.journal.Len(); n != 3 || len(h.rows()) != 3 {
		t.Fatalf("the journal has %d entries, the store %d records", n, len(h.rows()))
	}
	h.store.set(func() { h.store.fault = nil })
	h.settle(done, store.SpoolDelivered)
	h.settle(withdrawn, store.SpoolWithdrawn)
	s.pass(t.Context())
	if rows := h.rows(); len(rows) != 1 || rows[0].Session != "kept" {
		t.Errorf("%d are stored: %+v", len(rows), rows)
	}
	if c := h.counts(); c.Acknowledged != 2 || c.Delivered != 1 || c.Waiting != 1 {
		t.Errorf("the ledger has %+v", c)
	}
}

// TestHoldWhileAway: a journaled record is attempted now unless another one of its session, or of its account, waits.
func TestHoldWhileAway(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.spool()
	h.warm(s)
	h.store.set(func() { h.store.away = true })
	one := h.hold(s, store.SpoolStart, "one")
	if one.Kept || !h.journaled(one) {
		t.Fatalf("the first is %+v", one)
	}
	if two := h.hold(s, store.SpoolInterim, "one"); !two.Kept || !h.journaled(two) {
		t.Errorf("one beside an attempt of its session is %+v", two)
	}
	other := h.hold(s, store.SpoolStart, "other")
	if other.Kept {
		t.Error("a record of another session waits")
	}
	h.settle(other, store.SpoolDelivered)
	next := h.hold(s, store.SpoolStop, "other")
	if next.Kept {
		t.Error("a record behind a delivered one waits")
	}
	h.settle(next, store.SpoolFailed) // it waits, and so does what comes of the account
	if third := h.hold(s, store.SpoolOther, "third"); !third.Kept {
		t.Error("a record of an account with waiting ones is attempted")
	}
	h.store.set(func() { h.store.away = false })
	s.pass(t.Context())
	var stored []string
	for _, r := range h.rows() {
		leased := !r.Lease.Until.IsZero()
		if leased != (r.ID == one.stored.ID) {
			t.Errorf("the %s of session %s has lease %v", r.Kind, r.Session, r.Lease)
		}
		stored = append(stored, r.Session+" "+string(r.Kind))
	}
	if want := []string{"one start", "one interim", "other stop", "third other"}; !slices.Equal(stored, want) {
		t.Errorf("stored are %q, want %q", stored, want)
	}
	if h := s.away.holding[keyOf(one.stored.ID)]; h == nil || !h.moved {
		t.Error("the attempt that is under way does not know that its record has moved")
	}
}

// TestDoneIsLeftOut: a record whose end the journal has never gets into the store, where another node would send it.
func TestDoneIsLeftOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.spool()
	h.warm(s)
	h.store.set(func() { h.store.away = true })
	held := h.hold(s, store.SpoolStart, "one")
	for n := range testGroup { // so that its end is in another batch
		h.must(s.Store(t.Context(), h.record(store.SpoolStart, fmt.Sprint(n))))
	}
	h.settle(held, store.SpoolWithdrawn)
	h.store.set(func() {
		h.store.away = false
		h.store.fault = func(list []store.SpoolRecord) (bool, error) {
			if slices.ContainsFunc(list, func(r store.SpoolRecord) bool { return r.ID == held.stored.ID }) {
				t.Error("it is stored")
			}
			return false, nil
		}
	})
	s.pass(t.Context())
	if c := h.counts(); c.Waiting != testGroup || c.Acknowledged != testGroup {
		t.Errorf("the ledger has %+v", c)
	}
	if s.away.done.has(keyOf(held.stored.ID)) {
		t.Error("its end is still in memory")
	}
}

// TestJournalIsNotOvertaken: when the store is back, records of sessions in the journal go there too until it is moved.
func TestJournalIsNotOvertaken(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.spool()
	h.warm(s)
	h.store.set(func() { h.store.away = true })
	h.must(s.Store(t.Context(), h.record(store.SpoolStart, "one")))
	h.store.set(func() { h.store.away = false })
	s.returned()
	if stop := h.hold(s, store.SpoolStop, "one"); !h.journaled(stop) || !stop.Kept {
		t.Errorf("the Stop is %+v", stop)
	}
	if two := h.hold(s, store.SpoolStop, "two"); h.journaled(two) || two.Kept {
		t.Errorf("one of another session is %+v", two)
	}
	// A process that has just started knows no session of the journal.
	fresh := h.spool()
	if stop := h.hold(fresh, store.SpoolStop, "three"); !h.journaled(stop) || !stop.Kept {
		t.Errorf("after a start the Stop is %+v", stop)
	}
	fresh.pass(t.Context())
	if stop := h.hold(fresh, store.SpoolStop, "four"); h.journaled(stop) || stop.Kept {
		t.Errorf("when all is moved the Stop is %+v", stop)
	}
	if n, _ := h.journal.Len(); n != 0 || len(h.rows()) != 5 {
		t.Errorf("%d entries, %d rows", n, len(h.rows()))
	}
}

// TestRunStops: run ends with its context; records are taken after that too.
func TestRunStops(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.spool()
	h.warm(s)
	h.store.set(func() { h.store.away = true })
	h.must(s.Store(t.Context(), h.record(store.SpoolStart, "one")))
	h.store.set(func() { h.store.away = false })
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { s.intake.run(ctx) })
	<-h.journal.drained
	stop()
	running.Wait()
	h.must(s.Store(t.Context(), h.record(store.SpoolStart, "two")))
	if len(h.rows()) != 2 {
		t.Error("a record after the end is lost")
	}
}
