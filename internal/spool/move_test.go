package spool

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"aaa-api/internal/store"
)

// TestJournalOfAnotherProcess: records that a process attempted before it fell are left alone until the journal's outcomes are known, and then
// due at once.
func TestJournalOfAnotherProcess(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	fallen := h.spool()
	h.warm(fallen)
	h.store.set(func() { h.store.away = true })
	done, lost := h.hold(fallen, store.SpoolStart, "done"), h.hold(fallen, store.SpoolStart, "lost")
	for n := range testGroup { // so that the outcome is in another batch
		h.must(fallen.Store(t.Context(), h.record(store.SpoolStart, fmt.Sprint(n))))
	}
	h.settle(done, store.SpoolDelivered)
	s := h.spool()
	h.store.set(func() { h.store.away = false })
	seen := false
	h.store.fault = func(list []store.SpoolRecord) (bool, error) {
		for _, r := range list {
			if r.ID == done.stored.ID || r.ID == lost.stored.ID {
				seen = true
				if r.Lease.Until.Before(s.now().Add(moveLease / 2)) {
					t.Errorf("the lease ends at %v", r.Lease.Until)
				}
			}
		}
		return false, nil
	}
	s.pass(t.Context())
	rows := h.rows()
	if i := slices.IndexFunc(rows, func(r store.SpoolRecord) bool { return r.ID == lost.stored.ID }); !seen || i < 0 || !rows[i].Lease.Until.IsZero() {
		t.Errorf("the record without an outcome is row %d of %d", i, len(rows))
	}
	if slices.ContainsFunc(rows, func(r store.SpoolRecord) bool { return r.ID == done.stored.ID }) {
		t.Error("the delivered record is still there")
	}
	if c := h.counts(); c.Delivered != 1 || c.Waiting != testGroup+1 {
		t.Errorf("the ledger has %+v", c)
	}
}

// TestMoveAgain: the store goes away again in the middle of a batch, which comes again. What was delivered meanwhile is not sent twice.
func TestMoveAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.spool()
	h.warm(s)
	h.store.set(func() { h.store.away = true })
	for n := range testGroup + 10 {
		h.must(s.Store(t.Context(), h.record(store.SpoolStart, fmt.Sprint(n))))
	}
	h.journal.batch = 2 * testGroup
	calls := 0
	h.store.set(func() {
		h.store.away = false
		h.store.fault = func([]store.SpoolRecord) (bool, error) {
			if calls++; calls == 2 {
				return false, store.ErrUnavailable
			}
			return false, nil
		}
	})
	s.pass(t.Context())
	rows := h.rows()
	if len(rows) != testGroup || !s.away.is() {
		t.Fatalf("%d rows", len(rows))
	}
	h.must(h.store.Spool.Settle(t.Context(), s.now(), []store.SpoolSettlement{{Account: h.account, ID: rows[0].ID, Revision: 1, Session: rows[0].Session}}))
	s.pass(t.Context())
	if n := len(h.rows()); n != testGroup+9 {
		t.Errorf("%d rows", n)
	}
}

// TestEntriesThatStay: an entry that can't be read and a record that the store refuses hold up nothing, and stay in the journal.
func TestEntriesThatStay(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.spool()
	h.warm(s)
	h.must(h.journal.Append(t.Context(), [][]byte{{9, '{', '}'}, {}}))
	h.store.set(func() { h.store.away = true })
	for _, session := range []string{"one", "bad", "two"} {
		h.must(s.Store(t.Context(), h.record(store.SpoolStart, session)))
	}
	h.store.set(func() {
		h.store.away = false
		h.store.fault = func(list []store.SpoolRecord) (bool, error) {
			if slices.ContainsFunc(list, func(r store.SpoolRecord) bool { return r.Session == "bad" }) {
				return false, errors.New("no such thing")
			}
			return false, nil
		}
	})
	m := newMover(s.intake)
	m.move(t.Context())
	if n, _ := h.journal.Len(); n != 3 || len(h.rows()) != 2 || s.away.is() {
		t.Errorf("%d entries, %d rows", n, len(h.rows()))
	}
	asked := h.store.appends.Load()
	m.move(t.Context()) // within the minute
	if h.store.appends.Load() != asked {
		t.Error("what was refused is tried again at once")
	}
	h.store.set(func() { h.store.fault = nil })
	m.drained = m.drained.Add(-refusedFor)
	m.move(t.Context())
	if n, _ := h.journal.Len(); n != 2 || len(h.rows()) != 3 {
		t.Errorf("%d entries, %d rows", n, len(h.rows()))
	}
	if h.log.count("can't be read") < 2 || h.log.count("the database refuses") != 1 {
		t.Errorf("the log is\n%s", &h.log.b)
	}
}

// TestPutBackOnce: an entry that can't be read is there once, however often the pass over its segment fails.
func TestPutBackOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.spool()
	h.warm(s)
	h.must(h.journal.Append(t.Context(), [][]byte{{9, 'x'}}))
	h.store.set(func() { h.store.away = true })
	for n := range 4 * testGroup {
		h.must(s.Store(t.Context(), h.record(store.SpoolStart, fmt.Sprint(n))))
	}
	h.store.set(func() { h.store.away = false })
	h.journal.batch = 1 << 10
	m := newMover(s.intake)
	for range 3 {
		calls := 0
		h.store.set(func() {
			h.store.fault = func([]store.SpoolRecord) (bool, error) {
				if calls++; calls > 1 {
					return false, store.ErrUnavailable
				}
				return false, nil
			}
		})
		m.move(t.Context())
	}
	h.store.set(func() { h.store.fault = nil })
	m.move(t.Context())
	if n, _ := h.journal.Len(); n != 1 || len(h.rows()) != 4*testGroup {
		t.Fatalf("%d entries, %d rows", n, len(h.rows()))
	}
	m.drained = m.drained.Add(-refusedFor)
	m.move(t.Context())
	if n, _ := h.journal.Len(); n != 1 || !slices.Equal(original(h.journal.entries[0]), []byte{9, 'x'}) {
		t.Errorf("%d entries: %x", n, h.journal.entries)
	}
}
