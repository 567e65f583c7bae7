package plans

import (
	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// index finds the warm accounts that a change concerns, so that a change costs nothing for all others. Cache.mu guards it.
type index struct {
	children map[aaa.AccountID]set // warm accounts by their parent; that of the root account is aaa.SystemConfig
	users    map[used]set          // accounts whose compiled document was made by looking for a name
	pass     uint64                // number of the last visit
}

type set map[*node]struct{}

// used is a name that documents use.
type used struct {
	kind store.ChangeKind
	name string
}

func newIndex() index {
	return index{children: make(map[aaa.AccountID]set), users: make(map[used]set)}
}

// parent is the account above, empty for the system configuration.
func (s *state) parent() aaa.AccountID {
	if s.account.ParentID == "" && s.account.ID != aaa.SystemConfig {
		return aaa.SystemConfig
	}
	return s.account.ParentID
}

// place moves n from below one parent to below another; empty is no parent.
func (x *index) place(n *node, from, to aaa.AccountID) {
	if from == to {
		return
	}
	if from != "" {
		remove(x.children, from, n)
	}
	if to != "" {
		add(x.children, to, n)
	}
}

// uses notes by which names a document was compiled.
func (x *index) uses(n *node, l *CompiledDocument) {
	for u := range l.uses {
		add(x.users, u, n)
	}
}

// dropped is the opposite of uses.
func (x *index) dropped(n *node, l *CompiledDocument) {
	for u := range l.uses {
		remove(x.users, u, n)
	}
}

func add[K comparable](m map[K]set, key K, n *node) {
	s := m[key]
	if s == nil {
		s = make(set)
		m[key] = s
	}
	s[n] = struct{}{}
}

func remove[K comparable](m map[K]set, key K, n *node) {
	if s := m[key]; len(s) > 1 {
		delete(s, n)
	} else if _, ok := s[n]; ok {
		delete(m, key)
	}
}

// visit calls fn with the account of an id, where it is warm, and with all warm accounts below it, until fn returns false. fn
// is called once for an account, even where parents form a ring: some are read before a move, some after.
func (t *Cache) visit(id aaa.AccountID, fn func(*node) bool) {
	t.index.pass++
	t.visitMore(id, fn)
}

// visitMore is visit for a further id: it leaves out what was visited since visit.
func (t *Cache) visitMore(id aaa.AccountID, fn func(*node) bool) {
	var next []*node
	see := func(n *node) {
		if n.visited != t.index.pass {
			n.visited = t.index.pass
			next = append(next, n)
		}
	}
	if n, ok := t.nodes.Load(id); ok {
		see(n)
	} else {
		for n := range t.index.children[id] {
			see(n)
		}
	}
	for len(next) > 0 {
		n := next[len(next)-1]
		next = next[:len(next)-1]
		if !fn(n) {
			return
		}
		for child := range t.index.children[n.id] {
			see(child)
		}
	}
}

// usersBelow lists the accounts, id and those below it, whose documents were compiled by looking for a name. It costs in
// proportion to all users of the name or to all accounts below id, whichever are fewer.
func (t *Cache) usersBelow(id aaa.AccountID, u used) []*node {
	users := t.index.users[u]
	var list []*node
	visits := 0
	t.visit(id, func(n *node) bool {
		visits++
		if _, ok := users[n]; ok {
			list = append(list, n)
		}
		return visits <= len(users)
	})
	if visits <= len(users) {
		return list
	}
	list = list[:0]
	for n := range users {
		if t.isBelow(n, id) {
			list = append(list, n)
		}
	}
	return list
}

// isBelow reports whether n is the account of an id or below it. Where an account between is cold, or parents form a ring, it
// is taken to be.
func (t *Cache) isBelow(n *node, id aaa.AccountID) bool {
	for range maxDepth {
		if n.id == id {
			return true
		}
		s := n.state.Load()
		if s == nil {
			return true
		}
		above := s.parent()
		if above == "" {
			return false
		}
		next, ok := t.nodes.Load(above)
		if !ok {
			return true
		}
		n = next
	}
	return true
}
