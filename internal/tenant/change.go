package tenant

import (
	"context"
	"errors"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// Changed applies entries of the change log. It is the one goroutine that
// replaces states. While the store is away it goes on trying, since the log's
// reader must not pass a change that was not applied.
func (t *Tenants) Changed(ctx context.Context, changes []store.Change, reset bool) {
	if reset {
		t.nodes.Range(func(_ aaa.AccountID, n *node) bool {
			t.reload(ctx, n, "")
			return ctx.Err() == nil
		})
		everyone := func(*node) bool { return true }
		t.invalidate(everyone, anyLevel, everyone)
		t.renewLimits(everyone)
		t.renewReach(everyone)
		t.nodes.Range(func(_ aaa.AccountID, n *node) bool {
			t.renew(ctx, n)
			return ctx.Err() == nil
		})
		return
	}
	for _, c := range changes {
		n, warm := t.nodes.Load(c.Account)
		if !warm || c.Kind == store.ChangedToken {
			continue
		}
		t.reload(ctx, n, c.Kind)
		below := func(m *node) bool { return t.isBelow(m, c.Account) }
		switch c.Kind {
		case store.ChangedDocument:
			t.invalidate(func(m *node) bool { return m == n }, anyLevel, below)
			t.renew(ctx, n)
		case store.ChangedDictionary, store.ChangedFSM, store.ChangedUsers:
			t.invalidate(below, func(l *Level) bool { return l.names(c.Kind, c.Name) }, below)
		case store.ChangedAccount: // a move changes which dictionaries and tables the documents below see
			t.invalidate(below, anyLevel, below)
			t.renewLimits(below)
			t.renewReach(below)
		}
	}
}

func anyLevel(*Level) bool { return true }

// reload reads what a change of a kind touched of a node's state. The lock is not held while the store is asked:
// only this goroutine replaces a state, and requests must not wait for a store that is away.
func (t *Tenants) reload(ctx context.Context, n *node, kind store.ChangeKind) {
	n.mu.Lock() // a request that fills the node has perhaps read what was before the change
	before := n.state.Load()
	n.mu.Unlock()
	if before == nil { // cold or gone: the next request reads what is current
		return
	}
	for {
		s, err := t.read(ctx, n.id, before, kind)
		if err == nil || errors.Is(err, store.ErrNotFound) {
			n.mu.Lock()
			defer n.mu.Unlock()
			if err == nil {
				n.state.Store(s)
				return
			}
			t.drop(n)
			retireAll(n)
			return
		}
		t.log.Warn("a change waits for the store", "account", n.id, "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(t.retry):
		}
	}
}

// renew puts the next document of an account in the place of one that was in use, without a request to wait for: servers that
// left it are no longer probed, and requests that wait for a worker find as many as it says.
func (t *Tenants) renew(ctx context.Context, n *node) {
	n.mu.Lock()
	old, s := n.old, n.state.Load()
	n.mu.Unlock()
	if old == nil || s == nil {
		return
	}
	var revision int64 // 0 without a document, as a Level has it
	if s.document != nil {
		revision = s.document.Revision
	}
	if revision == old.Revision {
		return
	}
	if _, err := t.Plan(ctx, n.id); err != nil {
		t.log.Warn("a new document waits for a request", "account", n.id, "error", err)
	}
}

func retireAll(n *node) {
	retire(n.old, nil)
	retire(n.level.Load(), nil)
}

// invalidate drops compiled documents and then plans, whose states are replaced already: the levels of the nodes
// owners for which concerned holds, and the plans of all heirs.
//
// A level or plan made meanwhile of something older does not stay. level and keepPlan check under the node's lock that all
// they were made of is still in place: where it is not, nothing is kept; where it is, what they keep is in place
// before the lock is taken here. That is why concerned is asked under the lock.
func (t *Tenants) invalidate(owners func(*node) bool, concerned func(*Level) bool, heirs func(*node) bool) {
	t.each(owners, func(n *node) {
		if l := n.level.Load(); l != nil && concerned(l) {
			n.old = l
			n.level.Store(nil)
		}
	})
	t.each(heirs, func(n *node) { n.plan.Store(nil) })
}

// each calls fn with the nodes chosen, their locks held. chosen is asked without the lock: it must go by the tree
// alone, which only the caller changes.
func (t *Tenants) each(chosen func(*node) bool, fn func(*node)) {
	t.nodes.Range(func(_ aaa.AccountID, n *node) bool {
		if chosen(n) {
			n.mu.Lock()
			fn(n)
			n.mu.Unlock()
		}
		return true
	})
}

// isBelow reports whether n is warm and is the account given or a descendant, by the warm part of the tree. A cold
// one has nothing to drop: who fills it reads the states of its ancestors afterwards. An account is never warm
// without its ancestors having been read; one whose ancestor left the map counts as below, to be on the safe side.
func (t *Tenants) isBelow(n *node, ancestor aaa.AccountID) bool {
	if n.state.Load() == nil {
		return false
	}
	if ancestor == aaa.SystemConfig {
		return true
	}
	for range maxDepth {
		if n.id == ancestor {
			return true
		}
		s := n.state.Load()
		if s == nil {
			return true
		}
		if s.account.ParentID == "" {
			return false
		}
		parent, ok := t.nodes.Load(s.account.ParentID)
		if !ok {
			return true
		}
		n = parent
	}
	return true
}
