package spool

import (
	"context"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

const (
	watchInterval = 10 * time.Second
	tidyInterval  = 10 * time.Minute // of the ledgers of nodes that are gone
	// ownSeries bounds the accounts with series of their own: otherwise tenants could raise the number of series.
	ownSeries    = 100
	mostBacklogs = 10_000 // read at once
	// stuckAfter is how long a record may wait while others of its account are delivered. A longer wait is an alarm.
	stuckAfter = time.Minute
	alarmEvery = 5 * time.Minute
)

// watched is the last reading of the backlogs.
type watched struct {
	at       time.Time
	clock    func() time.Time
	backlogs []store.SpoolBacklog // the most records first
	stuck    int
}

// alarm reads the backlogs for the metrics. It warns if records of an account age although its servers take others: then delivery is too slow or
// passes records over, and no failed attempt would show it.
type alarm struct {
	s         *Spool
	delivered map[aaa.AccountID]int64     // by the ledgers, at the last reading
	since     map[aaa.AccountID]time.Time // the last reading that showed a delivery
	warned    map[aaa.AccountID]time.Time
	parkFrom  int // in the list of backlogs, where the next look begins to park
}

func newAlarm(s *Spool) *alarm {
	return &alarm{s: s, delivered: make(map[aaa.AccountID]int64), since: make(map[aaa.AccountID]time.Time), warned: make(map[aaa.AccountID]time.Time)}
}

// run looks now and then, until ctx ends.
func (a *alarm) run(ctx context.Context) {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	tidy := time.NewTicker(tidyInterval)
	defer tidy.Stop()
	for {
		a.look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-tidy.C:
			if err := a.s.o.Store.Tidy(ctx, a.s.now()); err != nil && ctx.Err() == nil {
				a.s.o.Log.WarnContext(ctx, "the ledgers of accounting records were not tidied", "error", err)
			}
		}
	}
}

func (a *alarm) look(ctx context.Context) {
	list, err := a.s.o.Store.Backlogs(ctx, mostBacklogs)
	if err != nil {
		if ctx.Err() == nil && !isAway(err) { // claims log that a store is away
			a.s.o.Log.WarnContext(ctx, "the accounting records that wait could not be counted", "error", err)
		}
		return
	}
	now := a.s.now()
	delivered, since, warned := make(map[aaa.AccountID]int64, len(list)), make(map[aaa.AccountID]time.Time), make(map[aaa.AccountID]time.Time)
	stuck := 0
	for _, b := range list {
		delivered[b.Account] = b.Delivered
		last := a.since[b.Account]
		if before, known := a.delivered[b.Account]; known && b.Delivered > before {
			last = now
		}
		if !last.IsZero() {
			since[b.Account] = last
		}
		if b.Waiting == 0 || b.Oldest.IsZero() || now.Sub(b.Oldest) <= stuckAfter || last.IsZero() || now.Sub(last) > stuckAfter {
			continue
		}
		stuck++
		at := a.warned[b.Account]
		if at.IsZero() || now.Sub(at) >= alarmEvery {
			at = now
			a.s.o.Log.WarnContext(ctx, "accounting records wait although the account's servers take others",
				"account", b.Account, "waiting", b.Waiting, "oldest", now.Sub(b.Oldest).Round(time.Second).String())
		}
		warned[b.Account] = at
	}
	a.delivered, a.since = delivered, since
	a.s.delivery.ever.Store(&delivered)
	for account, at := range a.warned { // an account that is stuck again soon is not warned of twice
		if _, ok := warned[account]; !ok && now.Sub(at) < alarmEvery {
			warned[account] = at
		}
	}
	a.warned = warned
	a.s.o.Metrics.watched.Store(&watched{at: now, clock: a.s.now, backlogs: list, stuck: stuck})
	a.park(ctx, list, now)
}
