package spool

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"aaa-api/internal/aaa"
	"aaa-api/internal/limits"
	"aaa-api/internal/store"
)

const (
	countsAge   = time.Second // how old an account's counts may be that refuse a record
	countsTime  = 2 * time.Second
	warnEvery   = 5 * time.Minute
	quotaAgain  = 10 * time.Second // when a refused caller may try again
	backlogAge  = 2 * time.Second  // a record that has waited for so long is not just at its server
	usageIdle   = 10 * time.Minute // what is known of an account without records
	usageMemory = 1024             // accounts before the idle ones are forgotten
)

// Thousandths of a bound up to which each kind of record is taken. Interims are refused first, because the next one replaces them.
const (
	shareWarned  = 800
	shareInterim = 950
	shareStart   = 975
	shareStop    = 1000
)

func share(kind store.SpoolKind) int64 {
	switch kind {
	case store.SpoolInterim:
		return shareInterim
	case store.SpoolStop:
		return shareStop
	}
	return shareStart
}

// within reports whether used is within a share of a bound. The share is rounded up, so that a bound of one is no bound of none.
func within(used, bound, share int64) bool {
	if bound > limits.Unlimited/1000 {
		return true
	}
	return used <= (bound*share+999)/1000
}

// usage is what this node knows of an account's records.
type usage struct {
	counts store.SpoolCounts // of all nodes, as the store had them
	read   time.Time         // zero: never
	asked  time.Time         // when the counts were last asked for

	at     [numPlaces]amount // this node's records that are not in counts
	shifts int               // how often a record came into the store
	unsure bool              // counts may have records that at has too

	kept         time.Time // when a record of this node was last known to wait
	warned, used time.Time
}

// place is where a record of this node is.
type place uint8

const (
	nowhere  place = iota
	inFlight       // into the store or the journal
	inStore        // since the counts were read
	inJournal
	numPlaces
)

// amount is records and their octets.
type amount struct{ records, octets int64 }

func (a *amount) add(n, octets int64) { a.records += n; a.octets += octets }

// quota holds accounts to their limits spool_records and spool_octets.
type quota struct {
	s       *Spool
	mu      sync.Mutex
	of      map[aaa.AccountID]*usage
	looking singleflight.Group
}

// get returns an account's usage. It is called with mu.
func (q *quota) get(account aaa.AccountID, now time.Time) *usage {
	u := q.of[account]
	if u == nil {
		if len(q.of) >= usageMemory && len(q.of)%64 == 0 {
			for id, u := range q.of {
				if u.at[inJournal] == (amount{}) && now.Sub(u.used) > usageIdle {
					delete(q.of, id)
				}
			}
		}
		u = &usage{}
		q.of[account] = u
	}
	u.used = now
	return u
}

// take counts a record, or refuses it if the account is at its limit. away means that the store can't be asked.
func (q *quota) take(ctx context.Context, r *store.SpoolRecord, away bool) error {
	account, err := q.s.o.Limits(ctx, r.Account)
	if err != nil {
		return err
	}
	now := q.s.now()
	q.mu.Lock()
	u := q.get(r.Account, now)
	first, old := u.read.IsZero() && now.Sub(u.asked) > countsAge, now.Sub(u.read) > countsAge
	over, refused := u.over(account, r)
	if ask := refused && (old || u.unsure); !away && (ask || first || old && now.Sub(u.asked) > countsAge) {
		u.asked = now
		q.mu.Unlock()
		if first || ask {
			q.read(ctx, r.Account)
		} else {
			go q.read(context.WithoutCancel(ctx), r.Account)
		}
		q.mu.Lock()
		over, refused = u.over(account, r)
	}
	if !refused {
		u.shift(r, nowhere, inFlight)
	}
	warn := u.nearly(account) && now.Sub(u.warned) >= warnEvery
	if warn {
		u.warned = now
	}
	records, octets := u.sum(nil)
	q.mu.Unlock()
	if warn {
		q.s.o.Log.WarnContext(ctx, "an account comes near the limit of its accounting records: they are refused from 95 % on", "account", r.Account,
			aaa.LimitSpoolRecords.Name(), records, "of", account.Of(aaa.LimitSpoolRecords),
			aaa.LimitSpoolOctets.Name(), octets, "of_octets", account.Of(aaa.LimitSpoolOctets))
	}
	if refused {
		e := account.Excess(over).Error(aaa.KindLimited, quotaAgain)
		if s := share(r.Kind); s < shareStop {
			e.Message += fmt.Sprintf("; from %g %% of it %s records are refused", float64(s)/10, r.Kind)
		}
		return e
	}
	return nil
}

// sum is what the account has, with one more record if r is set.
func (u *usage) sum(r *store.SpoolRecord) (records, octets int64) {
	records, octets = u.counts.Waiting+u.counts.Parked, u.counts.Octets
	for _, a := range u.at[inFlight:] {
		records, octets = records+a.records, octets+a.octets
	}
	if r != nil {
		records, octets = records+1, octets+int64(len(r.Payload))
	}
	return records, octets
}

// over returns the limit that refuses a record, if there is one.
func (u *usage) over(account *limits.Account, r *store.SpoolRecord) (aaa.Limit, bool) {
	records, octets := u.sum(r)
	switch s := share(r.Kind); {
	case !within(records, account.Of(aaa.LimitSpoolRecords), s):
		return aaa.LimitSpoolRecords, true
	case !within(octets, account.Of(aaa.LimitSpoolOctets), s):
		return aaa.LimitSpoolOctets, true
	}
	return 0, false
}

func (u *usage) nearly(account *limits.Account) bool {
	records, octets := u.sum(nil)
	return records > 0 && (!within(records+1, account.Of(aaa.LimitSpoolRecords), shareWarned) || !within(octets+1, account.Of(aaa.LimitSpoolOctets), shareWarned))
}

// read asks the store for an account's counts. All who want them at once share the answer.
func (q *quota) read(ctx context.Context, account aaa.AccountID) {
	_, _, _ = q.looking.Do(string(account), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), countsTime)
		defer cancel()
		q.mu.Lock()
		u := q.get(account, q.s.now())
		before, shifts, unsure := u.at[inStore], u.shifts, u.at[inFlight].records > 0
		q.mu.Unlock()
		c, err := q.s.o.Store.Counts(ctx, account)
		if err != nil {
			if isAway(err) {
				q.s.intake.gone(err)
			}
			return nil, nil
		}
		now := q.s.now()
		q.mu.Lock()
		defer q.mu.Unlock()
		u = q.get(account, now)
		u.counts, u.read, u.unsure = c, now, unsure || u.shifts != shifts
		u.at[inStore].add(-before.records, -before.octets)
		if c.Oldest.IsZero() || c.Oldest.After(u.kept) {
			u.kept = time.Time{}
		}
		return nil, nil
	})
}

// shift notes that a record has come from one place to another.
func (q *quota) shift(r *store.SpoolRecord, from, to place) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.get(r.Account, q.s.now()).shift(r, from, to)
}

func (u *usage) shift(r *store.SpoolRecord, from, to place) {
	octets := int64(len(r.Payload))
	u.at[from].add(-1, -octets)
	u.at[to].add(1, octets)
	if to == inStore {
		u.shifts++
	}
}

// kept notes that a record of the account waits.
func (q *quota) kept(account aaa.AccountID) {
	now := q.s.now()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.get(account, now).kept = now
}

// backlog reports whether records of the account waited when the store was last seen. A record younger than backlogAge may just be at its
// server: it counts only if this node knows that it waits.
func (q *quota) backlog(account aaa.AccountID) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	u := q.of[account]
	return u != nil && (!u.kept.IsZero() || !u.counts.Oldest.IsZero() && u.read.Sub(u.counts.Oldest) > backlogAge)
}
