package tenant

import (
	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// What is here is answered from memory alone, for reads while the store is away.

// WarmAccount returns a warm account without its Path; store.ErrUnavailable where it is cold.
func (t *Tenants) WarmAccount(id aaa.AccountID) (store.Account, error) {
	s := t.warm(id)
	if s == nil {
		return store.Account{}, store.ErrUnavailable
	}
	return s.account, nil
}

// Document returns the stored document of a warm account, secrets sealed: store.ErrNotFound where it
// has none, store.ErrUnavailable where the account is cold.
func (t *Tenants) Document(id aaa.AccountID) (store.Document, error) {
	s := t.warm(id)
	switch {
	case s == nil:
		return store.Document{}, store.ErrUnavailable
	case s.document == nil:
		return store.Document{}, store.ErrNotFound
	}
	return *s.document, nil
}

// Owns reports whether a warm account has a dictionary or table of a name of its own;
// store.ErrUnavailable where the account is cold.
func (t *Tenants) Owns(id aaa.AccountID, kind store.RefKind, name string) (bool, error) {
	s := t.warm(id)
	if s == nil {
		return false, store.ErrUnavailable
	}
	var owns bool
	switch kind {
	case store.RefDictionary:
		_, owns = s.dicts[name]
	case store.RefFSM:
		_, owns = s.tables[name]
	}
	return owns, nil
}

// warm returns the state of a warm account, nil of a cold one.
func (t *Tenants) warm(id aaa.AccountID) *state {
	if n, ok := t.nodes.Load(id); ok {
		return n.state.Load()
	}
	return nil
}
