package httpapi

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// fakeSpool is a store.Spool in memory, without what delivery needs.
type fakeSpool struct {
	store.Spool
	mu      sync.Mutex
	list    []store.SpoolRecord
	dropped map[aaa.AccountID]int64
	err     error
}

func newFakeSpool() *fakeSpool { return &fakeSpool{dropped: make(map[aaa.AccountID]int64)} }

func (s *fakeSpool) Append(_ context.Context, list []store.SpoolRecord) ([]store.SpoolAppended, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, list...)
	slices.SortFunc(s.list, func(a, b store.SpoolRecord) int { return cmp.Compare(a.ID, b.ID) })
	return make([]store.SpoolAppended, len(list)), s.err
}

// chosen are the records that a filter chooses.
func (s *fakeSpool) chosen(account aaa.AccountID, f store.SpoolFilter, take func(*store.SpoolRecord) bool) {
	for i := 0; i < len(s.list); {
		r := &s.list[i]
		server := ""
		if n := len(r.Attempts); n > 0 {
			server = r.Attempts[n-1].Server
		}
		same := func(want, have string) bool { return want == "" || want == have }
		if r.Account == account && same(f.ID, r.ID) && same(string(f.State), string(r.State)) && same(string(f.Kind), string(r.Kind)) &&
			same(f.AcctSessionID, r.AcctSessionID) && same(f.User, r.User) && same(f.Server, server) && (f.Before.IsZero() || r.ReceivedAt.Before(f.Before)) && !take(r) {
			s.list = slices.Delete(s.list, i, i+1)
			continue
		}
		i++
	}
}

func (s *fakeSpool) Get(_ context.Context, account aaa.AccountID, id string) (got store.SpoolRecord, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err = store.ErrNotFound
	s.chosen(account, store.SpoolFilter{ID: id}, func(r *store.SpoolRecord) bool { got, err = *r, nil; return true })
	return got, cmp.Or(s.err, err)
}

func (s *fakeSpool) List(_ context.Context, account aaa.AccountID, f store.SpoolFilter, p store.Page) (list []store.SpoolRecord, next string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chosen(account, f, func(r *store.SpoolRecord) bool {
		switch {
		case r.ID < p.Start || next != "":
		case p.Limit > 0 && len(list) == p.Limit:
			next = r.ID
		default:
			list = append(list, *r)
		}
		return true
	})
	return list, next, s.err
}

func (s *fakeSpool) Resend(_ context.Context, account aaa.AccountID, f store.SpoolFilter, now, keepUntil time.Time) (n int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chosen(account, f, func(r *store.SpoolRecord) bool {
		if !r.Lease.Until.After(now) {
			r.State, r.DueAt, r.KeepUntil, r.ParkedAt = store.SpoolWaiting, now, keepUntil, time.Time{}
			n++
		}
		return true
	})
	return n, s.err
}

func (s *fakeSpool) Drop(_ context.Context, account aaa.AccountID, f store.SpoolFilter) (n int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chosen(account, f, func(r *store.SpoolRecord) bool {
		if r.Lease.Until.After(time.Now()) {
			return true
		}
		n++
		return false
	})
	s.dropped[account] += n
	return n, s.err
}

func (s *fakeSpool) Counts(_ context.Context, account aaa.AccountID) (c store.SpoolCounts, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chosen(account, store.SpoolFilter{}, func(r *store.SpoolRecord) bool {
		if r.State == store.SpoolParked {
			c.Parked++
		} else {
			c.Waiting++
			c.Oldest = r.ReceivedAt
		}
		c.Octets += int64(len(r.Payload))
		return true
	})
	c.Dropped = s.dropped[account]
	c.Acknowledged = c.Parked + c.Waiting + c.Dropped
	return c, s.err
}

func (s *fakeSpool) Servers(context.Context, aaa.AccountID) ([]store.SpoolServer, error) {
	return nil, s.err
}
