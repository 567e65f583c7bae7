package plans

import (
	"cmp"
	"maps"
	"slices"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
	"aaa-api/internal/engines"
	"aaa-api/internal/store"
)

// What is here is answered from memory alone, for reads while the store is away.

// WarmAccount returns a warm account without its Path; store.ErrUnavailable where it is cold.
func (t *Cache) WarmAccount(id aaa.AccountID) (store.Account, error) {
	s := t.warm(id)
	if s == nil {
		return store.Account{}, store.ErrUnavailable
	}
	return s.account, nil
}

// Document returns the stored document of a warm account, secrets sealed: store.ErrNotFound where it
// has none, store.ErrUnavailable where the account is cold.
func (t *Cache) Document(id aaa.AccountID) (store.Document, error) {
	s := t.warm(id)
	switch {
	case s == nil:
		return store.Document{}, store.ErrUnavailable
	case s.document == nil:
		return store.Document{}, store.ErrNotFound
	}
	return s.document.whole(s.account.ID)
}

// Dictionaries lists a warm account's own dictionaries by name, without Body; store.ErrUnavailable where
// it is cold.
func (t *Cache) Dictionaries(id aaa.AccountID) ([]store.Dictionary, error) {
	s := t.warm(id)
	if s == nil {
		return nil, store.ErrUnavailable
	}
	list := make([]store.Dictionary, 0, len(s.dicts))
	for _, d := range s.dicts {
		list = append(list, d.stored)
	}
	slices.SortFunc(list, func(a, b store.Dictionary) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

// Dictionary finds a warm account's own dictionary by id or by name: store.ErrNotFound where it has
// none, store.ErrUnavailable where the account is cold.
func (t *Cache) Dictionary(id aaa.AccountID, key string) (store.Dictionary, error) {
	s := t.warm(id)
	if s == nil {
		return store.Dictionary{}, store.ErrUnavailable
	}
	for _, d := range s.dicts {
		if d.stored.ID == key {
			return d.whole()
		}
	}
	if d, ok := s.dicts[key]; ok {
		return d.whole()
	}
	return store.Dictionary{}, store.ErrNotFound
}

func (d *storedDict) whole() (store.Dictionary, error) {
	whole := d.stored
	var err error
	whole.Body, err = d.body.unpack()
	return whole, err
}

// Texts lists a warm account's own tables or users files by name, without Body; store.ErrUnavailable
// where it is cold.
func (t *Cache) Texts(id aaa.AccountID, kind store.TextKind) ([]store.Text, error) {
	s := t.warm(id)
	if s == nil {
		return nil, store.ErrUnavailable
	}
	list := make([]store.Text, 0, len(s.tables)+len(s.files))
	switch kind {
	case store.TextFSM:
		for _, table := range s.tables {
			list = append(list, table.stored)
		}
	case store.TextUsers:
		for _, file := range s.files {
			list = append(list, file.stored)
		}
	}
	slices.SortFunc(list, func(a, b store.Text) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

// StoredTable finds a warm account's own table: store.ErrNotFound where it has none, store.ErrUnavailable
// where the account is cold.
func (t *Cache) StoredTable(id aaa.AccountID, name string) (store.Text, error) {
	s := t.warm(id)
	if s == nil {
		return store.Text{}, store.ErrUnavailable
	}
	table, ok := s.tables[name]
	if !ok {
		return store.Text{}, store.ErrNotFound
	}
	whole := table.stored
	body, err := table.body.unpack()
	whole.Body = string(body)
	return whole, err
}

// WarmVisible is Visible of a warm account; store.ErrUnavailable where it is cold.
func (t *Cache) WarmVisible(id aaa.AccountID) (*dict.Set, error) {
	var list []*dict.Compiled
	for range maxDepth {
		if id == "" {
			break
		}
		s := t.warm(id)
		if s == nil {
			return nil, store.ErrUnavailable
		}
		for _, name := range slices.Sorted(maps.Keys(s.dicts)) {
			if c := s.dicts[name].compiled; c != nil {
				list = append(list, c)
			}
		}
		id = s.account.ParentID
	}
	return dict.NewSet(list...).Join(t.system.Default()), nil
}

// Learnt is what engines.Learner tells of the servers of an account's own document, by their names. There is nothing of a
// document that no request has used yet.
func (t *Cache) Learnt(id aaa.AccountID) map[string]map[string]string {
	n, ok := t.nodes.Load(id)
	if !ok {
		return nil
	}
	level := n.level.Load()
	if level == nil {
		return nil
	}
	all := make(map[string]map[string]string)
	for _, s := range level.Servers {
		learner, ok := s.Client.(engines.Learner)
		if !ok {
			continue
		}
		if kinds := learner.Learnt(); kinds != nil {
			all[s.Name] = kinds
		}
	}
	return all
}

// warm returns the state of a warm account, nil of a cold one.
func (t *Cache) warm(id aaa.AccountID) *state {
	if n, ok := t.nodes.Load(id); ok {
		return n.state.Load()
	}
	return nil
}
