// Package limits holds what each account in memory may use, and what it uses.
//
// An account's limit is the nearest value set going up the tree, else the default, and never more than an account above
// has. The root account has no limits of its own: what its record sets are the defaults of all below it. Its own requests
// are bounded only in what one request may cost.
package limits

import (
	"math"
	"sync/atomic"

	"aaa-api/internal/aaa"
)

// Unlimited is the value of a limit that does not hold.
const Unlimited int64 = math.MaxInt64

// Value is one limit in force.
type Value struct {
	Allowed int64         // Unlimited if none holds
	From    aaa.AccountID // whose record sets it; empty for the default
}

// Values are the limits in force for one account. They are never changed; accounts that set none share those of their parent.
type Values struct {
	of   [aaa.NumLimits]Value
	root *Values // of the root account: the defaults of the accounts below it; else nil
}

// Of returns one limit.
func (v *Values) Of(l aaa.Limit) Value { return v.of[l] }

// Root returns the limits of the root account. own is what its record sets, nil for nothing.
func Root(root aaa.AccountID, own *aaa.Limits) *Values {
	if own == nil {
		return unset
	}
	return ofRoot(root, *own)
}

// unset are the limits of a root account whose record sets none.
var unset = ofRoot("", aaa.NoLimits())

func ofRoot(root aaa.AccountID, own aaa.Limits) *Values {
	defaults := &Values{}
	v := &Values{root: defaults}
	for l := range aaa.NumLimits {
		defaults.of[l] = Value{Allowed: aaa.LimitTable[l].Default}
		if own[l] != aaa.NotSet {
			defaults.of[l] = Value{own[l], root}
		}
		v.of[l] = Value{Allowed: Unlimited}
	}
	for _, l := range []aaa.Limit{aaa.LimitPacketsPerRequest, aaa.LimitExpressionSteps} {
		v.of[l] = defaults.of[l]
	}
	return v
}

// Below returns the limits of a child of the account that v belongs to. own is what the child's record sets, nil for nothing.
func (v *Values) Below(child aaa.AccountID, own *aaa.Limits) *Values {
	inherited, bounded := v, true
	if v.root != nil {
		inherited, bounded = v.root, false
	}
	if own == nil {
		return inherited
	}
	next := &Values{of: inherited.of}
	for l, set := range own {
		if set != aaa.NotSet && (!bounded || set < inherited.of[l].Allowed) {
			next.of[l] = Value{set, child}
		}
	}
	return next
}

// Account is one account in memory: its limits, which follow changes, and what it uses on this node. It lasts as long as
// the account is in memory. All methods are safe for use by many goroutines.
type Account struct {
	ID     aaa.AccountID
	values atomic.Pointer[Values]
	shared atomic.Pointer[[]Shared]
	used   [aaa.NumLimits]bucket // of what is no rate: what is used
	counts *Counts               // nil: nothing is counted
}

// NewAccount makes an Account with the built-in defaults.
func NewAccount(id aaa.AccountID) *Account {
	a := &Account{ID: id}
	a.Set(unset.root)
	return a
}

// Of returns the value of a limit that is in force now.
func (a *Account) Of(l aaa.Limit) int64 { return a.values.Load().of[l].Allowed }

// Values returns all limits in force now, with where they come from.
func (a *Account) Values() *Values { return a.values.Load() }

var nobody []Shared

// Set puts other limits in force. shared are accounts above that set some, nearest first.
func (a *Account) Set(v *Values, shared ...Shared) {
	if a.shared.Store(&nobody); len(shared) > 0 {
		a.shared.Store(&shared)
	}
	a.values.Store(v)
}

// Used counts what the account uses now on this node. Whoever enforces a limit that has no count in the store keeps it; that
// of a rate is Take's.
func (a *Account) Used(l aaa.Limit) *atomic.Int64 { return &a.used[l].at }

// Excess tells that a limit is reached.
func (a *Account) Excess(l aaa.Limit) aaa.Excess {
	v := a.Values().Of(l)
	return aaa.Excess{Limit: l, Account: a.ID, Allowed: v.Allowed, From: v.From}
}

// Refused counts what a limit refused or dropped and no answer tells of. The API counts what it answers by itself.
func (a *Account) Refused(l aaa.Limit) {
	if a.counts != nil {
		a.counts.Refused(l)
	}
}

// Counts counts what limits refused on this node.
type Counts struct{ refused [aaa.NumLimits]atomic.Uint64 }

// NewAccount is NewAccount for an Account that counts what is refused.
func (c *Counts) NewAccount(id aaa.AccountID) *Account {
	a := NewAccount(id)
	a.counts = c
	return a
}

// Refused counts one refusal.
func (c *Counts) Refused(l aaa.Limit) { c.refused[l].Add(1) }

// Of returns how often a limit refused.
func (c *Counts) Of(l aaa.Limit) uint64 { return c.refused[l].Load() }
