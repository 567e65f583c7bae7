package spool

import (
	"context"
	"slices"
	"time"

	"aaa-api/internal/store"
)

const (
	moveEvery  = time.Second      // between two tries to move the journal
	adoptEvery = 30 * time.Second // between two looks for journals of processes that are gone
	refusedFor = time.Minute      // before an entry that was refused is tried again
	moveTime   = 10 * time.Second // for a batch
	// moveLease keeps a record that another process attempted from being tried again before its outcome is found further on in the journal.
	moveLease  = 3 * time.Minute
	mostLeased = 1 << 16 // such records that are due as soon as the whole journal is moved; others when the lease ends
)

// run moves what the journal holds into the store, until ctx ends.
func (i *intake) run(ctx context.Context) {
	if i.s.o.Journal == nil {
		<-ctx.Done()
		return
	}
	m := newMover(i)
	tick := time.NewTicker(moveEvery)
	defer tick.Stop()
	for {
		m.move(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// mover moves the journal into the store, batch by batch. A batch may come again after an error, as appends and outcomes may be repeated.
type mover struct {
	i      *intake
	size   size
	leased []store.SpoolSettlement // releases of records that have a moveLease

	// Of one pass over the journal.
	records int
	from    time.Time // when the oldest was received

	drained time.Time // the last pass
	refused int64     // entries that it put back
}

func newMover(i *intake) *mover {
	return &mover{i: i, size: size{most: i.group.size.most}}
}

// move makes a pass over the journal.
func (m *mover) move(ctx context.Context) {
	i, now := m.i, m.i.s.now()
	n, _ := i.s.o.Journal.Len()
	if n == m.refused && now.Sub(m.drained) < refusedFor && (n > 0 || now.Sub(m.drained) < adoptEvery) {
		m.back(ctx)
		return
	}
	m.records, m.refused, m.from, m.drained = 0, 0, time.Time{}, now
	err := i.s.o.Journal.Drain(ctx, func(entries [][]byte) error {
		for len(entries) > 0 {
			n := min(len(entries), m.size.get())
			if err := m.batch(ctx, entries[:n]); err != nil {
				return err
			}
			entries = entries[n:]
		}
		return nil
	})
	if m.records > 0 {
		i.s.o.Log.Info("accounting records are moved from the journal to the database", "records", m.records, "from", m.from)
	}
	if err == nil {
		err = m.release(ctx)
	}
	switch {
	case err == nil:
		m.end()
		m.back(ctx)
	case ctx.Err() != nil:
	case isAway(err):
		i.gone(err)
	default:
		i.s.o.Log.Error("the journal of accounting records can't be moved to the database", "error", err)
	}
}

// end ends a pass over the whole journal.
func (m *mover) end() {
	a := &m.i.away
	n, _ := m.i.s.o.Journal.Len()
	a.mu.Lock()
	a.unread = false
	a.moved.reset()
	a.copied.reset()
	for key, h := range a.holding { // an attempt that takes so long has its outcome written to the journal
		if m.drained.Sub(h.until) > holdLease {
			delete(a.holding, key)
		}
	}
	if n == 0 {
		a.done.reset()
	}
	a.mu.Unlock()
}

// back asks the store whether it is back. A journal without entries does not show it.
func (m *mover) back(ctx context.Context) {
	if !m.i.away.is() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, countsTime)
	defer cancel()
	if _, err := m.i.s.o.Store.Counts(ctx, ""); !isAway(err) {
		m.i.returned()
	}
}

// batch moves entries into the store.
func (m *mover) batch(ctx context.Context, list [][]byte) error {
	i, now := m.i, m.i.s.now()
	var records []*entry
	var outcomes []store.SpoolSettlement
	var back [][]byte // entries that are put behind all others
	raw := make(map[*entry][]byte, len(list))
	ended := make(map[string]bool)
	for _, b := range list {
		e, err := decodeEntry(original(b))
		switch {
		case err != nil:
			i.s.o.Log.Error("an entry of the journal can't be read: it stays there", "error", err)
			back = append(back, b)
		case e.Done != nil:
			ended[e.ID] = true
			outcomes = append(outcomes, store.SpoolSettlement{
				Account: e.Account, ID: e.ID, Revision: 1, Session: e.Session, Outcome: *e.Done, Attempt: store.SpoolAttempt{At: now, Node: i.s.o.Node},
			})
		default:
			records, raw[e] = append(records, e), b
		}
	}
	var appends []store.SpoolRecord
	var of []*entry
	for _, e := range records {
		if r, ok := m.due(e, ended, now); ok {
			appends, of = append(appends, r), append(of, e)
		}
	}
	err := m.append(ctx, appends, of, func(e *entry, err error) {
		i.s.o.Log.Error("the database refuses an accounting record of the journal: it stays there and is tried again", "account", e.Account, "record", e.ID, "error", err)
		back = append(back, raw[e])
	})
	if err != nil {
		return err
	}
	if len(outcomes) > 0 {
		if err := m.settle(ctx, outcomes); err != nil {
			return err
		}
		i.away.forget(outcomes)
		m.leased = slices.DeleteFunc(m.leased, func(o store.SpoolSettlement) bool { return ended[o.ID] })
	}
	return m.putBack(ctx, back)
}

// putBack appends copies of entries, once for each even if their batch comes again.
func (m *mover) putBack(ctx context.Context, list [][]byte) error {
	m.refused += int64(len(list))
	list = slices.DeleteFunc(list, func(b []byte) bool { return m.i.away.copied.has(hashOf(b)) })
	if len(list) == 0 {
		return nil
	}
	copies := make([][]byte, len(list))
	for n, b := range list {
		copies[n] = copyOf(b)
	}
	ctx, cancel := context.WithTimeout(ctx, journalTime)
	defer cancel()
	if err := m.i.s.o.Journal.Append(ctx, copies); err != nil {
		return err
	}
	for _, b := range list {
		m.i.away.copied.put(hashOf(b), struct{}{})
	}
	return nil
}

// due returns the record of an entry as the store is to have it. ok is false if the store needs it no more.
func (m *mover) due(e *entry, ended map[string]bool, now time.Time) (r store.SpoolRecord, ok bool) {
	i := m.i
	a := &i.away
	r = e.record()
	own := e.Boot == a.boot
	a.mu.Lock()
	defer a.mu.Unlock()
	key := keyOf(e.ID)
	switch {
	case a.moved.has(key) || !own && ended[e.ID]:
		return r, false
	case own && a.done.has(key):
		m.left(e, &r, nowhere)
		return r, false
	case i.repeats.seen(&r, now):
		m.left(e, &r, nowhere)
		return r, false
	}
	r.DueAt = now
	h := a.holding[key]
	switch {
	case !e.Hold:
	case own && h != nil && now.Before(h.until):
		r.Lease = store.Lease{Node: i.s.o.Node, Until: h.until}
	case own && !a.done.lost:
		delete(a.holding, key)
	case len(m.leased) < mostLeased:
		m.leased = append(m.leased, store.SpoolSettlement{
			Account: e.Account, ID: e.ID, Revision: 1, Session: e.Session, Outcome: store.SpoolReleased, DueAt: now,
		})
		fallthrough
	default:
		r.Lease = store.Lease{Node: i.s.o.Node, Until: now.Add(moveLease)}
	}
	return r, true
}

// left notes that a record has left the journal, and where it is now. It is called with away.mu.
func (m *mover) left(e *entry, r *store.SpoolRecord, to place) {
	a := &m.i.away
	key := keyOf(e.ID)
	a.moved.put(key, struct{}{})
	if e.Boot != a.boot {
		return // this process has not counted it
	}
	m.i.quota.shift(r, inJournal, to)
	if !a.done.has(key) { // else settleJournaled has untracked it
		a.untrack(e.Account, e.Session)
	}
}

// append stores records. It calls refuse for each that the store does not take. Its error means that the store is away.
func (m *mover) append(ctx context.Context, list []store.SpoolRecord, of []*entry, refuse func(*entry, error)) error {
	if len(list) == 0 {
		return nil
	}
	timed, cancel := context.WithTimeout(ctx, moveTime)
	began := time.Now()
	_, err := m.i.s.o.Store.Append(timed, list)
	cancel()
	m.size.took(len(list), time.Since(began), err)
	switch {
	case err == nil:
	case isAway(err):
		return err
	case len(list) == 1:
		refuse(of[0], err)
		return nil
	default:
		half := len(list) / 2
		if err := m.append(ctx, list[:half], of[:half], refuse); err != nil {
			return err
		}
		return m.append(ctx, list[half:], of[half:], refuse)
	}
	a := &m.i.away
	a.mu.Lock()
	for n, e := range of {
		m.left(e, &list[n], inStore)
		if h := a.holding[keyOf(e.ID)]; h != nil {
			h.moved = true
		}
		if m.from.IsZero() || list[n].ReceivedAt.Before(m.from) {
			m.from = list[n].ReceivedAt
		}
	}
	a.mu.Unlock()
	m.records += len(list)
	for _, r := range list {
		m.i.quota.kept(r.Account)
	}
	m.i.returned()
	m.i.s.delivery.wake()
	return nil
}

func (m *mover) settle(ctx context.Context, list []store.SpoolSettlement) error {
	ctx, cancel := context.WithTimeout(ctx, moveTime)
	defer cancel()
	return m.i.s.o.Store.Settle(ctx, m.i.s.now(), list)
}

// release makes records due whose outcome the journal did not have.
func (m *mover) release(ctx context.Context) error {
	for len(m.leased) > 0 {
		n := min(len(m.leased), mostGrouped)
		if err := m.settle(ctx, m.leased[:n]); err != nil {
			return err
		}
		m.leased = m.leased[n:]
	}
	m.leased = nil
	return nil
}
