package spool

import (
	"context"
	"time"

	"aaa-api/internal/store"
)

// Bounds of what is parked after one look.
const (
	parkAccounts = 200
	parkCalls    = 500
	leastKeep    = time.Minute // no document has records parked sooner
)

// park parks what has waited for its time. The next try of a record does that too, and that of one of many whose server is silent is far away.
func (a *alarm) park(ctx context.Context, list []store.SpoolBacklog, now time.Time) {
	calls, looked := 0, 0
	for i := range list {
		at := (a.parkFrom + i) % len(list)
		b := list[at]
		if b.Waiting == 0 || b.Oldest.IsZero() || now.Sub(b.Oldest) < leastKeep {
			continue
		}
		if looked++; looked > parkAccounts || calls >= parkCalls {
			a.parkFrom = at
			return
		}
		total := int64(0)
		for more := true; more && calls < parkCalls && ctx.Err() == nil; calls++ {
			n, err := a.s.o.Store.Park(ctx, b.Account, now, a.s.o.Node)
			if err != nil {
				if ctx.Err() == nil {
					a.s.o.Log.WarnContext(ctx, "accounting records whose time is over were not parked", "account", b.Account, "error", err)
				}
				break
			}
			total += n
			more = n > 0
		}
		if total > 0 {
			a.s.o.Metrics.count(countParked, int(total))
			a.s.o.Log.WarnContext(ctx, "accounting records were parked, since no server took them in time: they are kept until somebody sends them again or drops them",
				"account", b.Account, "records", total)
			a.s.wakeBehind()
		}
	}
}
