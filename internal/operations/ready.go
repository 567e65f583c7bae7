package operations

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// readyTime bounds the checks of readiness together: balancers wait for a second or two, Kubernetes for one.
	readyTime = 500 * time.Millisecond
	// storeCheckTime bounds a question to the store, which goes on after readyTime for those who ask later.
	storeCheckTime = 3 * time.Second
	// storeCheckEvery is how often the store is asked at the most, however many balancers and strangers ask.
	storeCheckEvery = 500 * time.Millisecond
)

// What is said of the node and of each check.
const (
	StateOK          = "ok"
	StateDegraded    = "degraded" // AAA requests are served
	StateUnavailable = "unavailable"
)

// Pinger is a store as Readiness asks about it.
type Pinger interface {
	// Ping asks the database a trivial question.
	Ping(ctx context.Context) error
	// CheckWrite writes a row that no one reads.
	CheckWrite(ctx context.Context) error
}

// Check is one condition of readiness.
type Check struct {
	Name string
	Ask  func(ctx context.Context) error
}

// Readiness tells whether AAA requests can be served.
type Readiness struct {
	store         Pinger
	warm          func() int // how many accounts are in memory
	lacks         []string
	checks        []Check
	reads, writes storeCheck
}

// NewReadiness asks the store, and checks beside it. lacks are lines that name the protections that the process does without: they make
// it no less ready.
func NewReadiness(store Pinger, warm func() int, lacks []string, checks ...Check) *Readiness {
	return &Readiness{store: store, warm: warm, lacks: lacks, checks: checks}
}

// State is how ready the node is.
type State struct {
	Status string
	Checks map[string]string
	Lacks  []string // protections that the process does without
	Why    string   // what is wrong, for the log alone
}

// Ready tells whether AAA requests can be served, and by which checks.
var Ready = define("ready", public, func(ctx context.Context, s *Served, _ *None) (State, error) { return s.Readiness.state(ctx), nil })

func (r *Readiness) state(ctx context.Context) State {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	s := State{Status: StateOK, Checks: make(map[string]string, len(r.checks)+2), Lacks: r.lacks}
	note := func(name string, err error, then string) {
		s.Checks[name] = StateOK
		if err != nil {
			s.Checks[name] = StateUnavailable
			s.Why = err.Error()
			if s.Status != StateUnavailable {
				s.Status = then
			}
		}
	}
	without := StateUnavailable // what the node is while its store can't be read
	if r.warm() > 0 {
		without = StateDegraded
	}
	r.reads.ask(ctx, r.store.Ping)
	r.writes.ask(ctx, r.store.CheckWrite)
	note("store", r.reads.answer(ctx), without)
	note("writes", r.writes.answer(ctx), StateDegraded) // AAA requests write nothing
	for _, check := range r.checks {
		note(check.Name, check.Ask(ctx), StateUnavailable)
	}
	return s
}

// Forget has the store asked anew, for tests; with a time, it counts as asked then.
func (r *Readiness) Forget(asked time.Time) {
	for _, s := range []*storeCheck{&r.reads, &r.writes} {
		s.mu.Lock()
		s.asked = asked
		s.mu.Unlock()
	}
}

// errSlowStore is the result of a check that is still waiting for the store.
var errSlowStore = errors.New("the store has not answered yet")

// storeCheck is a question to the store that all who ask share. Its answer is remembered for storeCheckEvery.
type storeCheck struct {
	mu      sync.Mutex
	asked   time.Time
	pending chan struct{} // closed with the answer; nil: no question is under way
	err     error
}

// ask puts the question unless it is under way or was answered a moment ago.
func (s *storeCheck) ask(ctx context.Context, question func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending != nil || time.Since(s.asked) < storeCheckEvery {
		return
	}
	s.asked, s.pending = time.Now(), make(chan struct{})
	ctx = context.WithoutCancel(ctx) // the answer is for others, too
	go func() {
		ctx, cancel := context.WithTimeout(ctx, storeCheckTime)
		defer cancel()
		err := question(ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		close(s.pending)
		s.asked, s.pending, s.err = time.Now(), nil, err
	}()
}

// answer waits for the answer until ctx ends or the question is older than readyTime.
func (s *storeCheck) answer(ctx context.Context) error {
	s.mu.Lock()
	pending, left, err := s.pending, readyTime-time.Since(s.asked), s.err
	s.mu.Unlock()
	if pending == nil {
		return err
	}
	t := time.NewTimer(left)
	defer t.Stop()
	select {
	case <-pending:
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.err
	case <-t.C:
	case <-ctx.Done():
	}
	return errSlowStore
}
