package tenant

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/egress"
	"aaa-api/internal/limits"
)

// Limits returns what an account may use, the same for as long as the account is in memory. It follows changes by itself.
// The errors are those of Plan.
func (t *Tenants) Limits(ctx context.Context, id aaa.AccountID) (*limits.Account, error) {
	ctx, cancel := context.WithTimeout(ctx, planTime)
	defer cancel()
	for ctx.Err() == nil {
		n, _, err := t.load(ctx, id)
		if err != nil {
			return nil, err
		}
		if n.limited.Load() {
			return n.limits, nil
		}
		chain, err := t.chain(ctx, id)
		if err != nil {
			return nil, err
		}
		if t.limit(chain) {
			return chain[0].node.limits, nil
		}
	}
	return nil, &aaa.Error{
		Kind: aaa.KindUnavailable, Message: "the account is being changed: ask again", RetryAfter: time.Second, Err: ctx.Err(),
	}
}

// Networks returns where servers of an account's document may be beside public addresses.
func (t *Tenants) Networks(ctx context.Context, id aaa.AccountID) ([]netip.Prefix, error) {
	chain, err := t.chain(ctx, id)
	if err != nil {
		return nil, err
	}
	return networks(chain), nil
}

// Reach returns where servers of an account's document may be, as of now.
func (t *Tenants) Reach(ctx context.Context, id aaa.AccountID) (*egress.Account, error) {
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
func (t *Tenants) Refusals() *limits.Counts { return &t.refusals }

// limit puts the limits of chain[0] in force, unless a change replaced something that they are made of.
func (t *Tenants) limit(chain []link) bool {
	n := chain[0].node
	n.mu.Lock()
	defer n.mu.Unlock()
	if !current(chain) {
		return false
	}
	t.setLimits(chain)
	return true
}

// setLimits puts the limits of chain[0] in force. Its node's mu is held.
func (t *Tenants) setLimits(chain []link) {
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
	chain[0].node.limited.Store(true)
}

// renewLimits follows a change of the accounts chosen or of those above them. Where an ancestor is cold, whoever asks next
// finds the limits anew.
func (t *Tenants) renewLimits(chosen func(*node) bool) {
	t.each(chosen, func(n *node) {
		if !n.limited.Load() {
			return
		}
		if chain := t.warmChain(n); chain != nil {
			t.setLimits(chain)
		} else {
			n.limited.Store(false)
		}
	})
}

// renewReach closes what a change took from the accounts chosen, since probes, connections and requests under way hold their
// reach. Where an ancestor is cold, nothing is open until the next request finds out.
func (t *Tenants) renewReach(chosen func(*node) bool) {
	t.each(chosen, func(n *node) {
		if chain := t.warmChain(n); chain != nil {
			n.reach.Grant(networks(chain))
		} else {
			n.reach.Grant(nil)
		}
	})
}

// warmChain is chain from memory alone, nil where an account is cold.
func (t *Tenants) warmChain(n *node) []link {
	var chain []link
	for range maxDepth {
		s := n.state.Load()
		if s == nil {
			return nil
		}
		chain = append(chain, link{n, s})
		id := s.account.ParentID
		if n.id == aaa.SystemConfig {
			return chain
		}
		if id == "" {
			id = aaa.SystemConfig
		}
		above, ok := t.nodes.Load(id)
		if !ok {
			return nil
		}
		n = above
	}
	return nil
}
