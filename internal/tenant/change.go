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
		t.invalidate(func(*node) bool { return true }, func(*node) bool { return true })
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
			t.invalidate(func(m *node) bool { return m == n }, below)
			t.renew(ctx, n)
		case store.ChangedDictionary, store.ChangedFSM, store.ChangedUsers:
			t.invalidate(func(m *node) bool { return below(m) && names(m, c) }, below)
		case store.ChangedAccount: // a move changes which dictionaries and tables the documents below see
			t.invalidate(below, below)
		}
	}
}

// reload reads what a change of a kind touched of a node's state.
func (t *Tenants) reload(ctx context.Context, n *node, kind store.ChangeKind) {
	n.mu.Lock()
	defer n.mu.Unlock()
	before := n.state.Load()
	if n.gone || before == nil { // cold: whoever asks next reads what is current
		return
	}
	for {
		s, err := t.read(ctx, n.id, before, kind)
		switch {
		case err == nil:
			n.state.Store(s)
			return
		case errors.Is(err, store.ErrNotFound):
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

// invalidate drops the levels and then the plans of the nodes chosen, whose states
// are new already. The generation moves before each:
//
//   - a level compiled of an old state is either in place before its drop, or finds
//     that the generation moved and is not kept;
//   - a plan made of a level not yet dropped is either in place before its drop,
//     or finds that the generation moved again.
func (t *Tenants) invalidate(levels, plans func(*node) bool) {
	t.generation.Add(1)
	t.each(levels, func(n *node) {
		if l := n.level.Load(); l != nil {
			n.old = l
			n.level.Store(nil)
		}
	})
	t.generation.Add(1)
	t.each(plans, func(n *node) { n.plan.Store(nil) })
}

// each calls fn with the nodes chosen, their locks held.
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

// isBelow reports whether n is the account given or a descendant, by the warm
// part of the tree. An account is never warm without its ancestors having been
// read; one whose ancestor has left the map counts as below, to be on the safe side.
func (t *Tenants) isBelow(n *node, ancestor aaa.AccountID) bool {
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

// names reports whether a node's compiled document names what a change is of, itself or through its tables.
func names(n *node, c store.Change) bool {
	l := n.level.Load()
	return l != nil && l.names(c.Kind, c.Name)
}
