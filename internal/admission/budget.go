package admission

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"aaa-api/internal/aaa"
	"aaa-api/internal/limits"
)

const (
	// FreeBody is the length in octets up to which a body costs nothing of the budget, so that AAA requests go on when it
	// is spent: connections bound these.
	FreeBody = 16 << 10
	// FreeAnswer is the same of an answer.
	FreeAnswer = 64 << 10
	// StrangersOctets is what bodies may hold together whose senders are not known yet.
	StrangersOctets = 16 << 20
	// defaultBudget is a node's budget if its memory is not known, leastBudget if its memory is short: the longest upload
	// must fit.
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
	long map[Answer]int64 // octets of refused answers, so that they are not made again in vain

	refused *prometheus.CounterVec // nil: not counted
}

// OctetsFor is the budget of a node that may use so many octets of memory, 0 if that is not known.
func OctetsFor(memory int64) int64 {
	if memory <= 0 {
		return defaultBudget
	}
	return min(defaultBudget, max(leastBudget, memory/4))
}

// NewBudget makes a budget of so many octets, see OctetsFor. reg may be nil.
func NewBudget(octets int64, reg prometheus.Registerer) *Budget {
	b := &Budget{most: octets, strangers: limits.NewAccount(""), long: make(map[Answer]int64)}
	own := aaa.NoLimits()
	own[aaa.LimitBodyOctets] = StrangersOctets
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

// Answer names an answer by the account that asks and the URI that it asks for.
type Answer struct {
	Account *limits.Account
	URI     string
}

// maxLong is how many refused answers are remembered, maxURI how many octets their URIs may have.
const (
	maxLong = 1000
	maxURI  = 256
)

// remember keeps the length of a refused answer.
func (b *Budget) remember(a Answer, octets int64) {
	if len(a.URI) > maxURI {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.long) >= maxLong {
		clear(b.long)
	}
	b.long[a] = octets
}

// Fits refuses an answer that was refused before and would be again. The caller may then spare making it.
func (b *Budget) Fits(a Answer) error {
	b.mu.Lock()
	octets := b.long[a]
	delete(b.long, a)
	b.mu.Unlock()
	if octets == 0 {
		return nil
	}
	err := b.take(a.Account, octets)
	if err != nil {
		b.remember(a, octets)
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.force(a.Account, -octets)
	return nil
}

// Strangers is the account to which bodies are charged whose senders are not known yet.
func (b *Budget) Strangers() *limits.Account { return b.strangers }

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
		return b.refuse("account", aaa.KindLimited,
			fmt.Sprintf("bodies and answers in flight of the account may have body_octets, %d, together", most))
	}
	b.force(a, octets)
	return nil
}

// Room refuses an account that holds all that it may.
func (b *Budget) Room(a *limits.Account) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if own := a.Used(aaa.LimitBodyOctets).Load(); own > 0 && own > b.most-b.used {
		return b.refuseFull()
	}
	return nil
}

// refuseTight is for want of memory, refuseFull for want of what is left of the budget.
func (b *Budget) refuseTight() error {
	return b.refuse("memory", aaa.KindBusy, "the node's memory is nearly full: it takes small requests alone")
}

func (b *Budget) refuseFull() error {
	return b.refuse("node", aaa.KindBusy, "too many large bodies and answers are in flight on this node")
}

func (b *Budget) refuse(spent string, kind aaa.Kind, why string) error {
	if b.refused != nil {
		b.refused.WithLabelValues(spent).Inc()
	}
	return &aaa.Error{Kind: kind, Message: why, RetryAfter: 2 * time.Second}
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

// Holding is what one request has of a budget. The zero value holds nothing.
type Holding struct {
	account *limits.Account
	octets  int64
	shared  int64
}

// Octets is how many octets the holding has of its account's part.
func (h *Holding) Octets() int64 { return h.octets }

// Account is the account that the holding is charged to, nil if it holds nothing of an account's part.
func (h *Holding) Account() *limits.Account { return h.account }

// Hold takes octets for h from the part of a; what h held before stays with the account that it was taken from, which is then
// charged for these, too.
func (b *Budget) Hold(h *Holding, a *limits.Account, octets int64) error {
	if h.account == nil {
		h.account = a
	}
	if err := b.take(h.account, octets); err != nil {
		return err
	}
	h.octets += octets
	return nil
}

// HoldShared takes octets for h that count for the node alone: what a body becomes once it is decoded.
func (b *Budget) HoldShared(h *Holding, octets int64) error {
	if err := b.takeShared(octets); err != nil {
		return err
	}
	h.shared += octets
	return nil
}

// Transfer charges what h holds, and what it takes later, to another account.
func (b *Budget) Transfer(h *Holding, to *limits.Account) {
	if h.account == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.force(h.account, -h.octets)
	b.force(to, h.octets)
	h.account = to
}

// HoldAnswer exchanges what h holds for octets of an answer. With must it is not refused: then less is left for those who
// come next.
func (b *Budget) HoldAnswer(h *Holding, a Answer, octets int64, must bool) error {
	b.Release(h)
	err := b.take(a.Account, octets)
	if err != nil && must {
		b.mu.Lock()
		b.force(a.Account, octets)
		b.mu.Unlock()
		err = nil
	}
	if err != nil {
		b.remember(a, octets)
		return err
	}
	*h = Holding{account: a.Account, octets: octets}
	return nil
}

// Release gives back what h holds.
func (b *Budget) Release(h *Holding) {
	held := *h
	if held.octets == 0 && held.shared == 0 {
		return
	}
	*h = Holding{}
	b.mu.Lock()
	defer b.mu.Unlock()
	if held.account != nil {
		b.force(held.account, -held.octets)
	}
	b.used -= held.shared
}
