package httpapi

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"aaa-api/internal/aaa"
	"aaa-api/internal/limits"
)

const (
	// freeOctets is how long a body is that costs nothing of the budget, so that AAA requests go on when it is spent:
	// connections bound these.
	freeOctets = 16 << 10
	// freeAnswer is the same of an answer.
	freeAnswer = 64 << 10
	// traceOctets is what a request with a trace may cost while it runs.
	traceOctets = 1 << 20
	// strangersOctets is what bodies may hold together whose senders are not known yet.
	strangersOctets = 16 << 20
	// defaultBudget is a node's budget where nothing is known of its memory, leastBudget where that is short: the
	// longest upload must fit.
	defaultBudget = 128 << 20
	leastBudget   = 32 << 20
)

// Budget bounds the memory that bodies, answers and traces in flight hold on one node. An account never holds more than
// its body_octets, nor more than what is left for all others.
type Budget struct {
	most      int64
	strangers *limits.Account
	tight     atomic.Bool // memory is nearly full

	mu   sync.Mutex
	used int64
	long map[answered]int64 // octets of answers that were refused, so that they are not made again for nothing

	refused *prometheus.CounterVec // nil: not counted
}

// NewBudget makes the budget of a node that may use so much memory, 0 for who knows. reg may be nil.
func NewBudget(memory int64, reg prometheus.Registerer) *Budget {
	b := &Budget{most: defaultBudget, strangers: limits.NewAccount(""), long: make(map[answered]int64)}
	if memory > 0 {
		b.most = min(defaultBudget, max(leastBudget, memory/4))
	}
	own := aaa.NoLimits()
	own[aaa.LimitBodyOctets] = strangersOctets
	b.strangers.Set(limits.Root("", nil).Below("", &own))
	if reg == nil {
		return b
	}
	b.refused = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "aaa_api_memory_refused_total", Help: "Bodies, answers and traces refused for want of memory, by what was spent.",
	}, []string{"spent"})
	reg.MustRegister(b.refused,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "aaa_api_memory_held_octets", Help: "Octets that bodies, answers and traces in flight hold of the node's budget.",
		}, func() float64 { return float64(b.Held()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "aaa_api_memory_tight", Help: "1 while the node refuses large bodies and answers since its memory is nearly full.",
		}, func() float64 {
			if b.tight.Load() {
				return 1
			}
			return 0
		}))
	return b
}

// answered names an answer: by the account of the token, and what was asked.
type answered struct {
	account *limits.Account
	uri     string
}

// maxLong is how many answers that were refused are remembered, maxURI how long what was asked may be.
const (
	maxLong = 1000
	maxURI  = 256
)

// remember keeps how long an answer is that was refused.
func (b *Budget) remember(a answered, octets int64) {
	if len(a.uri) > maxURI {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.long) >= maxLong {
		clear(b.long)
	}
	b.long[a] = octets
}

// fits refuses an answer that was refused before and would be again.
func (b *Budget) fits(a answered) error {
	b.mu.Lock()
	octets := b.long[a]
	delete(b.long, a)
	b.mu.Unlock()
	if octets == 0 {
		return nil
	}
	err := b.take(a.account, octets)
	if err != nil {
		b.remember(a, octets)
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.force(a.account, -octets)
	return nil
}

// SetTight makes the node refuse all that is large, or lets it in again.
func (b *Budget) SetTight(tight bool) { b.tight.Store(tight) }

// Held is how many octets of the budget are taken.
func (b *Budget) Held() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

// take takes octets of an account's part. Retry-After is short: what is in flight ends within seconds.
func (b *Budget) take(a *limits.Account, octets int64) error {
	used, most := a.Used(aaa.LimitBodyOctets), a.Of(aaa.LimitBodyOctets)
	b.mu.Lock()
	defer b.mu.Unlock()
	own := used.Load() + octets
	switch {
	case b.tight.Load():
		return b.refuseTight()
	case own > most && a == b.strangers, own > b.most-b.used:
		return b.refuseFull()
	case own > most:
		a.Refused(aaa.LimitBodyOctets)
		return b.refuse("account", http.StatusTooManyRequests, "too_many_requests",
			fmt.Sprintf("bodies and answers in flight of the account may have body_octets, %d, together", most))
	}
	b.force(a, octets)
	return nil
}

// room refuses an account that holds all that it may.
func (b *Budget) room(a *limits.Account) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if own := a.Used(aaa.LimitBodyOctets).Load(); own > 0 && own > b.most-b.used {
		return b.refuseFull()
	}
	return nil
}

// refuseTight is for want of memory, refuseFull for want of what is left of the budget.
func (b *Budget) refuseTight() error {
	return b.refuse("memory", http.StatusServiceUnavailable, "overloaded", "the node's memory is nearly full: it takes small requests alone")
}

func (b *Budget) refuseFull() error {
	return b.refuse("node", http.StatusServiceUnavailable, "overloaded", "too many large bodies and answers are in flight on this node")
}

func (b *Budget) refuse(spent string, status int, slug, why string) error {
	if b.refused != nil {
		b.refused.WithLabelValues(spent).Inc()
	}
	return &failure{status: status, slug: slug, detail: why, retryAfter: 2 * time.Second}
}

// force takes octets whatever is left; mu is held. Negative ones are given back.
func (b *Budget) force(a *limits.Account, octets int64) {
	a.Used(aaa.LimitBodyOctets).Add(octets)
	b.used += octets
}

// takeShared takes octets that count for the node alone.
func (b *Budget) takeShared(octets int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.tight.Load():
		return b.refuseTight()
	case b.used+octets > b.most:
		return b.refuseFull()
	}
	b.used += octets
	return nil
}

// holding is what one request has of the budget.
type holding struct {
	account *limits.Account
	octets  int64
	shared  int64
}

// hold takes octets of the budget until the request ends.
func (c *call) hold(octets int64) error {
	h := &c.holding
	if h.account == nil {
		h.account = c.spender()
	}
	if err := c.api.Budget.take(h.account, octets); err != nil {
		return err
	}
	h.octets += octets
	return nil
}

// ownHolding makes what was held before it was known who asks, for the body that the token is in, the account's own. So is what
// the request takes later: strangers' part is not for those who are none.
func (c *call) ownHolding() {
	h := &c.holding
	if h.account == nil {
		return
	}
	own, b := c.spender(), c.api.Budget
	b.mu.Lock()
	defer b.mu.Unlock()
	b.force(h.account, -h.octets)
	b.force(own, h.octets)
	h.account = own
}

// spender is the account whose part of the budget the request uses: the token's.
func (c *call) spender() *limits.Account {
	if c.who.TokenID != "" {
		if a, err := c.api.Tree.Limits(c.ctx(), c.who.Account); err == nil {
			return a
		}
	}
	return c.api.Budget.strangers
}

// holdShared is hold for what a body becomes once it is decoded.
func (c *call) holdShared(octets int64) error {
	if err := c.api.Budget.takeShared(octets); err != nil {
		return err
	}
	c.holding.shared += octets
	return nil
}

// holdAnswer exchanges what the request holds for octets of its answer. One that tells of something done is not
// refused: then less is left for whoever comes next.
func (c *call) holdAnswer(octets int64, done bool) error {
	c.body, c.buffer, c.envelope = nil, nil, nil
	a := c.holding.account
	if a == nil {
		a = c.spender()
	}
	c.release()
	b := c.api.Budget
	err := b.take(a, octets)
	if err != nil && done {
		b.mu.Lock()
		b.force(a, octets)
		b.mu.Unlock()
		err = nil
	}
	if err != nil {
		b.remember(answered{a, c.r.URL.RequestURI()}, octets)
		return err
	}
	c.holding = holding{account: a, octets: octets}
	return nil
}

// release gives back what the request holds.
func (c *call) release() {
	h := c.holding
	if h.octets == 0 && h.shared == 0 {
		return
	}
	c.holding = holding{}
	b := c.api.Budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if h.account != nil {
		b.force(h.account, -h.octets)
	}
	b.used -= h.shared
}
