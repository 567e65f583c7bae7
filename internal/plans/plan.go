package plans

import (
	"context"
	"slices"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/bans"
	"aaa-api/internal/document"
	"aaa-api/internal/engines"
	"aaa-api/internal/limits"
	"aaa-api/internal/pool"
)

// Plan is what the requests of one account run by. It is never changed.
type Plan struct {
	Account   aaa.AccountID
	Enabled   bool       // the account and all of its ancestors are
	Pool      *pool.Pool // bounds what the account has at backends
	Workers   int
	WorkersOf aaa.AccountID // whose document says so; empty for the default
	Limits    *limits.Account
	Routes    [aaa.NumOps]Route
	Providers map[string]aaa.AuthzProvider // the registered external authorisers
}

// Route is the documents that an operation goes through.
type Route struct {
	Levels []*CompiledDocument // to be tried in order
	Walk   []Step              // how they were found, up the tree
	// Outcome is what requests meet: the first document that has somebody to ask, or lets everybody in, decides it.
	Outcome document.Outcome
	// Bounded: every server and attempt together, all of them silent, take less
	// than this long; 0 where that can't be told beforehand.
	Bounded time.Duration
	// Bans are those of the documents that the walk went by, of authn alone. Each bans for itself, so a document does not
	// take off the bans of those above it whose servers it uses.
	Bans []*bans.Policy
}

// Off reports whether nothing is asked and nothing refused.
func (r *Route) Off() bool { return r.Outcome == document.Off }

// LocalAccept reports whether the service itself lets everybody in.
func (r *Route) LocalAccept() bool { return r.Outcome == document.LocalAccept }

// Step is one document of the walk up the tree.
type Step struct {
	Level *CompiledDocument
	Note  string // used, no usable server, no document, off
}

// planTime bounds how long a request waits for a plan.
const planTime = 10 * time.Second

// Plan returns an account's plan, making it if there is none. A change that arrives meanwhile does not make it begin again: the
// plan is what was in force at one moment after the call. The errors are *aaa.Error of KindNotFound or KindUnavailable.
func (t *Cache) Plan(ctx context.Context, id aaa.AccountID) (*Plan, error) {
	if n, ok := t.nodes.Load(id); ok {
		if p := n.plan.Load(); p != nil {
			t.touch(n)
			return p, nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, planTime)
	defer cancel()
	if _, _, err := t.load(ctx, id); err != nil {
		return nil, err
	}
	return t.newPlan(ctx, id)
}

// newPlan makes an account's plan and keeps it if it is still in force then.
func (t *Cache) newPlan(ctx context.Context, id aaa.AccountID) (*Plan, error) {
	chain, err := t.chain(ctx, id)
	if err != nil {
		return nil, err
	}
	for i := range chain {
		if chain[i].level == nil {
			if chain[i].level, err = t.compiled(ctx, chain[i:]); err != nil {
				return nil, err
			}
		}
	}
	p := makePlan(chain)
	t.keepPlan(chain, p)
	return p, nil
}

// compiled returns the compiled document of chain[0], compiling it unless another request just did.
func (t *Cache) compiled(ctx context.Context, chain []link) (*CompiledDocument, error) {
	n := chain[0].node
	n.compiling.Lock()
	defer n.compiling.Unlock()
	t.mu.RLock()
	level, previous, same := n.level.Load(), n.old, current(chain)
	lessons := t.lessons[n.id]
	t.mu.RUnlock()
	if level != nil && same {
		return level, nil
	}
	if previous == nil {
		previous = level
	}
	t.bound(n) // the clients of its servers hold the reach
	l, err := t.compile(ctx, chain, previous, lessons)
	if err != nil {
		return nil, err
	}
	if t.keepLevel(chain, l) {
		retire(previous, l)
	} else {
		retire(l, previous) // the request that has it may still use them
	}
	return l, nil
}

// keepLevel puts a compiled document in place, unless a change replaced a state that it was made of.
func (t *Cache) keepLevel(chain []link, l *CompiledDocument) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !current(chain) {
		return false
	}
	n := chain[0].node
	n.level.Store(l)
	n.old = nil
	delete(t.lessons, n.id)
	t.index.uses(n, l)
	return true
}

// retire gives back the clients of an old level that its successor did not take over.
func retire(old, successor *CompiledDocument) {
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
func (t *Cache) keepPlan(chain []link, p *Plan) {
	n := chain[0].node
	t.bound(n)
	p.Limits = n.limits
	t.mu.Lock()
	defer t.mu.Unlock()
	kept := current(chain)
	p.Pool = n.pool.Load()
	if p.Pool == nil {
		p.Pool = pool.New(p.Workers, queueLength)
		n.pool.Store(p.Pool)
	} else if kept {
		p.Pool.SetWorkers(p.Workers)
	}
	if kept {
		n.plan.Store(p)
	}
}

// makePlan walks up the tree for each operation, as aaa_mode says.
func makePlan(chain []link) *Plan {
	levels := make([]*CompiledDocument, len(chain))
	for i, l := range chain {
		levels[i] = l.level
	}
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
	p.Routes[aaa.Authn].Bans = policies(&p.Routes[aaa.Authn])
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

func route(levels []*CompiledDocument, op aaa.Op) Route {
	r := walk(levels, op)
	r.Outcome = document.NoServers
	for _, l := range levels {
		if o := l.stance(op).Decides(op); o != "" {
			r.Outcome = o
			break
		}
	}
	return r
}

// walk goes up the tree from the account's own document to the last one that is to be tried.
func walk(levels []*CompiledDocument, op aaa.Op) Route {
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
func lastWord(l *CompiledDocument, op aaa.Op, first bool) string {
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
