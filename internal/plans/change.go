package plans

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
func (t *Cache) Changed(ctx context.Context, changes []store.Change, reset bool) {
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
		if !warm || c.Kind == store.ChangedToken || c.Kind == store.ChangedClient {
			continue
		}
		t.follow(ctx, n, c)
		if c.Kind == store.ChangedDocument {
			t.renew(ctx, n)
		}
	}
}

// reset reads all warm accounts anew, many at once: the changes of all accounts wait for it. Until an account is read, what was
// before stays in use. Lessons go: no change would tell which of the accounts are no longer there.
func (t *Cache) reset(ctx context.Context) {
	t.mu.Lock()
	clear(t.lessons)
	t.mu.Unlock()
	page := make([]*node, 0, store.MaxOfAccounts)
	read := func() bool {
		t.readPage(ctx, page)
		page = page[:0]
		return ctx.Err() == nil
	}
	t.nodes.Range(func(_ aaa.AccountID, n *node) bool {
		switch {
		case n.state.Load() == nil: // a request reads it
			t.follow(ctx, n, store.Change{Account: n.id})
		case n.id == aaa.SystemConfig:
			t.follow(ctx, n, store.Change{Account: n.id})
		default:
			if page = append(page, n); len(page) == cap(page) {
				return read()
			}
		}
		return ctx.Err() == nil
	})
	if len(page) > 0 && !read() {
		return
	}
	t.nodes.Range(func(_ aaa.AccountID, n *node) bool {
		t.renew(ctx, n)
		return ctx.Err() == nil
	})
}

// readPage reads warm accounts anew and puts what was read in force.
func (t *Cache) readPage(ctx context.Context, page []*node) {
	ids := make([]aaa.AccountID, len(page))
	for i, n := range page {
		ids[i] = n.id
	}
	rows, err := untilRead(ctx, t, ids[0], func() (map[aaa.AccountID]*row, error) { return t.readRows(ctx, ids) })
	if err != nil {
		return
	}
	for _, n := range page {
		before := n.settled()
		if before == nil {
			continue
		}
		after, err := t.untilThere(ctx, n, func() (*state, error) { return t.complete(ctx, rows[n.id], before) })
		if err != nil {
			return
		}
		t.replace(n, store.Change{Account: n.id}, before, after)
	}
}

// follow reads what a change touched of a warm account and puts it in force, with all that it concerns, at one moment. A change
// without a kind is of everything.
func (t *Cache) follow(ctx context.Context, n *node, c store.Change) {
	before := n.settled() // a request that reads the account may have what was before the change
	if before == nil {    // cold: the next request reads what is current
		return
	}
	after, err := t.untilThere(ctx, n, func() (*state, error) { return t.read(ctx, n.id, before, c.Kind) })
	if err != nil {
		return
	}
	t.replace(n, c, before, after)
}

// replace puts a state in the place of the one before; nil is an account that is no longer there.
func (t *Cache) replace(n *node, c store.Change, before, after *state) {
	var left [2]*CompiledDocument
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

// untilThere reads the state that follows on the one before, nil if the account is no longer there.
func (t *Cache) untilThere(ctx context.Context, n *node, read func() (*state, error)) (*state, error) {
	s, err := untilRead(ctx, t, n.id, read)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return s, err
}

// untilRead tries until the store answers or ctx ends, whose error is then its own. No lock is held while the store is asked:
// requests must not wait for one that is away.
func untilRead[T any](ctx context.Context, t *Cache, id aaa.AccountID, read func() (T, error)) (T, error) {
	for {
		v, err := read()
		if err == nil || errors.Is(err, store.ErrNotFound) {
			return v, err
		}
		t.log.Warn("a change waits for the store", "account", id, "error", err)
		if err := backoff.Sleep(ctx, t.retry); err != nil {
			return v, err
		}
	}
}

// dropConcerned drops the compiled documents and plans that were made of what a change replaced, and sets limits and networks
// anew. t.mu is held.
//
// The row is compared whatever the kind is: it may be read with a dictionary, before its own change is told.
func (t *Cache) dropConcerned(n *node, c store.Change, before, after *state) {
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
func (t *Cache) dropLevel(n *node) {
	if l := n.level.Load(); l != nil {
		n.old = l
		n.level.Store(nil)
		t.index.dropped(n, l)
	}
}

// dropPlan drops an account's plan. It returns true, as visit asks.
func (t *Cache) dropPlan(n *node) bool {
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
func (t *Cache) renew(ctx context.Context, n *node) {
	t.mu.RLock()
	old, s := n.old, n.state.Load()
	t.mu.RUnlock()
	if old == nil || s == nil {
		return
	}
	var revision int64 // 0 without a document, as a Level has it
	if s.document != nil {
		revision = s.document.revision
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
