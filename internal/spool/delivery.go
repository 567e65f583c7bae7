package spool

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/backoff"
	"aaa-api/internal/claims"
	"aaa-api/internal/store"
)

const (
	// leaseTime covers a wait in memory of up to a third of it, a whole request at servers, and the write of its outcome.
	leaseTime = 45 * time.Second
	turnTime  = leaseTime / 3
	// lateAfter: if a record waits longer for its turn, the account has claimed too many.
	lateAfter = time.Second

	claimedAtOnce    = 2048 // records
	claimedOfAccount = 1024
	defaultWidth     = 48

	lookPause  = 5 * time.Millisecond
	behindWake = 25 * time.Millisecond  // until a look for what waited behind settled records
	steadyTry  = 500 * time.Millisecond // between two tries of a silent account: with the look at it, less than a second
)

// delivery claims stored records and runs them.
type delivery struct {
	s         *Spool
	scheduler *claims.Scheduler[store.SpoolRecord]
	turns     *turns
	large     *large
	standings *standings
	*settler
	*recoveries
	woken  chan struct{}
	behind atomic.Bool                             // a wake is scheduled
	ever   atomic.Pointer[map[aaa.AccountID]int64] // deliveries by account, of all nodes
	stop   chan struct{}                           // closed when no more attempts begin
}

func newDelivery(s *Spool) *delivery {
	d := &delivery{
		s: s, turns: newTurns(s.o.Width), large: newLarge(), standings: newStandings(), settler: newSettler(s), recoveries: newRecoveries(s),
		woken: make(chan struct{}, 1), stop: make(chan struct{}),
	}
	d.scheduler = claims.New(claims.Options[store.SpoolRecord]{
		Name: "accounting records", Places: claimedAtOnce, OfAccount: claimedOfAccount, Pause: lookPause, Steady: steadyTry, Answered: d.answered,
		Now: s.now, Log: s.o.Log, Wake: d.woken,
		Claim: func(ctx context.Context, now time.Time, take func(aaa.AccountID) bool) ([]store.SpoolRecord, error) {
			return s.o.Store.Due(ctx, now, s.lease(now), s.disk.claims(take))
		},
		Account: func(r store.SpoolRecord) aaa.AccountID { return r.Account },
		Work:    d.work,
		Failed: func(ctx context.Context, r store.SpoolRecord, err error) {
			s.o.Log.ErrorContext(ctx, "an accounting record was not dealt with", "account", r.Account, "record", r.ID, "error", err)
		},
	})
	return d
}

// answered reports whether any node has ever delivered a record of an account, also before a restart.
func (d *delivery) answered(account aaa.AccountID) bool {
	if d.s.o.Answered != nil && d.s.o.Answered(account) {
		return true
	}
	ever := d.ever.Load()
	return ever != nil && (*ever)[account] > 0
}

// lease is this node's claim to records from now on.
func (s *Spool) lease(now time.Time) store.Lease {
	return store.Lease{Node: s.o.Node, Until: now.Add(leaseTime)}
}

// run delivers until ctx ends. What was claimed and has no turn yet is given back then, and the outcomes of all attempts are written.
func (d *delivery) run(ctx context.Context) {
	var under sync.WaitGroup
	defer under.Wait()
	under.Go(func() { newAlarm(d.s).run(ctx) })
	under.Go(func() { d.recoveries.run(ctx) })
	defer context.AfterFunc(ctx, func() { close(d.stop) })()
	d.fallen(ctx)
	d.scheduler.Run(ctx)
	d.settler.close()
}

// fallen has the records delivered at once that a node worked on which fell.
func (d *delivery) fallen(ctx context.Context) {
	if !d.s.o.Alone {
		return
	}
	n, err := d.s.o.Store.Fallen(ctx, d.s.now(), d.s.lease(d.s.now()))
	switch {
	case err != nil && ctx.Err() == nil:
		d.s.o.Log.WarnContext(ctx, "records on which a fallen node worked wait for the end of their leases", "error", err)
	case n > 0:
		d.s.o.Log.InfoContext(ctx, "records on which a fallen node worked are delivered again", "records", n)
	}
}

// wake asks for a look at stored records at once.
func (d *delivery) wake() {
	select {
	case d.woken <- struct{}{}:
	default:
	}
}

// wakeBehind asks for a look soon, at records that waited behind settled ones. One look serves many of them.
func (d *delivery) wakeBehind() {
	if d.behind.CompareAndSwap(false, true) {
		time.AfterFunc(behindWake, func() {
			d.behind.Store(false)
			d.wake()
		})
	}
}

// work delivers a claimed record when its turn comes.
func (d *delivery) work(ctx context.Context, stored store.SpoolRecord) (claims.Outcome, error) {
	claimed := stored.Lease.Until.Add(-leaseTime)
	if !d.turn(ctx, &stored, claimed) {
		d.finish(d.released(&stored, d.s.now()))
		return claims.Crowded, nil
	}
	began := d.s.now()
	o, asked, err := d.attemptWhole(ctx, &stored, began, claimed)
	d.turns.give(stored.Account)
	d.finish(o)
	if asked == claims.Delivered && began.Sub(claimed) > lateAfter {
		asked = claims.DeliveredLate
	}
	return asked, err
}

// turn waits until the record may go to its account's servers, for a part of its lease.
func (d *delivery) turn(ctx context.Context, stored *store.SpoolRecord, claimed time.Time) bool {
	ctx, cancel := context.WithTimeout(ctx, turnTime-d.s.now().Sub(claimed))
	defer cancel()
	return d.turns.take(ctx, d.stop, stored.Account)
}

// finish queues an outcome and waits until it is written, so that no more outcomes wait than records are claimed. A node that stops does not wait.
func (d *delivery) finish(o store.SpoolSettlement) {
	select {
	case <-d.settle(o):
	case <-d.stop:
	}
}

// attempt opens a record and runs it. The error is for the log.
func (d *delivery) attempt(ctx context.Context, stored *store.SpoolRecord, began time.Time) (store.SpoolSettlement, claims.Outcome, error) {
	r, err := Open(ctx, d.s.o.Vault, *stored)
	if err != nil {
		return d.unopened(ctx, stored, began, err)
	}
	ctx, cancel := context.WithTimeout(ctx, stored.Lease.Until.Sub(began)-time.Second) // then another node may have the record
	defer cancel()
	res, err := safely(ctx, func(ctx context.Context) (*aaa.Result, error) { return d.s.o.Deliver(ctx, r, valuesAt(r, began)) })
	v := judge(res, err, false)
	if v.outcome == store.SpoolGone && !d.isDeleted(ctx, stored.Account) { // something else was not found
		v.outcome, v.asked = store.SpoolFailed, claims.Undelivered
	}
	o, asked := d.conclude(ctx, stored, v, began, err)
	if o.Outcome == store.SpoolDelivered {
		d.s.delivered(r)
	}
	return o, asked, nil
}

// isDeleted reports whether an account is deleted.
func (d *delivery) isDeleted(ctx context.Context, account aaa.AccountID) bool {
	if d.s.o.Limits == nil {
		return false
	}
	_, err := d.s.o.Limits(ctx, account)
	return aaa.KindOf(err) == aaa.KindNotFound
}

// unopened settles a record that can't be opened: its account is deleted, the store is away, or the key is not this node's.
func (d *delivery) unopened(ctx context.Context, stored *store.SpoolRecord, began time.Time, err error) (store.SpoolSettlement, claims.Outcome, error) {
	switch {
	case d.isDeleted(ctx, stored.Account):
		o, asked := d.conclude(ctx, stored, verdict{outcome: store.SpoolGone, reason: "the account is deleted"}, began, nil)
		return o, asked, nil
	case errors.Is(err, store.ErrUnavailable):
		return d.released(stored, d.s.now().Add(firstWait)), claims.Crowded, nil
	}
	o, asked := d.conclude(ctx, stored, verdict{outcome: store.SpoolFailed, reason: "it does not open under this node's keys"}, began, nil)
	o.DueAt = d.s.now().Add(backoff.Double(firstWait, maxWait, stored.Tries+1))
	return o, asked, err
}

// released settles a record without an attempt.
func (d *delivery) released(stored *store.SpoolRecord, due time.Time) store.SpoolSettlement {
	o := settlementOf(stored, store.SpoolReleased)
	o.DueAt = due
	return o
}

func settlementOf(stored *store.SpoolRecord, outcome store.SpoolOutcome) store.SpoolSettlement {
	return store.SpoolSettlement{
		Account: stored.Account, ID: stored.ID, Revision: stored.Revision, Session: stored.Session, Outcome: outcome,
	}
}

// conclude turns a verdict into what is written, notes what it shows of the account's servers, and writes the log. err is the attempt's.
func (d *delivery) conclude(ctx context.Context, stored *store.SpoolRecord, v verdict, began time.Time, err error) (store.SpoolSettlement, claims.Outcome) {
	now, log := d.s.now(), d.s.o.Log
	o := settlementOf(stored, v.outcome)
	o.Attempt = store.SpoolAttempt{At: began, Node: d.s.o.Node, Server: v.server, Reason: brief(v.reason)}
	asked := v.asked
	switch asked {
	case claims.Delivered:
		if silence, sure := d.standings.delivered(stored.Account, now); sure {
			d.recover(stored.Account, silence)
		} else if silence > 0 {
			log.InfoContext(ctx, "accounting records are taken again", "account", stored.Account, "after", silence.Round(time.Millisecond).String())
		}
	case claims.Undelivered:
		alone, first, due := d.standings.failed(stored, began, now)
		if alone {
			asked = claims.NotAsked // its server answers others
		}
		if first {
			log.WarnContext(ctx, "accounting records are not taken: they are kept and tried again", "account", stored.Account, "server", v.server, "reason", o.Attempt.Reason)
		}
		o.DueAt = due
	}
	if err != nil && aaa.KindOf(err) == aaa.KindInternal {
		log.ErrorContext(ctx, "an attempt to deliver an accounting record broke", "account", stored.Account, "record", stored.ID, "error", err)
	}
	switch o.Outcome {
	case store.SpoolReleased:
		o.DueAt = now.Add(v.after)
		asked = claims.Crowded
	case store.SpoolFailed:
		if !stored.KeepUntil.IsZero() && !now.Before(stored.KeepUntil) {
			o.Outcome, o.DueAt = store.SpoolRefused, time.Time{}
			o.Attempt.Reason = brief(fmt.Sprintf("no server took it within %v; last: %s", stored.KeepUntil.Sub(stored.ReceivedAt).Round(time.Second), v.reason))
		}
	case store.SpoolGone:
		log.ErrorContext(ctx, "an accounting record is dropped because its account is deleted", "account", stored.Account, "record", stored.ID)
	}
	if o.Outcome == store.SpoolRefused {
		log.WarnContext(ctx, "an accounting record is parked: it is kept until somebody sends it again or drops it",
			"account", stored.Account, "record", stored.ID, "server", v.server, "reason", o.Attempt.Reason)
	}
	return o, asked
}
