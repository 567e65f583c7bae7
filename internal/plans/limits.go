package plans

import (
	"context"
	"net/netip"
	"slices"

	"aaa-api/internal/aaa"
	"aaa-api/internal/egress"
	"aaa-api/internal/limits"
)

// Limits returns what an account may use, the same for as long as the account is in memory. It follows changes by itself.
// The errors are those of Plan.
func (t *Cache) Limits(ctx context.Context, id aaa.AccountID) (*limits.Account, error) {
	if n, ok := t.nodes.Load(id); ok && n.state.Load() != nil && n.bounded.Load() { // as each request finds it
		t.touch(n)
		return n.limits, nil
	}
	ctx, cancel := context.WithTimeout(ctx, planTime)
	defer cancel()
	for ctx.Err() == nil {
		n, _, err := t.load(ctx, id)
		if err != nil {
			return nil, err
		}
		if t.bound(n) {
			return n.limits, nil
		}
		if err := t.loadAll(ctx, id); err != nil {
			return nil, err
		}
	}
	return nil, changing(ctx)
}

// Networks returns where servers of an account's document may be beside public addresses.
func (t *Cache) Networks(ctx context.Context, id aaa.AccountID) ([]netip.Prefix, error) {
	chain, err := t.chain(ctx, id)
	if err != nil {
		return nil, err
	}
	return networks(chain), nil
}

// Reach returns where servers of an account's document may be, as of now.
func (t *Cache) Reach(ctx context.Context, id aaa.AccountID) (*egress.Account, error) {
	list, err := t.Networks(ctx, id)
	if err != nil {
		return nil, err
	}
	a := t.egress.Account()
	a.Grant(list)
	return a, nil
}

// networks is what accounts above granted to chain[0], as far as they may reach it themselves.
func networks(chain []link) []netip.Prefix {
	if len(chain) <= 2 { // the root account or the system configuration
		return limits.Everywhere
	}
	granted := chain[0].state.account.ServerNetworks
	if len(granted) == 0 {
		return nil
	}
	return limits.Within(granted, networks(chain[1:]))
}

// Refusals counts what limits refused on this node.
func (t *Cache) Refusals() *limits.Counts { return &t.refusals }

// bound puts an account's limits and networks in force, if they are not yet. It returns false if an ancestor is cold: a cold
// account opens nothing.
func (t *Cache) bound(n *node) bool {
	if n.bounded.Load() {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.bind(n)
}

// bind puts an account's limits and networks in force as the tree has them now. t.mu is held.
func (t *Cache) bind(n *node) bool {
	chain := t.warmChain(n.id)
	if chain == nil {
		n.reach.Grant(nil)
		n.bounded.Store(false)
		return false
	}
	t.setLimits(chain)
	n.reach.Grant(networks(chain))
	n.bounded.Store(true)
	return true
}

// setLimits puts the limits of chain[0] in force. t.mu is held.
func (t *Cache) setLimits(chain []link) {
	top := max(0, len(chain)-2) // the root account
	root := chain[top]
	v := limits.Root(root.node.id, root.state.account.Limits)
	var shared []limits.Shared
	for i := top - 1; i >= 0; i-- {
		own := chain[i].state.account.Limits
		v = v.Below(chain[i].node.id, own)
		if i > 0 && own != nil {
			shared = append(shared, limits.Shared{Account: chain[i].node.limits, Values: v})
		}
	}
	slices.Reverse(shared)
	if top > 0 {
		v, _ = t.limits.Get(*v, func() (*limits.Values, error) { return v, nil }) // this build has no errors
	}
	chain[0].node.limits.Set(v, shared...)
}
