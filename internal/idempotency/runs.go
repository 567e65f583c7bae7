package idempotency

import (
	"context"
	"sync"
	"time"

	"aaa-api/internal/aaa"
)

const (
	// A process has at most maxRuns requests running under a key, and maxOfAccount of one account.
	maxRuns, maxOfAccount = 20_000, 5_000
	// runEnds is after RunTime, since the news of a run's end takes its time, and before the end of its claim.
	runEnds = RunTime + 5*time.Second
)

// Ticket is what ends a run. It is a secret of the process that runs the request.
type Ticket [16]byte

// Runs are the requests that one process runs under a key. Runs that it does not end in time, or leaves behind when it goes, have failed.
type Runs struct {
	mu       sync.Mutex
	held     map[Ticket]heldRun
	accounts map[aaa.AccountID]int // how many runs each has, begun or about to be
	count    int
	closed   bool
}

type heldRun struct {
	run     *Run
	account aaa.AccountID
	late    *time.Timer
}

// NewRuns makes the Runs of a process.
func NewRuns() *Runs {
	return &Runs{held: make(map[Ticket]heldRun), accounts: make(map[aaa.AccountID]int)}
}

var (
	errManyRuns = &aaa.Error{Kind: aaa.KindBusy, RetryAfter: time.Second, Message: "too many requests with an Idempotency-Key are running"}
	errGone     = &aaa.Error{Kind: aaa.KindUnavailable, RetryAfter: time.Second, Message: "the process that asks is gone"}
)

// Begin is Keys.Begin for the process. run is the id under which a request runs that has begun, empty with an answer of an earlier one; End
// with the ticket ends it.
func (s *Runs) Begin(ctx context.Context, k *Keys, r Request, wait func(id string) error) (run string, t Ticket, answer []byte, err error) {
	if err := s.enter(r.Account); err != nil {
		return "", t, nil, err
	}
	begun, answer, err := k.Begin(ctx, r, wait)
	if begun == nil {
		s.leave(r.Account)
		return "", t, answer, err
	}
	aaa.Random(t[:])
	if !s.keep(t, begun, r.Account) {
		s.leave(r.Account)
		begun.End(ctx, nil)
		return "", t, nil, errGone
	}
	return begun.ID, t, nil, nil
}

func (s *Runs) enter(account aaa.AccountID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count >= maxRuns || s.accounts[account] >= maxOfAccount {
		return errManyRuns
	}
	s.count++
	s.accounts[account]++
	return nil
}

func (s *Runs) leave(account aaa.AccountID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count--
	if s.accounts[account]--; s.accounts[account] == 0 {
		delete(s.accounts, account)
	}
}

func (s *Runs) keep(t Ticket, run *Run, account aaa.AccountID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	late := time.AfterFunc(runEnds, func() { s.End(context.Background(), t, nil) })
	s.held[t] = heldRun{run, account, late}
	return true
}

// End ends a run with the answer that repetitions get, nil if it failed. It returns false if the ticket is of none: the run was too late.
func (s *Runs) End(ctx context.Context, t Ticket, answer []byte) bool {
	s.mu.Lock()
	h, ok := s.held[t]
	delete(s.held, t)
	s.mu.Unlock()
	if !ok {
		return false
	}
	h.late.Stop()
	s.leave(h.account)
	h.run.End(ctx, answer)
	return true
}

// Close ends all runs, when the process is gone. Those that begin later fail.
func (s *Runs) Close(ctx context.Context) {
	s.mu.Lock()
	s.closed = true
	left := make([]Ticket, 0, len(s.held))
	for t := range s.held {
		left = append(left, t)
	}
	s.mu.Unlock()
	for _, t := range left {
		s.End(ctx, t, nil)
	}
}
