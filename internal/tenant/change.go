package tenant

import (
	"context"
	"errors"
	"maps"
	"slices"

	"aaa-api/internal/aaa"
	"aaa-api/internal/backoff"
	"aaa-api/internal/store"
)

// Changed applies entries of the change log. It is the one goroutine that replaces states. While the store is away it goes on
// trying, since the log's reader must not pass a change that was not applied.
func (t *Tenants) Changed(ctx context.Context, changes []store.Change, reset bool) {
	if reset {
		t.reset(ctx)
		return
	}
	for _, c := range changes {
		if ctx.Err() != nil {
			return
		}
		n, warm := t.nodes.Load(c.Account)
		if !warm && c.Kind == store.ChangedAccount {
			t.unlearn(ctx, c.Account)
		}
		if !warm || c.Kind == store.ChangedToken {
			continue
		}
		t.follow(ctx, n, c)
		if c.Kind == store.ChangedDocument {
			t.renew(ctx, n)
		}
	}
}

// reset reads all warm accounts anew. Lessons go: nobody would say which of the accounts are no longer there.
func (t *Tenants) reset(ctx context.Context) {
	t.mu.Lock()
	clear(t.lessons)
	t.mu.Unlock()
	for _, fn := range []func(n *node){
		func(n *node) { t.follow(ctx, n, store.Change{Account: n.id}) },
		func(n *node) { t.renew(ctx, n) },
	} {
		t.nodes.Range(func(_ aaa.AccountID, n *node) bool {
			fn(n)
			return ctx.Err() == nil
		})
	}
}

// follow reads what a change touched of a warm account and puts it in force, with all that it concerns, at one moment. A change
// without a kind is of everything.
func (t *Tenants) follow(ctx context.Context, n *node, c store.Change) {
	before := n.settled() // a request that reads the account may have what was before the change
	if before == nil {    // cold: the next request reads what is current
		return
	}
	after, err := t.reread(ctx, n, before, c.Kind)
	if err != nil {
		return
	}
	var left [2]*Level
	t.mu.Lock()
	switch {
	case n.gone:
	case after == nil:
		t.visit(n.id, t.dropPlan)
		left = t.drop(n)
		delete(t.lessons, n.id)
	default:
		n.state.Store(after)
		t.index.place(n, before.parent(), after.parent())
		t.dropConcerned(n, c, before, after)
	}
	t.mu.Unlock()
	for _, l := range left {
		retire(l, nil)
	}
}

// reread reads the state that follows on before, nil if the account is no longer there. It tries until ctx ends, whose error is
// then its own. No lock is held while the store is asked: requests must not wait for one that is away.
func (t *Tenants) reread(ctx context.Context, n *node, before *state, kind store.ChangeKind) (*state, error) {
	for {
		s, err := t.read(ctx, n.id, before, kind)
		if err == nil {
			return s, nil
		}
		if errors.Is(err, store.ErrNotFound) {
			return nil, nil
		}
		t.log.Warn("a change waits for the store", "account", n.id, "error", err)
		if err := backoff.Sleep(ctx, t.retry); err != nil {
			return nil, err
		}
	}
}

// dropConcerned drops the compiled documents and plans that were made of what a change replaced, and sets limits and networks
// anew. t.mu is held.
//
// The row is compared whatever the kind is: it may be read with a dictionary, before its own change is told.
func (t *Tenants) dropConcerned(n *node, c store.Change, before, after *state) {
	all := c.Kind == ""
	moved := all || before.parent() != after.parent() // then documents below see other dictionaries and tables
	levels := moved || c.Kind == store.ChangedAccount && !before.sameHoldings(after)
	plans := levels || before.account.Enabled != after.account.Enabled
	bounds := moved || !before.sameBounds(after)
	if plans || bounds {
		t.visit(n.id, func(m *node) bool {
			if levels {
				t.dropLevel(m)
			}
			if plans {
				t.dropPlan(m)
			}
			if bounds {
				t.bind(m)
			}
			return true
		})
	}
	switch c.Kind {
	case store.ChangedDocument:
		t.dropLevel(n)
		t.visit(n.id, t.dropPlan)
	case store.ChangedDictionary, store.ChangedFSM, store.ChangedUsers:
		users := t.usersBelow(n.id, used{c.Kind, c.Name})
		t.index.pass++
		for _, user := range users {
			t.dropLevel(user)
			t.visitMore(user.id, t.dropPlan)
		}
	}
}

// dropLevel drops an account's compiled document. The next one takes over its clients. t.mu is held.
func (t *Tenants) dropLevel(n *node) {
	if l := n.level.Load(); l != nil {
		n.old = l
		n.level.Store(nil)
		t.index.dropped(n, l)
	}
}

// dropPlan drops an account's plan. It returns true, as visit asks.
func (t *Tenants) dropPlan(n *node) bool {
	n.plan.Store(nil)
	return true
}

// sameHoldings reports whether two states have the same dictionaries, tables and users files.
func (s *state) sameHoldings(other *state) bool {
	return maps.Equal(s.dicts, other.dicts) && maps.Equal(s.tables, other.tables) && maps.Equal(s.files, other.files)
}

// sameBounds reports whether two states set the same limits and networks.
func (s *state) sameBounds(other *state) bool {
	a, b := s.account, other.account
	if (a.Limits == nil) != (b.Limits == nil) || a.Limits != nil && *a.Limits != *b.Limits {
		return false
	}
	return slices.Equal(a.ServerNetworks, b.ServerNetworks)
}

// renew puts the next document of an account in the place of one that was in use, without a request to wait for: servers that
// left it are no longer probed, and requests that wait for a worker find as many as it says.
func (t *Tenants) renew(ctx context.Context, n *node) {
	t.mu.RLock()
	old, s := n.old, n.state.Load()
	t.mu.RUnlock()
	if old == nil || s == nil {
		return
	}
	var revision int64 // 0 without a document, as a Level has it
	if s.document != nil {
		revision = s.document.stored.Revision
	}
	if revision == old.Revision {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, planTime)
	defer cancel()
	if _, err := t.newPlan(ctx, n.id); err != nil {
		t.log.Warn("a new document waits for a request", "account", n.id, "error", err)
	}
}
