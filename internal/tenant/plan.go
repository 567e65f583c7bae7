package tenant

import (
	"context"
	"slices"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/document"
	"aaa-api/internal/engines"
	"aaa-api/internal/limits"
)

// Plan is what the requests of one account run by. It is never changed.
type Plan struct {
	Account   aaa.AccountID
	Enabled   bool          // the account and all of its ancestors are
	Pool      *engines.Pool // bounds what the account has at backends
	Workers   int
	WorkersOf aaa.AccountID // whose document says so; empty for the default
	Limits    *limits.Account
	Routes    [aaa.NumOps]Route
	Providers map[string]aaa.AuthzProvider // the registered external authorisers
}

// Route is the documents that an operation goes through.
type Route struct {
	Levels []*Level // to be tried in order
	Walk   []Step   // how they were found, up the tree
	// Outcome is what requests meet: the first document that has somebody to ask, or lets everybody in, decides it.
	Outcome     document.Outcome
	Off         bool // the Outcome is document.Off
	LocalAccept bool // the Outcome is document.LocalAccept
	// Bounded: every server and attempt together, all of them silent, take less
	// than this long; 0 where that can't be told beforehand.
	Bounded time.Duration
}

// Step is one document of the walk up the tree.
type Step struct {
	Level *Level
	Note  string // used, no usable server, no document, off
}

// planTime bounds how long a request waits for a plan that changes keep overtaking.
const planTime = 10 * time.Second

// Plan returns an account's plan, making it where it is cold. The errors are *aaa.Error of KindNotFound or
// KindUnavailable, the latter also where changes of the account or its ancestors overtake the making of the plan until
// ctx ends.
func (t *Tenants) Plan(ctx context.Context, id aaa.AccountID) (*Plan, error) {
	if n, ok := t.nodes.Load(id); ok {
		if p := n.plan.Load(); p != nil {
			return p, nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, planTime)
	defer cancel()
	for ctx.Err() == nil {
		chain, err := t.chain(ctx, id)
		if err != nil {
			return nil, err
		}
		levels := make([]*Level, len(chain))
		for i := range chain {
			if levels[i], err = t.level(ctx, chain[i:]); err != nil {
				return nil, err
			}
		}
		p := t.makePlan(chain, levels)
		if t.keepPlan(chain, levels, p) {
			return p, nil
		}
		// A change came between: p may hold half of it.
	}
	return nil, &aaa.Error{
		Kind: aaa.KindUnavailable, Message: "the account's configuration is being changed: ask again",
		RetryAfter: time.Second, Err: ctx.Err(),
	}
}

// level returns the compiled document of chain[0].
func (t *Tenants) level(ctx context.Context, chain []link) (*Level, error) {
	n := chain[0].node
	if l := n.level.Load(); l != nil {
		return l, nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if l := n.level.Load(); l != nil {
		return l, nil
	}
	l, err := t.compile(ctx, chain, n.old)
	if err != nil {
		return nil, err
	}
	if !current(chain) {
		return l, nil // the plan made of it is not kept either
	}
	n.reach.Grant(networks(chain))
	n.level.Store(l)
	retire(n.old, l)
	n.old = nil
	return l, nil
}

// current reports whether no change replaced a state of the chain since it was read.
func current(chain []link) bool {
	for _, l := range chain {
		if l.node.state.Load() != l.state {
			return false
		}
	}
	return true
}

// retire gives back the clients of an old level that its successor did not take over.
func retire(old, successor *Level) {
	if old == nil {
		return
	}
	for _, s := range old.Servers {
		if s.Client == nil {
			continue
		}
		if kept := successor.find(s.Name); kept == nil || kept.Client != s.Client {
			s.Client.Retire()
		}
	}
}

// keepPlan puts a plan in place, unless a change replaced something that it was made of.
func (t *Tenants) keepPlan(chain []link, levels []*Level, p *Plan) bool {
	n := chain[0].node
	n.mu.Lock()
	defer n.mu.Unlock()
	if !current(chain) {
		return false
	}
	for i, l := range chain {
		if l.node.level.Load() != levels[i] {
			return false
		}
	}
	pool := n.pool.Load()
	if pool == nil {
		pool = engines.NewPool(p.Workers, queueLength)
		n.pool.Store(pool)
	} else {
		pool.SetWorkers(p.Workers)
	}
	p.Pool = pool
	if !n.limited.Load() {
		t.setLimits(chain)
	}
	p.Limits = n.limits
	if !n.gone {
		n.plan.Store(p)
	}
	return true
}

// makePlan walks up the tree for each operation, as aaa_mode says.
func (t *Tenants) makePlan(chain []link, levels []*Level) *Plan {
	p := &Plan{
		Account: chain[0].node.id, Enabled: enabled(chain), Workers: DefaultWorkers,
		Providers: levels[len(levels)-1].Providers,
	}
	if levels[0].Workers > 0 {
		p.Workers, p.WorkersOf = levels[0].Workers, levels[0].Account
	}
	for op := range aaa.Op(aaa.NumOps) {
		p.Routes[op] = route(levels, op)
		p.Routes[op].Bounded = bound(&p.Routes[op], op)
	}
	for op := 1; op < aaa.NumOps; op++ { // most routes of an account are alike
		if slices.Equal(p.Routes[op].Levels, p.Routes[0].Levels) {
			p.Routes[op].Levels = p.Routes[0].Levels
		}
		if slices.Equal(p.Routes[op].Walk, p.Routes[0].Walk) {
			p.Routes[op].Walk = p.Routes[0].Walk
		}
	}
	return p
}

func route(levels []*Level, op aaa.Op) Route {
	r := walk(levels, op)
	r.Outcome = document.NoServers
	for _, l := range levels {
		if o := l.stance(op).Decides(op); o != "" {
			r.Outcome = o
			break
		}
	}
	r.Off, r.LocalAccept = r.Outcome == document.Off, r.Outcome == document.LocalAccept
	return r
}

// walk goes up the tree from the account's own document to the last one that is to be tried.
func walk(levels []*Level, op aaa.Op) Route {
	var r Route
	for _, l := range levels {
		switch {
		case l.Mode == aaa.ModeOff:
			r.Walk = append(r.Walk, Step{l, "off"})
			return r
		case l.Mode == aaa.ModeOn:
			r.Walk = append(r.Walk, Step{l, lastWord(l, op, len(r.Levels) == 0)})
			r.Levels = append(r.Levels, l)
			return r
		case l.Usable(op):
			r.Walk = append(r.Walk, Step{l, "used"})
			r.Levels = append(r.Levels, l)
		case l.Revision == 0:
			r.Walk = append(r.Walk, Step{l, "no document"})
		default:
			r.Walk = append(r.Walk, Step{l, "no usable server"})
		}
	}
	return r
}

// lastWord is the note on the document that the walk ends with. One without a server is used where others are asked in
// their place, or, as the first, where it lets everybody in.
func lastWord(l *Level, op aaa.Op, first bool) string {
	if l.Usable(op) || !l.AsksServers(op) || first && l.stance(op).Decides(op) == document.LocalAccept {
		return "used"
	}
	return "no usable server"
}

// bound adds up what the servers of all documents of a route may take, each asked once, as the built-in
// table does. Counted is every server that has rules for the operation: the answer to a challenge
// goes to the server that it names, whatever the list says. An external authoriser has a time limit of its
// own, and a document's own table may do anything, and again: for such a route nothing is promised, nor
// where a server's engine promises nothing.
func bound(r *Route, op aaa.Op) time.Duration {
	var sum time.Duration
	for _, l := range r.Levels {
		if l.Tables[op] != nil || op == aaa.Authz && len(l.AuthzApps) > 0 {
			return 0
		}
		for _, s := range l.Servers {
			if s.Rules[op] == nil || s.Client == nil { // it is not asked, or fails at once
				continue
			}
			timed, ok := s.Client.(engines.Timed)
			if !ok || timed.Longest() <= 0 {
				return 0
			}
			sum += timed.Longest()
		}
	}
	return sum
}
