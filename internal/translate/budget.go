package translate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"aaa-api/internal/aaa"
	"aaa-api/internal/limits"
)

// Steps of a Budget. One takes up to 20 ns of a core of the year 2025.
const (
	// freeSteps are what every request may spend without waiting for the node's processor: a third of a millisecond.
	freeSteps = 16 << 10
	// turnSteps are spent before another account gets the core.
	turnSteps = 128 << 10
	// creditSteps are taken from the Budget at once, so that most rules need no atomic operation.
	creditSteps = 1 << 10
	// memoSteps make an evaluation worth remembering. Requests that wait for nobody allocate nothing.
	memoSteps = freeSteps
)

// Budget is what one request may spend on expressions: over all rules, servers and documents, and in both directions. The
// zero value, and nil, bound nothing. It is safe for use by many goroutines.
type Budget struct {
	account   *limits.Account
	processor *limits.Processor
	allowed   int64
	left      atomic.Int64

	mu    sync.Mutex
	found map[evaluation]finding // of costly evaluations: equal expressions and values are evaluated once
}

// evaluation is an expression with the text that it is matched on. Equal expressions are one matcher.
type evaluation struct {
	m    *matcher
	text string
}

// Begin has the Budget count the steps of an account's request, of which so many are left.
func (b *Budget) Begin(account *limits.Account, processor *limits.Processor, left int64) {
	b.account, b.processor, b.allowed = account, processor, account.Of(aaa.LimitExpressionSteps)
	b.left.Store(left)
}

// Left is how many steps the request may still spend.
func (b *Budget) Left() int64 { return max(b.left.Load(), 0) }

// errSpent says that the next evaluation costs more than the request has left.
var errSpent = errors.New("too costly")

// spender spends a Budget during one call. Its methods return errSpent, the context's error, or an *aaa.Error of KindBusy.
type spender struct {
	ctx    context.Context //nolint:containedctx // of the call
	budget *Budget
	credit int64
	since  int64 // spent in this turn
	turn   limits.Turn
	turned bool // turn has begun
}

// end gives back what is not used.
func (s *spender) end() {
	if s.credit > 0 {
		s.budget.left.Add(s.credit)
		s.credit = 0
	}
	if s.turned {
		s.turn.End()
		s.turned = false
	}
}

// spend pays for what comes next.
func (s *spender) spend(steps int64) error {
	if s.credit >= steps {
		s.credit -= steps
		return nil
	}
	return s.draw(steps)
}

// draw takes steps from the Budget, and waits for the processor once they are many.
func (s *spender) draw(steps int64) error {
	b := s.budget
	if b == nil || b.account == nil {
		return nil
	}
	if err := s.ctx.Err(); err != nil {
		return err
	}
	steps -= s.credit
	left := b.left.Add(-steps - creditSteps)
	if left < -creditSteps {
		b.left.Add(steps + creditSteps)
		b.account.Refused(aaa.LimitExpressionSteps)
		return errSpent
	}
	s.credit = creditSteps
	if left < 0 {
		b.left.Add(-left)
		s.credit += left
	}
	if b.allowed-left <= freeSteps+creditSteps {
		return nil
	}
	s.since += steps
	switch {
	case !s.turned:
		var err error
		if s.turn, err = b.processor.Take(s.ctx, b.account.ID); err != nil {
			return err
		}
		s.turned, s.since = true, steps
	case s.since > turnSteps:
		s.since = steps
		if err := s.turn.Pass(s.ctx); err != nil {
			s.turned = false
			return err
		}
	}
	return nil
}

// match evaluates an expression.
func (s *spender) match(m *matcher, text string) (finding, error) {
	steps := m.steps(len(text))
	remember := steps >= memoSteps && s.budget != nil
	if remember {
		if err := s.spend(1 + int64(len(text))/64); err != nil {
			return finding{}, err
		}
		s.budget.mu.Lock()
		f, ok := s.budget.found[evaluation{m, text}]
		s.budget.mu.Unlock()
		if ok {
			return f, nil
		}
	}
	if err := s.spend(steps); err != nil {
		return finding{}, err
	}
	f := m.find(text)
	if remember {
		s.budget.mu.Lock()
		if s.budget.found == nil {
			s.budget.found = make(map[evaluation]finding)
		}
		s.budget.found[evaluation{m, text}] = f
		s.budget.mu.Unlock()
	}
	return f, nil
}

// overspent is the message of errSpent at rule i.
func (p *Program) overspent(i int, b *Budget) string {
	return p.inRule(i, fmt.Sprintf("a request may spend %d steps on expressions, over all rules and servers, and this one takes more than are left (%s)",
		b.allowed, aaa.LimitExpressionSteps.Name()))
}

// refusal turns errSpent into the *aaa.Error of a value: element j of rule i's key, or -1. Other errors stay as they are.
func (p *Program) refusal(i, j int, b *Budget, err error) error {
	if !errors.Is(err, errSpent) {
		return err
	}
	return aaa.Invalid(aaa.Field{Path: p.rules[i].path(j), Rule: "maximum", Target: b.allowed, Message: p.overspent(i, b)})
}
