package spool

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

const (
	journalTime  = 5 * time.Second // for a group to be synced
	mostSessions = 1 << 18         // that are told apart in the journal
	mostDone     = 1 << 18
	mostMoved    = 1 << 18
	mostCopied   = 1 << 16
)

// away is what this node knows of the store's absence and of its journal.
type away struct {
	boot string // names this process in entries

	mu    sync.Mutex
	gone  bool // the store did not answer last
	since time.Time
	// unread: the journal may have entries that are not in sessions, of another process or too many. Then all records go to the journal, so that
	// none overtakes those entries.
	unread   bool
	sessions map[[16]byte]int // entries in the journal of each session
	untold   int              // entries of sessions for which there was no room
	holding  map[idKey]*holding
	done     recent[idKey, struct{}]    // entries whose outcome the journal has
	moved    recent[idKey, struct{}]    // entries that the store has, while their segment is still there
	copied   recent[[16]byte, struct{}] // entries with a copy at the end of the journal, while their segment is still there; of the mover alone
}

// holding is a record of the journal that is being attempted.
type holding struct {
	until time.Time
	moved bool // the store has it now
}

func (a *away) init(j Journal) {
	a.boot = aaa.NewID()[:16]
	a.sessions = make(map[[16]byte]int)
	a.holding = make(map[idKey]*holding)
	a.done.most, a.moved.most, a.copied.most = mostDone, mostMoved, mostCopied
	if j != nil {
		n, _ := j.Len()
		a.unread = n > 0
	}
}

// is reports whether the store is away.
func (a *away) is() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.gone
}

// gone takes note that the store did not answer.
func (i *intake) gone(err error) {
	if i.s.o.Journal == nil {
		return
	}
	a := &i.away
	a.mu.Lock()
	was := a.gone
	if !was {
		a.gone, a.since = true, i.s.now()
	}
	a.mu.Unlock()
	if !was {
		i.s.o.Log.Warn("the database is away: accounting records go to this node's journal", "error", err)
	}
}

// returned takes note that the store answers.
func (i *intake) returned() {
	a := &i.away
	a.mu.Lock()
	was, since := a.gone, a.since
	a.gone = false
	a.mu.Unlock()
	if was {
		i.s.o.Log.Info("the database is back: accounting records go to it again", "after", i.s.now().Sub(since).Round(time.Millisecond).String())
	}
}

func sessionKey(account aaa.AccountID, session string) [16]byte {
	sum := sha256.Sum256([]byte(string(account) + "\x00" + session))
	return [16]byte(sum[:])
}

// part splits records into those for the store and those for the journal. While the store is away, all go to the journal; otherwise only those
// that would overtake a record of their session there.
func (a *away) part(list []*pending) (direct, later []*pending) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.gone || a.unread:
		return nil, list
	case len(a.sessions) == 0 && a.untold == 0:
		return list, nil
	}
	for _, p := range list {
		if a.behind(&p.record) {
			later = append(later, p)
		} else {
			direct = append(direct, p)
		}
	}
	return direct, later
}

// behind reports whether the journal has, or may have, another record of a record's session. It is called with mu.
func (a *away) behind(r *store.SpoolRecord) bool {
	return r.Session != "" && (a.unread || a.untold > 0 || a.sessions[sessionKey(r.Account, r.Session)] > 0)
}

// track counts an entry of a session. It is called with mu.
func (a *away) track(r *store.SpoolRecord) {
	if r.Session == "" {
		return
	}
	key := sessionKey(r.Account, r.Session)
	if _, known := a.sessions[key]; !known && len(a.sessions) >= mostSessions {
		a.untold++
		return
	}
	a.sessions[key]++
}

// untrack is track's inverse. It is called with mu.
func (a *away) untrack(account aaa.AccountID, session string) {
	if session == "" {
		return
	}
	key := sessionKey(account, session)
	switch n := a.sessions[key]; {
	case n > 1:
		a.sessions[key] = n - 1
	case n == 1:
		delete(a.sessions, key)
	default:
		a.untold = max(0, a.untold-1)
	}
}

// journal writes records to the journal and ends their wait.
func (i *intake) journal(list []*pending) {
	a := &i.away
	var taken []*pending
	var entries [][]byte
	for _, p := range list {
		if err := i.journalRoom(p.record.Kind, len(p.record.Payload)); err != nil {
			i.fail([]*pending{p}, err)
			continue
		}
		backlog := i.quota.backlog(p.record.Account)
		a.mu.Lock()
		p.kept = !p.hold || backlog || a.behind(&p.record)
		a.mu.Unlock()
		e, err := recordEntry(a.boot, &p.record, !p.kept)
		if err != nil {
			i.fail([]*pending{p}, err)
			continue
		}
		a.mu.Lock()
		a.track(&p.record)
		if !p.kept {
			a.holding[keyOf(p.record.ID)] = &holding{until: p.record.Lease.Until}
		}
		a.mu.Unlock()
		taken, entries = append(taken, p), append(entries, e)
	}
	if len(taken) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), journalTime)
	err := i.s.o.Journal.Append(ctx, entries)
	cancel()
	if err != nil {
		a.mu.Lock()
		for _, p := range taken {
			a.untrack(p.record.Account, p.record.Session)
			delete(a.holding, keyOf(p.record.ID))
		}
		a.mu.Unlock()
		i.fail(taken, &aaa.Error{
			Kind: aaa.KindUnavailable, Message: "the accounting record can't be stored: the database is away, and this node's journal can't be written; repeat the request",
			RetryAfter: time.Second, Err: err,
		})
		return
	}
	i.s.o.Metrics.count(countJournaled, len(taken))
	for _, p := range taken {
		i.quota.shift(&p.record, inFlight, inJournal)
		p.journaled = true
		close(p.done)
	}
}

// ends reports whether an outcome ends a record.
func ends(o store.SpoolOutcome) bool {
	return o == store.SpoolDelivered || o == store.SpoolWithdrawn || o == store.SpoolGone
}

// settleJournaled writes the outcome of an attempt to deliver a journaled record: to the store if the record has moved there meanwhile,
// otherwise to the journal. A failed attempt needs no entry in the journal: the record stays.
func (i *intake) settleJournaled(h *Held, o store.SpoolSettlement) <-chan struct{} {
	a := &i.away
	key := keyOf(h.stored.ID)
	a.mu.Lock()
	held := a.holding[key]
	delete(a.holding, key)
	moved := held != nil && held.moved
	if ends(o.Outcome) && !moved {
		a.done.put(key, struct{}{})
		a.untrack(h.stored.Account, h.stored.Session)
		a.unread = a.unread || a.done.lost
	}
	a.mu.Unlock()
	if moved {
		return i.s.delivery.settle(o)
	}
	written := make(chan struct{})
	if !ends(o.Outcome) {
		close(written)
		return written
	}
	go func() {
		defer close(written)
		e, err := doneEntry(a.boot, &h.stored, o.Outcome)
		if err == nil {
			ctx, cancel := context.WithTimeout(context.Background(), journalTime)
			err = i.s.o.Journal.Append(ctx, [][]byte{e})
			cancel()
		}
		if err != nil {
			i.s.o.Log.Error("the outcome of an accounting record was not written to the journal: if this node falls now, the record is sent again",
				"account", h.stored.Account, "record", h.stored.ID, "error", err)
		}
	}()
	return written
}

// forget forgets outcomes that the store has.
func (a *away) forget(list []store.SpoolSettlement) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, o := range list {
		a.done.remove(keyOf(o.ID))
	}
}
