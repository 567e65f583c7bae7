package plans

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unique"

	"aaa-api/internal/aaa"
	"aaa-api/internal/egress"
	"aaa-api/internal/limits"
	"aaa-api/internal/pool"
	"aaa-api/internal/store"
)

// node is one account in memory. state, level and plan are replaced, never changed.
type node struct {
	id aaa.AccountID

	reading   sync.Mutex // held by a request that reads a cold account's state
	compiling sync.Mutex // held while the document is compiled, so that only one request does it

	// Written with Cache.mu held. state, level and plan are read without it too.
	gone    bool // no longer in the map: begin again
	visited uint64
	state   atomic.Pointer[state]
	level   atomic.Pointer[CompiledDocument] // nil: to be compiled
	plan    atomic.Pointer[Plan]             // nil: to be made
	old     *CompiledDocument                // the level before a change, whose clients the next may take over
	pool    atomic.Pointer[pool.Pool]

	limits  *limits.Account // kept over changes
	reach   *egress.Account // likewise
	bounded atomic.Bool     // limits and reach hold what is in force
	asked   atomic.Uint32   // the epoch of the last request
}

// state is what the store holds of an account.
type state struct {
	account  store.Account          // ID alone for the system configuration
	document *storedDocument        // nil where there is none
	dicts    map[string]*storedDict // pointers, since a map has room for eight values at once
	tables   map[string]*storedTable
	files    map[string]*storedFile
}

// storedDocument is an account's AAA document as stored.
type storedDocument struct {
	revision int64
	created  time.Time
	author   string
	body     packed
}

// whole is the document of an account.
func (d *storedDocument) whole(account aaa.AccountID) (store.Document, error) {
	body, err := d.body.unpack()
	return store.Document{Account: account, Revision: d.revision, Body: body, Author: d.author, CreatedAt: d.created}, err
}

// load returns the state of an account, from the store where the account is cold.
func (t *Cache) load(ctx context.Context, id aaa.AccountID) (*node, *state, error) {
	for ctx.Err() == nil {
		n, ok := t.nodes.Load(id)
		if !ok {
			// The node is in the map before the store is read, so that a change which
			// arrives meanwhile finds it and waits for the end of the reading.
			id = aaa.AccountID(strings.Clone(string(id))) // it may be part of a whole request
			n, _ = t.nodes.LoadOrStore(id, &node{id: id, limits: t.refusals.NewAccount(id), reach: t.egress.Account()})
		}
		t.touch(n)
		if s := n.state.Load(); s != nil {
			return n, s, nil
		}
		s, err := t.fill(ctx, n)
		if err != nil {
			return nil, nil, err
		}
		if s != nil {
			return n, s, nil
		}
	}
	return nil, nil, changing(ctx)
}

// fill reads the state of a cold node. It returns nil if the node has left the map meanwhile.
func (t *Cache) fill(ctx context.Context, n *node) (*state, error) {
	n.reading.Lock()
	defer n.reading.Unlock()
	t.mu.RLock()
	gone, s := n.gone, n.state.Load()
	t.mu.RUnlock()
	if gone || s != nil {
		return s, nil
	}
	s, err := t.read(ctx, n.id, nil, "")
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.drop(n)
		if errors.Is(err, store.ErrNotFound) {
			delete(t.lessons, n.id)
		}
		if errors.Is(err, store.ErrNotFound) { // the store does not know of what
			err = &aaa.Error{Kind: aaa.KindNotFound, Message: "there is no such account", Err: err}
		}
		return nil, err
	}
	n.state.Store(s)
	t.index.place(n, "", s.parent())
	return s, nil
}

// settled returns the state of a node once no request reads it, nil of a cold one.
func (n *node) settled() *state {
	n.reading.Lock()
	defer n.reading.Unlock()
	return n.state.Load()
}

// drop takes a node out of the map and returns the levels whose clients are to be given back. t.mu is held.
func (t *Cache) drop(n *node) (levels [2]*CompiledDocument) {
	levels = [2]*CompiledDocument{n.level.Load(), n.old}
	if s := n.state.Load(); s != nil {
		t.index.place(n, s.parent(), "")
	}
	t.dropLevel(n)
	n.gone, n.old = true, nil
	n.plan.Store(nil)
	n.state.Store(nil)
	t.nodes.Delete(n.id)
	return levels
}

// read fetches an account's state. What a change of one kind can't have touched
// is taken from before, where there is one; no kind reads all.
func (t *Cache) read(ctx context.Context, id aaa.AccountID, before *state, kind store.ChangeKind) (*state, error) {
	if before == nil || kind == "" {
		return t.readAll(ctx, id, before)
	}
	s := *before
	if kind == store.ChangedDocument {
		return &s, t.readDocument(ctx, id, &s)
	}
	if id == aaa.SystemConfig {
		return &s, nil
	}
	texts := kind == store.ChangedFSM || kind == store.ChangedUsers
	if !texts {
		if err := t.readAccount(ctx, id, &s, before); err != nil {
			return nil, err
		}
	}
	if texts || kind != store.ChangedDictionary {
		if err := t.readTexts(ctx, &s, before, before); err != nil {
			return nil, err
		}
	}
	return &s, nil
}

// readAll fetches an account's whole state. Of before only what can no longer be used is taken: a database that was put back may
// have other contents in the place of known ones.
func (t *Cache) readAll(ctx context.Context, id aaa.AccountID, before *state) (*state, error) {
	if id == aaa.SystemConfig {
		s := &state{account: store.Account{ID: id, Enabled: true}}
		return s, t.readDocument(ctx, id, s)
	}
	rows, err := t.readRows(ctx, []aaa.AccountID{id})
	if err != nil {
		return nil, err
	}
	return t.complete(ctx, rows[id], before)
}

// row is what an account has in the store beside its dictionaries and texts.
type row struct {
	state state
	holds bool // dictionaries or texts
}

// readRows fetches the rows and documents of several accounts. Those that do not exist are left out.
func (t *Cache) readRows(ctx context.Context, ids []aaa.AccountID) (map[aaa.AccountID]*row, error) {
	rows := make(map[aaa.AccountID]*row, len(ids))
	err := t.store.Documents().OfAccounts(ctx, ids, func(stored store.Stored) error {
		r := &row{holds: stored.Holds}
		r.state.setAccount(stored.Account)
		if stored.Document != nil {
			r.state.setDocument(*stored.Document)
		}
		rows[r.state.account.ID] = r
		return nil
	})
	return rows, err
}

// complete adds the dictionaries and texts to a row; nil is an account that does not exist.
func (t *Cache) complete(ctx context.Context, r *row, before *state) (*state, error) {
	if r == nil {
		return nil, store.ErrNotFound
	}
	s := r.state
	if !r.holds {
		return &s, nil
	}
	list, err := t.readDicts(ctx, s.account.ID, nil)
	if err != nil {
		return nil, err
	}
	s.dicts = t.compileDicts(list, before)
	return &s, t.readTexts(ctx, &s, before, nil)
}

func (t *Cache) readDocument(ctx context.Context, id aaa.AccountID, s *state) error {
	s.document = nil
	d, err := t.store.Documents().Get(ctx, id)
	switch {
	case err == nil:
		s.setDocument(d)
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	return nil
}

func (s *state) setDocument(d store.Document) {
	s.document = &storedDocument{revision: d.Revision, created: d.CreatedAt, author: unique.Make(d.Author).Value(), body: pack(d.Body)}
}

// readAccount fetches an account's row and its dictionaries.
func (t *Cache) readAccount(ctx context.Context, id aaa.AccountID, s, before *state) error {
	a, err := t.store.Accounts().Get(ctx, id)
	if err != nil {
		return err
	}
	list, err := t.readDicts(ctx, id, before)
	if err != nil {
		return err
	}
	s.dicts = t.compileDicts(list, before)
	a.ID = id
	s.setAccount(a)
	return nil
}

func (s *state) setAccount(a store.Account) {
	a.Path = nil // moves of ancestors change it; Account works it out
	a.ParentID = unique.Make(a.ParentID).Value()
	s.account = a
}

// link is an account of a chain as it was at one moment.
type link struct {
	node  *node
	state *state
	level *CompiledDocument // nil: to be compiled
}

// chain returns an account and its ancestors, up to and with the system configuration, all as they are at one moment.
func (t *Cache) chain(ctx context.Context, id aaa.AccountID) ([]link, error) {
	for ctx.Err() == nil {
		t.mu.RLock()
		chain := t.warmChain(id)
		t.mu.RUnlock()
		if chain != nil {
			return chain, nil
		}
		if err := t.loadAll(ctx, id); err != nil {
			return nil, err
		}
	}
	return nil, changing(ctx)
}

// loadAll loads what is cold of an account and its ancestors.
func (t *Cache) loadAll(ctx context.Context, id aaa.AccountID) error {
	for range maxDepth {
		_, s, err := t.load(ctx, id)
		if err != nil {
			return err
		}
		if id = s.parent(); id == "" {
			return nil
		}
	}
	return &aaa.Error{ // some parents are read before a move, some after
		Kind: aaa.KindUnavailable, Message: "the account is being moved: ask again", RetryAfter: time.Second,
		Err: fmt.Errorf("the ancestors of account %s do not end", id),
	}
}

// warmChain is chain from memory alone, nil if an account is cold. t.mu is held.
func (t *Cache) warmChain(id aaa.AccountID) []link {
	chain := make([]link, 0, 8)
	for range maxDepth {
		n, ok := t.nodes.Load(id)
		if !ok {
			return nil
		}
		s := n.state.Load()
		if s == nil {
			return nil
		}
		chain = append(chain, link{n, s, n.level.Load()})
		if id = s.parent(); id == "" {
			return chain
		}
	}
	return nil
}

// current reports whether no change replaced a state of the chain since it was read. t.mu is held.
func current(chain []link) bool {
	for _, l := range chain {
		if l.node.state.Load() != l.state {
			return false
		}
	}
	return true
}

// changing is the error of a request whose account changes for longer than it may wait.
func changing(ctx context.Context) error {
	return &aaa.Error{
		Kind: aaa.KindUnavailable, Message: "the account's configuration is being changed: ask again",
		RetryAfter: time.Second, Err: ctx.Err(),
	}
}

func enabled(chain []link) bool {
	for _, l := range chain {
		if !l.state.account.Enabled {
			return false
		}
	}
	return true
}
