package clients

import (
	"context"
	"errors"
	"slices"
	"strings"

	"aaa-api/internal/aaa"
	"aaa-api/internal/backoff"
	"aaa-api/internal/store"
)

// Load reads all clients. On an error those in memory stay.
func (r *Registry) Load(ctx context.Context) error {
	held, t := make(map[aaa.AccountID][]*Client), newTable()
	err := r.store.Each(ctx, func(s store.Client) error {
		before := find(r.held, s.Account, s.Name)
		c := before
		if c == nil || !c.is(&s) {
			account := s.Account
			if list := held[account]; len(list) > 0 {
				account = list[0].Account
			}
			var err error
			if c, err = r.parse(&s, account, before); err != nil {
				r.tellDamaged(&s, err)
				return nil
			}
		}
		held[c.Account] = append(held[c.Account], c)
		t.insert(c)
		return nil
	})
	if err != nil {
		return err
	}
	for _, list := range held {
		slices.SortFunc(list, func(a, b *Client) int { return strings.Compare(a.Name, b.Name) })
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = held
	r.table.Store(t)
	return nil
}

// Changed applies entries of the change log: it is a store.Subscriber. While the store is away it goes on trying and what is in memory
// stays in use, since the log's reader must not pass a change that was not applied.
func (r *Registry) Changed(ctx context.Context, changes []store.Change, reset bool) {
	if reset {
		r.realms.forget()
		_ = r.untilRead(ctx, func() error { return r.Load(ctx) })
		return
	}
	if slices.ContainsFunc(changes, func(c store.Change) bool { return c.Kind == store.ChangedAccount }) {
		r.realms.forget()
	}
	done := make(map[Start]bool) // a client that is read has all of the list's changes
	for _, c := range changes {
		if ctx.Err() != nil {
			return
		}
		key := Start{c.Account, c.Name}
		if c.Kind != store.ChangedAccount && c.Kind != store.ChangedClient || done[key] {
			continue
		}
		done[key] = true
		if c.Kind == store.ChangedClient {
			r.follow(ctx, c.Account, c.Name)
		} else {
			r.followAccount(ctx, c.Account)
		}
	}
}

// follow reads one client and puts it in force.
func (r *Registry) follow(ctx context.Context, account aaa.AccountID, name string) {
	var s store.Client
	err := r.untilRead(ctx, func() (err error) {
		s, err = r.store.Get(ctx, account, name)
		return err
	})
	before := find(r.held, account, name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		r.replace(before, nil)
	case err != nil: // ctx ended
	case before != nil && before.is(&s):
	default:
		if list := r.held[account]; len(list) > 0 {
			account = list[0].Account
		} else {
			account = aaa.AccountID(strings.Clone(string(account))) // it may be part of a whole page of the log
		}
		after, err := r.parse(&s, account, before)
		if err != nil { // the document that was there is no longer in force
			r.tellDamaged(&s, err)
			after = nil
		}
		r.replace(before, after)
	}
}

// followAccount removes the clients of an account that is gone. If the account was created anew under its id since, the clients of the
// one before are gone too, without a change of their own: those that look older are read again, for the clocks of nodes differ.
func (r *Registry) followAccount(ctx context.Context, account aaa.AccountID) {
	list := r.held[account]
	if len(list) == 0 {
		return
	}
	var a store.Account
	err := r.untilRead(ctx, func() (err error) {
		a, err = r.tree.Get(ctx, account)
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		r.removeAll(account)
	case err == nil:
		created := a.CreatedAt.UnixNano()
		for _, c := range slices.Clone(list) {
			if c.created < created {
				r.follow(ctx, account, c.Name)
			}
		}
	}
}

// replace puts a client in the place of another. Either may be nil.
func (r *Registry) replace(before, after *Client) {
	if before == nil && after == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.table.Store(r.table.Load().replaced(before, after))
	r.hold(before, after)
}

// hold does for held what replaced does for the table. r.mu is held.
func (r *Registry) hold(before, after *Client) {
	c := after
	if c == nil {
		c = before
	}
	list := r.held[c.Account]
	i, _ := slices.BinarySearchFunc(list, c.Name, byName)
	switch {
	case before == nil:
		list = slices.Insert(list, i, after)
	case after == nil:
		list = slices.Delete(list, i, i+1)
	default:
		list[i] = after
	}
	if len(list) == 0 {
		delete(r.held, c.Account)
	} else {
		r.held[c.Account] = list
	}
}

// removeAll removes the clients of an account at one moment.
func (r *Registry) removeAll(account aaa.AccountID) {
	t := r.table.Load()
	for _, c := range r.held[account] {
		t = t.replaced(c, nil)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.table.Store(t)
	delete(r.held, account)
}

// untilRead tries until the store answers or ctx ends. store.ErrNotFound is an answer. No lock is held meanwhile.
func (r *Registry) untilRead(ctx context.Context, read func() error) error {
	for {
		err := read()
		if err == nil || errors.Is(err, store.ErrNotFound) {
			return err
		}
		r.log.Warn("a change of clients waits for the store", "error", err)
		if err := backoff.Sleep(ctx, r.retry); err != nil {
			return err
		}
	}
}

// tellDamaged logs a document that can't be read. Its client is unknown until it is written anew.
func (r *Registry) tellDamaged(s *store.Client, err error) {
	r.damaged.Do(func() {
		r.log.Error("a client can't be read: its packets go unanswered", "account", s.Account, "client", s.Name, "error", err)
	})
}
