package spool

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/limits"
	"aaa-api/internal/store"
)

func TestWithin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		used, bound, share int64
		within             bool
	}{
		{95, 100, shareInterim, true},
		{96, 100, shareInterim, false},
		{98, 100, shareStart, true},
		{99, 100, shareStart, false},
		{100, 100, shareStop, true},
		{101, 100, shareStop, false},
		{1, 1, shareInterim, true},
		{1, 0, shareStop, false},
		{1 << 40, 1 << 40, shareStop, true},
		{1 << 62, limits.Unlimited, shareInterim, true},
	} {
		if got := within(c.used, c.bound, c.share); got != c.within {
			t.Errorf("%d of %d at %d ‰: %v", c.used, c.bound, c.share, got)
		}
	}
}

// fill stores records until one is refused, and returns how many are stored.
func (h *house) fill(s *Spool, kind store.SpoolKind, want aaa.Kind, limit aaa.Limit) int64 {
	h.t.Helper()
	for {
		err := s.Store(h.t.Context(), h.record(kind, aaa.NewID()))
		if err == nil {
			continue
		}
		e := h.is(err, want)
		if want == aaa.KindLimited && (e.Excess == nil || e.Excess.Limit != limit || e.Excess.Account != h.account) || e.RetryAfter <= 0 || !strings.Contains(e.Message, string(kind)) && kind != store.SpoolStop {
			h.t.Errorf("the error is %+v", e)
		}
		return h.counts().Waiting
	}
}

// TestQuota: an account at its limit loses Interims first, then Starts, Stops last, and is warned once.
func TestQuota(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.spool()
	h.allow(200, aaa.NotSet)
	for _, c := range []struct {
		kind store.SpoolKind
		most int64
	}{{store.SpoolInterim, 190}, {store.SpoolStart, 195}, {store.SpoolOther, 195}, {store.SpoolStop, 200}} {
		if n := h.fill(s, c.kind, aaa.KindLimited, aaa.LimitSpoolRecords); n != c.most {
			t.Errorf("%s records are refused at %d, want %d", c.kind, n, c.most)
		}
	}
	if n := h.log.count("comes near the limit"); n != 1 {
		t.Errorf("%d warnings", n)
	}
	// What is delivered makes room at once: before a record is refused, the store is asked, if its counts are old.
	row := h.rows()[0]
	h.must(h.store.Spool.Settle(t.Context(), s.now(), []store.SpoolSettlement{{Account: h.account, ID: row.ID, Revision: 1, Session: row.Session}}))
	s.quota.mu.Lock()
	s.quota.of[h.account].read = s.now().Add(-time.Hour)
	s.quota.mu.Unlock()
	h.must(s.Store(t.Context(), h.record(store.SpoolStop, "last")))
	h.is(s.Store(t.Context(), h.record(store.SpoolStop, "over")), aaa.KindLimited)

	h = newHouse(t)
	s = h.spool()
	one, err := Sealed(t.Context(), h.vault, &Record{ID: aaa.NewID(), Account: h.account, Body: h.record(store.SpoolStart, aaa.NewID()).Body}, s.now())
	h.must(err)
	h.allow(aaa.NotSet, 100*int64(len(one.Payload)))
	if n := h.fill(s, store.SpoolInterim, aaa.KindLimited, aaa.LimitSpoolOctets); n != 95 {
		t.Errorf("octets refuse an Interim at %d records", n)
	}
}

// TestQuotaWhileAway: what is in the journal counts, and goes on counting when it has moved.
func TestQuotaWhileAway(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.spool()
	h.allow(20, aaa.NotSet)
	h.must(s.Store(t.Context(), h.record(store.SpoolStop, "one")))
	h.store.set(func() { h.store.away = true })
	h.fill(s, store.SpoolStop, aaa.KindLimited, aaa.LimitSpoolRecords)
	if n, _ := h.journal.Len(); n != 19 {
		t.Errorf("the journal has %d entries", n)
	}
	h.store.set(func() { h.store.away = false })
	s.pass(t.Context())
	h.is(s.Store(t.Context(), h.record(store.SpoolStop, "over")), aaa.KindLimited)
	if c := h.counts(); c.Waiting != 20 {
		t.Errorf("%+v", c)
	}
}

// TestDiskAndJournalFull: the same steps hold for the disk and for the journal, with 503.
func TestDiskAndJournalFull(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var used atomic.Uint64
	var ahead atomic.Int64
	unknown := false
	s := h.spool(func(o *Options) {
		o.DiskHoldsStore = true
		o.Disk = func() (free, size uint64, err error) {
			if unknown {
				return 0, 0, errors.New("no such folder")
			}
			return (1000 - used.Load()) << 20, 1000 << 20, nil
		}
		o.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	check := func() {
		t.Helper()
		for _, c := range []struct {
			used                 uint64
			interim, start, stop bool
		}{{889, true, true, true}, {890, false, true, true}, {913, false, false, true}, {936, false, false, false}} {
			used.Store(c.used)
			ahead.Add(int64(2 * diskEvery))
			for kind, taken := range map[store.SpoolKind]bool{store.SpoolInterim: c.interim, store.SpoolStart: c.start, store.SpoolStop: c.stop} {
				err := s.Store(t.Context(), h.record(kind, aaa.NewID()))
				if taken {
					h.must(err)
				} else {
					h.is(err, aaa.KindUnavailable)
				}
			}
		}
	}
	check()
	// Records that come fast are not all taken on what was seen before them.
	used.Store(100)
	ahead.Add(int64(2 * diskEvery))
	h.must(s.Store(t.Context(), h.record(store.SpoolStop, aaa.NewID())))
	used.Store(936)
	h.must(s.Store(t.Context(), h.record(store.SpoolStop, aaa.NewID())))
	h.is(s.disk.room(store.SpoolStop, 10<<20), aaa.KindUnavailable)
	h.store.set(func() { h.store.away = true })
	s.o.DiskHoldsStore = false
	check()
	if n, _ := h.journal.Len(); n != 6 {
		t.Errorf("the journal has %d entries", n)
	}
	if h.log.count("the disk of the data folder fills up") != 1 {
		t.Errorf("the log is\n%s", &h.log.b)
	}
	unknown = true
	ahead.Add(int64(2 * diskEvery))
	h.must(s.Store(t.Context(), h.record(store.SpoolInterim, "unknown")))

	clear(s.quota.of) // what is there is of many accounts
	var refused []string
	for _, kind := range []store.SpoolKind{store.SpoolInterim, store.SpoolStart, store.SpoolStop} {
		_, octets := h.journal.Len()
		s.o.JournalOctets = octets * 1000 / 960
		if err := s.Store(t.Context(), h.record(kind, "full")); err != nil {
			h.is(err, aaa.KindUnavailable)
			refused = append(refused, string(kind))
		}
	}
	if got := fmt.Sprint(refused); got != "[interim]" {
		t.Errorf("a journal that is 96 %% full refuses %s", got)
	}
	_, s.o.JournalOctets = h.journal.Len()
	h.is(s.Store(t.Context(), h.record(store.SpoolStop, "full")), aaa.KindUnavailable)
}

// TestJournalIsShared: an account that stores all it can while the store is away leaves as much of the journal to others as it has.
func TestJournalIsShared(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.spool(func(o *Options) { o.JournalOctets = 64 << 10 })
	modest := h.record(store.SpoolInterim, "modest")
	modest.Account = aaa.NewAccountID()
	h.warm(s)
	_, err := h.vault.SealHeld(t.Context(), modest.Account, "warm", "")
	h.must(err)
	h.store.set(func() { h.store.away = true })
	for n := 0; err == nil && n < 1000; n++ {
		err = s.Store(t.Context(), h.record(store.SpoolStop, aaa.NewID()))
	}
	h.is(err, aaa.KindUnavailable)
	if _, octets := h.journal.Len(); octets < 16<<10 || octets > 48<<10 {
		t.Errorf("it has %d octets of the journal", octets)
	}
	h.must(s.Store(t.Context(), modest))
}

func TestDiskOf(t *testing.T) {
	t.Parallel()
	free, size, err := DiskOf(t.TempDir())()
	if err != nil || size == 0 || free > size {
		t.Errorf("%d of %d, %v", free, size, err)
	}
	if _, _, err := DiskOf("/nowhere/at/all")(); err == nil {
		t.Error("a folder that is not there has a disk")
	}
}
