package httpapi

import (
	"context"
	"errors"
	"sync"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/pool"
)

const (
	// mostAsking is how many lines of an account ask servers at once, whatever its workers are.
	mostAsking = 256
	// mostStoring is the same of records that are answered when they are stored: they wait for one commit together.
	mostStoring = 1024
	// mostTranslating is the same of dry runs.
	mostTranslating = 2
	// mostUnderWay is how many lines of one call may be under way.
	mostUnderWay = mostAsking + mostStoring + mostTranslating
	// endlessQueue lets each call wait for its next line.
	endlessQueue = 1 << 20
)

// lanes bound the lines of all batches of an account together, so that its other requests find workers.
type lanes struct {
	mu       sync.Mutex
	accounts map[aaa.AccountID]*accountLanes
}

type accountLanes struct {
	calls                        int
	asking, storing, translating *pool.Pool
}

func newLanes() *lanes { return &lanes{accounts: make(map[aaa.AccountID]*accountLanes)} }

// enter gives a call the lanes of its account, with as many places as its workers and its requests a second allow now. The caller must call leave.
func (l *lanes) enter(account aaa.AccountID, workers int, perSecond int64) *accountLanes {
	second := int(min(perSecond, mostStoring)) // so that a line waits at most a second for the rate
	asking := max(1, min(workers*3/4, mostAsking, second))
	storing := max(1, second)
	l.mu.Lock()
	defer l.mu.Unlock()
	a, ok := l.accounts[account]
	if !ok {
		a = &accountLanes{
			asking: pool.New(asking, endlessQueue), storing: pool.New(storing, endlessQueue),
			translating: pool.New(mostTranslating, endlessQueue),
		}
		l.accounts[account] = a
	}
	a.calls++
	a.asking.SetWorkers(asking)
	a.storing.SetWorkers(storing)
	return a
}

func (l *lanes) leave(account aaa.AccountID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accounts[account]
	if a.calls--; a.calls == 0 {
		delete(l.accounts, account)
	}
}

// of is the lane of a line.
func (a *accountLanes) of(j *job) *pool.Pool {
	switch {
	case j.dryRun:
		return a.translating
	case j.req.Stored:
		return a.storing
	}
	return a.asking
}

// ratePatience is how long a line waits for the account's requests a second: as long as a request may take.
const ratePatience = 30 * time.Second

// ratePace gives turns to lines that the account's rate refused, as fast as the rate allows.
type ratePace struct {
	mu   sync.Mutex
	next time.Time
}

// again waits for the request's turn and returns true if the rate refused it, that is, before it was run, and it may be tried again. giveUp is
// zero before the first refusal.
func (p *ratePace) again(ctx context.Context, refused error, giveUp *time.Time) bool {
	var e *aaa.Error
	if refused == nil || !errors.As(refused, &e) || e.Kind != aaa.KindLimited || e.Excess == nil || e.Excess.Limit != aaa.LimitRequestsPerSecond {
		return false
	}
	now := time.Now()
	if giveUp.IsZero() {
		*giveUp = now.Add(ratePatience)
	}
	at, ok := p.turn(now, *giveUp, e)
	if !ok {
		return false
	}
	select {
	case <-time.After(at.Sub(now)):
		return true
	case <-ctx.Done():
		return false
	}
}

// turn returns when a refused request may try again, false if that is too late.
func (p *ratePace) turn(now, giveUp time.Time, refused *aaa.Error) (time.Time, bool) {
	if refused.Excess.Allowed <= 0 {
		return now, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	at := now.Add(refused.RetryAfter)
	if at.Before(p.next) {
		at = p.next
	}
	if at.After(giveUp) {
		return now, false
	}
	p.next = at.Add(time.Second / time.Duration(refused.Excess.Allowed))
	return at, true
}
