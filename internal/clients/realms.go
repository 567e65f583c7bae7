package clients

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"

	"github.com/puzpuzpuz/xsync/v4"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

const (
	maxRealms  = 65_536 // that accounts have
	maxNoRealm = 16_384 // that no account has
	maxAsking  = 4      // questions to the store at once about the realms below one account
	maxRealm   = 253    // octets, as accounts have it
)

// realms knows the accounts of realms that users have named. The realms that no account has are apart: those are made up by users, and
// must not push out the others.
type realms struct {
	known      *xsync.Map[realm, aaa.AccountID]
	none       *xsync.Map[realm, struct{}]
	asking     *xsync.Map[aaa.AccountID, chan struct{}]
	generation atomic.Uint64 // counts forget
}

// realm is a realm below an account.
type realm struct {
	top  aaa.AccountID
	name string
}

func newRealms() realms {
	return realms{
		known: xsync.NewMap[realm, aaa.AccountID](), none: xsync.NewMap[realm, struct{}](),
		asking: xsync.NewMap[aaa.AccountID, chan struct{}](),
	}
}

// forget drops all answers: a change of one account may move, add or take the realms of many.
func (s *realms) forget() {
	s.generation.Add(1)
	s.known.Clear()
	s.none.Clear()
}

// find returns the account of a realm, empty if none has it. ok: it is known.
func (s *realms) find(key realm) (id aaa.AccountID, ok bool) {
	if id, ok = s.known.Load(key); !ok {
		_, ok = s.none.Load(key)
	}
	return id, ok
}

// keep notes an answer, unless accounts have changed since it was asked for.
func (s *realms) keep(key realm, id aaa.AccountID, generation uint64) {
	key.name = strings.Clone(key.name) // it is part of a packet
	if id == "" {
		if s.none.Size() >= maxNoRealm {
			s.none.Clear()
		}
		s.none.Store(key, struct{}{})
	} else {
		if s.known.Size() >= maxRealms {
			s.known.Clear()
		}
		s.known.Store(key, id)
	}
	if s.generation.Load() != generation {
		s.none.Delete(key)
		s.known.Delete(key)
	}
}

// AccountOf returns the account that a client's request is of: with realm_routing the one below the client's account, at any depth,
// that has the realm of userName; else, and if none has it, the client's account. If several have it, it is the nearest, and of those
// at one depth the one with the lowest id.
//
// A realm is looked up in the store once, until accounts change. While the store is away, realms that are known are answered, and the
// others are store.ErrUnavailable.
func (r *Registry) AccountOf(ctx context.Context, c *Client, userName string) (aaa.AccountID, error) {
	if !c.Document.RealmRouting {
		return c.Account, nil
	}
	name := aaa.RealmOf(userName)
	if !isRealm(name) {
		return c.Account, nil
	}
	key := realm{c.Account, name}
	id, ok := r.realms.find(key)
	if !ok {
		var err error
		if id, err = r.ask(ctx, key); err != nil {
			return "", err
		}
	}
	if id == "" {
		return c.Account, nil
	}
	return id, nil
}

// ask looks a realm up in the store. Users can name any realm, so an account has few questions at once.
func (r *Registry) ask(ctx context.Context, key realm) (aaa.AccountID, error) {
	places, _ := r.realms.asking.LoadOrCompute(key.top, func() (chan struct{}, bool) { return make(chan struct{}, maxAsking), false })
	select {
	case places <- struct{}{}:
		defer func() { <-places }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if id, ok := r.realms.find(key); ok { // meanwhile
		return id, nil
	}
	generation := r.realms.generation.Load()
	a, err := r.tree.ByRealm(ctx, key.top, key.name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return "", err
	}
	r.realms.keep(key, a.ID, generation)
	return a.ID, nil
}

// isRealm reports whether an account can have a realm: it is a domain name.
func isRealm(name string) bool {
	return name != "" && len(name) <= maxRealm &&
		strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") == "" // Trim ends at another character
}
