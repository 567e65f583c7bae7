package tenant

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"aaa-api/internal/aaa"
	"aaa-api/internal/egress"
	"aaa-api/internal/engines"
	"aaa-api/internal/limits"
	"aaa-api/internal/store"
)

// node is one account in memory. state, level and plan are replaced, never changed.
type node struct {
	id aaa.AccountID

	mu    sync.Mutex // held to replace state, level or plan
	gone  bool       // under mu: taken out of the map; whoever waited for mu starts again
	state atomic.Pointer[state]
	level atomic.Pointer[Level] // nil: to be compiled
	old   *Level                // under mu: the level before a change, whose clients the next may take over
	plan  atomic.Pointer[Plan]  // nil: to be made
	pool  atomic.Pointer[engines.Pool]

	limits  *limits.Account // kept over changes
	reach   *egress.Account // likewise
	limited atomic.Bool     // limits holds what is in force
}

// state is what the store holds of an account.
type state struct {
	account  store.Account          // ID alone for the system configuration
	document *store.Document        // nil where there is none
	dicts    map[string]*storedDict // pointers, since a map has room for eight values at once
	tables   map[string]*storedTable
	files    map[string]*storedFile
}

// load returns the state of an account, from the store where the account is cold.
func (t *Tenants) load(ctx context.Context, id aaa.AccountID) (*node, *state, error) {
	for {
		n, ok := t.nodes.Load(id)
		if ok {
			if s := n.state.Load(); s != nil {
				return n, s, nil
			}
		} else {
			// The node is in the map before the store is read, so that a change which
			// arrives meanwhile finds it and waits for its lock.
			n, _ = t.nodes.LoadOrStore(id, &node{id: id, limits: t.refusals.NewAccount(id), reach: t.egress.Account()})
		}
		s, err := t.fill(ctx, n)
		if err != nil {
			return nil, nil, err
		}
		if s != nil {
			return n, s, nil
		}
	}
}

// fill reads the state of a cold node. It returns nil where the node has left the map meanwhile.
func (t *Tenants) fill(ctx context.Context, n *node) (*state, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.gone {
		return nil, nil
	}
	if s := n.state.Load(); s != nil {
		return s, nil
	}
	s, err := t.read(ctx, n.id, nil, "")
	if err != nil {
		t.drop(n)
		return nil, storeError("account", err)
	}
	n.state.Store(s)
	return s, nil
}

// drop takes a node out of the map, and its state from plans that are being made of it. n.mu is held.
func (t *Tenants) drop(n *node) {
	n.gone = true
	n.state.Store(nil)
	t.nodes.Delete(n.id)
}

// read fetches an account's state. What a change of one kind can't have touched
// is taken from before, where there is one; no kind reads all.
func (t *Tenants) read(ctx context.Context, id aaa.AccountID, before *state, kind store.ChangeKind) (*state, error) {
	s := &state{account: store.Account{ID: id, Enabled: true}}
	known := before
	if before != nil {
		*s = *before
	}
	if kind == "" { // a database that was put back may have other contents in the place of known ones
		known = nil
	}
	var row, texts, document bool
	switch {
	case before == nil || kind == "":
		row, texts, document = true, true, true
	case kind == store.ChangedDocument:
		document = true
	case kind == store.ChangedDictionary:
		row = true
	case kind == store.ChangedFSM, kind == store.ChangedUsers:
		texts = true
	default:
		row, texts = true, true
	}
	if row && id != aaa.SystemConfig {
		if err := t.readAccount(ctx, id, s, before, known); err != nil {
			return nil, err
		}
	}
	if texts && id != aaa.SystemConfig {
		if err := t.readTexts(ctx, s, before, known); err != nil {
			return nil, err
		}
	}
	if document {
		return s, t.readDocument(ctx, id, s)
	}
	return s, nil
}

func (t *Tenants) readDocument(ctx context.Context, id aaa.AccountID, s *state) error {
	s.document = nil
	d, err := t.store.Documents().Get(ctx, id)
	switch {
	case err == nil:
		s.document = &d
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	return nil
}

// readAccount fetches an account's row and its dictionaries.
func (t *Tenants) readAccount(ctx context.Context, id aaa.AccountID, s, before, known *state) error {
	a, err := t.store.Accounts().Get(ctx, id)
	if err != nil {
		return err
	}
	list, err := t.readDicts(ctx, id, known)
	if err != nil {
		return err
	}
	s.dicts = t.compileDicts(list, before)
	a.Path = nil // moves of ancestors change it; Account works it out
	s.account = a
	return nil
}

// link is an account of a chain with its state.
type link struct {
	node  *node
	state *state
}

// chain returns an account and its ancestors, up to and with the system configuration.
func (t *Tenants) chain(ctx context.Context, id aaa.AccountID) ([]link, error) {
	chain := make([]link, 0, 8)
	for range maxDepth {
		n, s, err := t.load(ctx, id)
		if err != nil {
			return nil, err
		}
		chain = append(chain, link{n, s})
		switch {
		case id == aaa.SystemConfig:
			return chain, nil
		case s.account.ParentID == "":
			id = aaa.SystemConfig
		default:
			id = s.account.ParentID
		}
	}
	return nil, fmt.Errorf("the ancestors of account %s do not end", id)
}

func enabled(chain []link) bool {
	for _, l := range chain {
		if !l.state.account.Enabled {
			return false
		}
	}
	return true
}
