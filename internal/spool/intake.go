package spool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

const (
	// holdLease is how long a record is left to the node that makes its first attempt. It is longer than any request takes.
	holdLease = 45 * time.Second
	// defaultKeep is how long a record without Keep waits.
	defaultKeep = 24 * time.Hour
)

// intake stores records, many in one transaction, or in the journal while the store is away.
type intake struct {
	s       *Spool
	ids     ids
	repeats repeats
	quota   quota
	disk    disk
	group   group
	away    away

	patience time.Duration // with the store, before the journal takes a group
}

func newIntake(s *Spool) *intake {
	i := &intake{s: s, patience: storeTime}
	i.repeats.known.most = mostRepeats
	i.quota.s, i.quota.of = s, make(map[aaa.AccountID]*usage)
	i.disk.s = s
	i.group.commit = i.commit
	i.group.size.most = mostGrouped
	i.away.init(s.o.Journal)
	return i
}

// Store returns when a record is safe. It is delivered later, by whichever node is up. Its errors are *aaa.Error: KindLimited if the account is
// at its limit, KindUnavailable if neither the store nor the journal takes the record.
func (i *intake) Store(ctx context.Context, r *Record) error {
	_, err := i.add(ctx, r, store.Lease{})
	i.s.o.Metrics.refused(err)
	return err
}

// Hold is Store for a caller that makes the first attempt itself, with the Attempt of the result.
func (i *intake) Hold(ctx context.Context, r *Record) (*Held, error) {
	p, err := i.add(ctx, r, store.Lease{Node: i.s.o.Node, Until: i.s.now().Add(holdLease)})
	i.s.o.Metrics.refused(err)
	if err != nil {
		return nil, err
	}
	h := &Held{s: i.s, record: r, stored: p.record, Kept: p.kept}
	h.settle = func(o store.SpoolSettlement) <-chan struct{} { return i.settled(h, p.journaled, o) }
	return h, nil
}

// settled writes the outcome of a held record's attempt. The channel is closed when it is written.
func (i *intake) settled(h *Held, journaled bool, o store.SpoolSettlement) <-chan struct{} {
	switch {
	case o.Outcome == store.SpoolDelivered:
		i.delivered(h.record)
	case !ends(o.Outcome):
		i.quota.kept(h.stored.Account)
	}
	if journaled {
		return i.settleJournaled(h, o)
	}
	return i.s.delivery.settle(o)
}

// add stores a record. The lease is for a caller that attempts it. After its record is in a group the caller's context ends nothing.
func (i *intake) add(ctx context.Context, r *Record, lease store.Lease) (*pending, error) {
	now := i.s.now()
	i.complete(r, now)
	p := &pending{record: unsealed(r, now), hold: !lease.Until.IsZero(), done: make(chan struct{})}
	p.record.Lease = lease
	if err := checkStored(&p.record); err != nil {
		return nil, &aaa.Error{Message: "the accounting record is malformed", Err: err}
	}
	if i.repeats.seen(&p.record, now) {
		i.s.o.Metrics.count(countRepeated, 1)
		p.kept = true
		return p, nil
	}
	var err error
	if p.record.Payload, err = seal(ctx, i.s.o.Vault, r); err != nil {
		return nil, notStored(err)
	}
	if i.s.o.DiskHoldsStore {
		if err := i.disk.room(r.Kind, len(p.record.Payload)); err != nil {
			return nil, err
		}
	}
	if err := i.quota.take(ctx, &p.record, i.away.is()); err != nil {
		return nil, notStored(err)
	}
	if err := i.group.add(ctx, p); err != nil {
		i.quota.shift(&p.record, inFlight, nowhere)
		return nil, notStored(err)
	}
	return p, nil
}

// complete gives a record what its caller left out.
func (i *intake) complete(r *Record, now time.Time) {
	if r.ID == "" {
		r.ID = i.ids.next(now)
	}
	if r.Kind == "" {
		r.Kind = store.SpoolOther
	}
	if r.EventAt.IsZero() {
		r.EventAt = now
	}
	r.EventAt = r.EventAt.UTC().Truncate(time.Microsecond)
	if r.Keep <= 0 {
		r.Keep = defaultKeep
	}
	r.AcctSessionID, r.User = label(r.AcctSessionID), label(r.User)
}

// notStored makes an *aaa.Error of the reason why a record is not stored.
func notStored(err error) error {
	var e *aaa.Error
	switch {
	case errors.Is(err, store.ErrUnavailable):
		return unavailable(err)
	case errors.As(err, &e):
		return err
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return &aaa.Error{Kind: aaa.KindNoAnswer, Message: "the caller left before the record was stored", Err: err}
	}
	return &aaa.Error{Message: "the accounting record can't be stored", Err: err}
}

func unavailable(err error) error {
	return &aaa.Error{Kind: aaa.KindUnavailable, Message: "the accounting record can't be stored: the database is away; repeat the request", RetryAfter: time.Second, Err: err}
}

// isAway reports whether the store did not answer. What it was asked to write may be written.
func isAway(err error) bool {
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// commit stores a group of records and ends their wait.
func (i *intake) commit(list []*pending) {
	direct, later := i.away.part(list)
	i.store(direct)
	i.journal(later)
}

// storeTime is how long the store may take for a group before the journal takes it.
const storeTime = 2 * time.Second

// store appends records in one transaction. If the store refuses them, one of them may be at fault, so each half is tried alone.
func (i *intake) store(list []*pending) {
	if len(list) == 0 {
		return
	}
	records := make([]store.SpoolRecord, len(list))
	for n, p := range list {
		records[n] = p.record
	}
	ctx, cancel := context.WithTimeout(context.Background(), i.patience)
	began := time.Now()
	out, err := i.s.o.Store.Append(ctx, records)
	cancel()
	i.group.size.took(len(list), time.Since(began), err)
	switch {
	case err == nil && len(out) == len(list):
		i.appended(list, out)
	case err == nil:
		i.fail(list, fmt.Errorf("the store answered for %d records of %d", len(out), len(list)))
	case isAway(err) && i.s.o.Journal != nil:
		i.gone(err)
		i.journal(list)
	case isAway(err):
		i.fail(list, unavailable(err))
	case len(list) == 1:
		i.fail(list, err)
	default:
		i.store(list[:len(list)/2])
		i.store(list[len(list)/2:])
	}
}

// appended ends the wait of records that the store has.
func (i *intake) appended(list []*pending, out []store.SpoolAppended) {
	i.s.o.Metrics.appended(out)
	due := false
	for n, p := range list {
		to := inStore
		switch out[n] {
		case store.SpoolStored:
			p.kept = false
			if !p.hold {
				i.quota.kept(p.record.Account)
				due = true
			}
		case store.SpoolBehind:
			p.kept = true
			p.record.Lease.End()
			i.quota.kept(p.record.Account)
		default:
			p.kept = true
			to = nowhere
		}
		i.quota.shift(&p.record, inFlight, to)
		close(p.done)
	}
	if due {
		i.s.delivery.wake()
	}
}

func (i *intake) fail(list []*pending, err error) {
	for _, p := range list {
		p.err = err
		close(p.done)
	}
}
