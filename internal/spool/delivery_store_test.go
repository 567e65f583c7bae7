package spool

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// rows is a store.Spool in memory, as far as delivery uses it.
type rows struct {
	store.Spool
	mu       sync.Mutex
	list     []*store.SpoolRecord
	counts   map[aaa.AccountID]*store.SpoolCounts
	away     bool
	refuse   string // the ID of a record whose settlement is refused
	settles  int    // transactions
	recovers int
	tidied   int
}

func newRows() *rows { return &rows{counts: map[aaa.AccountID]*store.SpoolCounts{}} }

func (s *rows) ledger(account aaa.AccountID) *store.SpoolCounts {
	if s.counts[account] == nil {
		s.counts[account] = new(store.SpoolCounts)
	}
	return s.counts[account]
}

func (s *rows) Append(_ context.Context, list []store.SpoolRecord) (out []store.SpoolAppended, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return nil, store.ErrUnavailable
	}
	for _, r := range list {
		r.Revision, r.State = 1, store.SpoolWaiting
		s.list = append(s.list, &r)
		s.ledger(r.Account).Acknowledged++
		out = append(out, store.SpoolStored)
	}
	return out, nil
}

var ranks = map[store.SpoolKind]int{store.SpoolStart: 1, store.SpoolInterim: 2, store.SpoolStop: 3}

func order(a, b *store.SpoolRecord) int {
	return cmp.Or(cmp.Compare(ranks[a.Kind], ranks[b.Kind]), cmp.Compare(a.ID, b.ID))
}

func (s *rows) Due(_ context.Context, now time.Time, lease store.Lease, take func(aaa.AccountID) bool) (claimed []store.SpoolRecord, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return nil, store.ErrUnavailable
	}
	first := make(map[[2]string]*store.SpoolRecord) // of each session
	var ready []*store.SpoolRecord
	for _, r := range s.list {
		key := [2]string{string(r.Account), r.Session}
		if r.State == store.SpoolWaiting && (first[key] == nil || order(r, first[key]) < 0) {
			first[key] = r
		}
		if r.State == store.SpoolWaiting && !r.DueAt.After(now) && !r.Lease.Until.After(now) {
			ready = append(ready, r)
		}
	}
	slices.SortStableFunc(ready, func(a, b *store.SpoolRecord) int { return a.DueAt.Compare(b.DueAt) })
	full := make(map[aaa.AccountID]bool)
	for _, r := range ready {
		if full[r.Account] || r.Session != "" && first[[2]string{string(r.Account), r.Session}] != r {
			continue
		}
		if full[r.Account] = !take(r.Account); full[r.Account] {
			continue
		}
		r.Lease = lease
		r.Revision++
		claimed = append(claimed, *r)
	}
	return claimed, nil
}

func (s *rows) Settle(_ context.Context, now time.Time, list []store.SpoolSettlement) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return store.ErrUnavailable
	}
	for _, o := range list {
		if o.ID == s.refuse {
			return fmt.Errorf("%s is refused", o.ID)
		}
	}
	s.settles++
	for _, o := range list {
		i := slices.IndexFunc(s.list, func(r *store.SpoolRecord) bool { return r.Account == o.Account && r.ID == o.ID })
		if i < 0 || s.list[i].Revision != o.Revision && o.Outcome != store.SpoolDelivered {
			continue
		}
		r, l := s.list[i], s.ledger(o.Account)
		due := now
		switch o.Outcome {
		case store.SpoolDelivered, store.SpoolWithdrawn, store.SpoolGone:
			s.list = slices.Delete(s.list, i, i+1)
			switch o.Outcome {
			case store.SpoolDelivered:
				l.Delivered++
			case store.SpoolWithdrawn:
				l.Acknowledged--
			default:
				l.Dropped++
			}
		case store.SpoolRefused:
			r.State, r.ParkedAt, r.DueAt = store.SpoolParked, now, time.Time{}
			r.Lease.End()
		case store.SpoolFailed, store.SpoolReleased:
			r.DueAt, due = o.DueAt, o.DueAt
			r.Lease.End()
		}
		if o.Outcome == store.SpoolFailed || o.Outcome == store.SpoolRefused {
			r.Tries++
			r.Attempts = append(slices.Clone(r.Attempts), o.Attempt)
			r.Attempts = r.Attempts[max(0, len(r.Attempts)-store.MaxSpoolAttempts):]
		}
		for _, other := range s.list {
			if o.Session != "" && other != r && other.Account == o.Account && other.Session == o.Session && other.State == store.SpoolWaiting {
				other.DueAt = due
			}
		}
	}
	return nil
}

func (s *rows) Recover(_ context.Context, account aaa.AccountID, now time.Time) (n int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recovers++
	for _, r := range s.list {
		if r.Account == account && r.State == store.SpoolWaiting && r.DueAt.After(now) && !r.Lease.Until.After(now) {
			r.DueAt = now
			n++
		}
	}
	return n, nil
}

func (s *rows) Park(_ context.Context, account aaa.AccountID, now time.Time, node string) (n int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.list {
		if n < 512 && r.Account == account && r.State == store.SpoolWaiting && !r.KeepUntil.After(now) && !r.Lease.Until.After(now) {
			r.State, r.ParkedAt, r.DueAt = store.SpoolParked, now, time.Time{}
			last := store.SpoolAttempt{}
			if n := len(r.Attempts); n > 0 {
				last = r.Attempts[n-1]
			}
			last.At, last.Node, last.Reason = now, node, fmt.Sprintf("no server took it within %v; last: %s", r.KeepUntil.Sub(r.ReceivedAt), last.Reason)
			r.Attempts = append(slices.Clone(r.Attempts), last)
			r.Attempts = r.Attempts[max(0, len(r.Attempts)-store.MaxSpoolAttempts):]
			r.Revision++
			n++
		}
	}
	return n, nil
}

func (s *rows) Counts(_ context.Context, account aaa.AccountID) (store.SpoolCounts, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count(account), nil
}

func (s *rows) count(account aaa.AccountID) store.SpoolCounts {
	c := *s.ledger(account)
	for _, r := range s.list {
		switch {
		case r.Account != account:
		case r.State == store.SpoolParked:
			c.Parked++
		default:
			c.Waiting++
			if c.Oldest.IsZero() || r.ReceivedAt.Before(c.Oldest) {
				c.Oldest = r.ReceivedAt
			}
		}
	}
	return c
}

func (s *rows) Backlogs(_ context.Context, limit int) (list []store.SpoolBacklog, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for account := range s.counts {
		if c := s.count(account); c.Waiting+c.Parked > 0 {
			list = append(list, store.SpoolBacklog{Account: account, SpoolCounts: c})
		}
	}
	slices.SortFunc(list, func(a, b store.SpoolBacklog) int {
		return cmp.Or(cmp.Compare(b.Waiting+b.Parked, a.Waiting+a.Parked), cmp.Compare(a.Account, b.Account))
	})
	return list[:min(limit, len(list))], nil
}

func (s *rows) Tidy(context.Context, time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tidied++
	return nil
}

// set changes the store as others see it.
func (s *rows) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// get returns a copy of a record; nil if it is not there.
func (s *rows) get(id string) *store.SpoolRecord {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.list {
		if r.ID == id {
			own := *r
			return &own
		}
	}
	return nil
}

// all returns copies of the records.
func (s *rows) all() (list []store.SpoolRecord) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.list {
		list = append(list, *r)
	}
	return list
}

// open is a vault that hides nothing.
type open struct{}

func (open) SealHeld(_ context.Context, _ aaa.AccountID, _, clear string) (string, error) {
	return clear, nil
}

func (open) Open(_ context.Context, _ aaa.AccountID, _, sealed string) (aaa.Secret, error) {
	return aaa.NewSecret(sealed), nil
}

// world is nodes on one store, and what their servers do.
type world struct {
	t       *testing.T
	rows    *rows
	log     lines
	mu      sync.Mutex
	answers func(node string, r *Record) (*aaa.Result, error) // of the accounting servers
	sent    []string                                          // IDs, in the order of delivery
	began   map[string][]time.Time                            // of the attempts of a record
	next    int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{t: t, rows: newRows(), began: map[string][]time.Time{}}
}

var accepted = &aaa.Result{Outcome: aaa.Accept, Server: "main"}

func silence() (*aaa.Result, error) {
	return nil, &aaa.Error{Kind: aaa.KindNoAnswer, Message: "no AAA server answered: main: silent, 3 attempts", Server: "main"}
}

func (w *world) options(node string) Options {
	return Options{
		Store: w.rows, Vault: open{}, Node: node, Log: slog.New(slog.NewTextHandler(&w.log, nil)), Width: func(aaa.AccountID) int { return 64 },
		Deliver: func(_ context.Context, r *Record, _ aaa.Values) (*aaa.Result, error) {
			w.mu.Lock()
			w.began[r.ID] = append(w.began[r.ID], time.Now())
			answers := w.answers
			w.mu.Unlock()
			res, err := answers(node, r)
			if err == nil {
				w.mu.Lock()
				w.sent = append(w.sent, r.ID)
				w.mu.Unlock()
			}
			return res, err
		},
	}
}

// run runs a node until its returned stop is called.
func (w *world) run(o Options) (s *Spool, stop func()) {
	s = New(o)
	ctx, cancel := context.WithCancel(w.t.Context())
	var under sync.WaitGroup
	under.Go(func() { s.delivery.run(ctx) })
	return s, func() { cancel(); under.Wait() }
}

// stored makes the next record of an account, due now.
func (w *world) stored(account aaa.AccountID, kind store.SpoolKind, session string) store.SpoolRecord {
	w.next++
	now := time.Now().UTC()
	return store.SpoolRecord{
		Account: account, ID: fmt.Sprintf("%032x", w.next), Revision: 1, Kind: kind, Session: session, State: store.SpoolWaiting, Payload: `{"request_id":"r","values":{"User-Name":"bob"}}`,
		EventAt: now, ReceivedAt: now, KeepUntil: now.Add(24 * time.Hour), DueAt: now,
	}
}

// put stores a record, and returns its ID.
func (w *world) put(account aaa.AccountID, kind store.SpoolKind, session string) string {
	r := w.stored(account, kind, session)
	if _, err := w.rows.Append(w.t.Context(), []store.SpoolRecord{r}); err != nil {
		w.t.Fatal(err)
	}
	return r.ID
}

// server sets what servers answer from now on.
func (w *world) server(answers func(node string, r *Record) (*aaa.Result, error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers = answers
}

func (w *world) delivered() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.sent)
}

func (w *world) tries(id string) []time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.began[id])
}

// balanced checks the ledger of an account.
func (w *world) balanced(account aaa.AccountID) store.SpoolCounts {
	w.t.Helper()
	c, _ := w.rows.Counts(context.Background(), account)
	if c.Acknowledged != c.Waiting+c.Parked+c.Delivered+c.Replaced+c.Dropped {
		w.t.Errorf("the ledger of %s: %+v", account, c)
	}
	return c
}
