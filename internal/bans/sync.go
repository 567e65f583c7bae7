package bans

import (
	"context"
	"log/slog"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

const (
	syncInterval = time.Second
	// mostMerged is how many subjects one transaction writes, and mostBatches how many of these run in one interval: other
	// accounts' wait behind those of a flood for a few seconds, and bans never wait behind points.
	mostMerged  = 250
	mostBatches = 8
	mostRead    = 1000 // rows of one query
	mostReads   = 20   // queries in one interval
	// sweepInterval is how often bans that are over and forgotten points are taken out of memory. They count for nothing before.
	sweepInterval = 5 * time.Second
	// expungeInterval is how often they are deleted in the store.
	expungeInterval = time.Minute
)

// delta is what the store is told of a subject. It is not changed once it was handed over, as it may be handed over again.
type delta struct {
	subject *subject
	key     store.BanKey
	points  int64
	at      time.Time // of the last of them
	ban     store.Ban // what the node knows; its ban, if any, is not among what the store has
	policy  *Policy
	name    string // the key and its value, of a ban
	value   string
	began   bool // the points make a ban with those that the store has; of the last merge
}

// Run exchanges points and bans with the store, until ctx ends, and once more then.
func (b *Board) Run(ctx context.Context) {
	tick := time.NewTicker(syncInterval)
	defer tick.Stop()
	for {
		b.Sync(ctx)
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), syncInterval)
			defer cancel()
			_ = b.flush(last) //nolint:errcheck // there is no one left to tell
			return
		case <-tick.C:
		}
	}
}

// Sync writes what is new to the store and reads what other nodes have written. It logs when the store goes away and comes back.
func (b *Board) Sync(ctx context.Context) {
	b.sweep()
	err := b.flush(ctx)
	if err == nil {
		err = b.read(ctx)
	}
	if err == nil {
		err = b.expunge(ctx)
	}
	switch {
	case ctx.Err() != nil:
	case err != nil && !b.away:
		b.log.LogAttrs(ctx, slog.LevelWarn, "bans are not shared with other nodes for now", slog.String("error", err.Error()))
		b.away = true
	case err == nil && b.away:
		b.log.LogAttrs(ctx, slog.LevelInfo, "bans are shared with other nodes again")
		b.away = false
	}
}

// flush hands the store what it has not yet. A batch that failed is handed over again as it was.
func (b *Board) flush(ctx context.Context) error {
	for range mostBatches {
		if b.batch == nil {
			if b.batch = b.gather(); b.batch == nil {
				break
			}
			b.number++
		}
		keys := make([]store.BanKey, len(b.batch))
		for i := range b.batch {
			keys[i] = b.batch[i].key
		}
		list, err := b.store.Merge(ctx, b.writer, b.number, b.clock(), keys, b.merging())
		if err != nil {
			return err
		}
		for i := range b.batch {
			b.settle(&b.batch[i], list[i])
		}
		b.batch = nil
	}
	return b.forget(ctx)
}

// merging adds the batch to what is stored.
func (b *Board) merging() func(i int, stored store.Ban) store.Ban {
	begun := make(map[*account]int64) // bans that the batch makes
	return func(i int, stored store.Ban) store.Ban {
		if i == 0 {
			clear(begun) // the transaction may run again
		}
		d := &b.batch[i]
		of := d.subject.of
		merged := d.merge(stored, of.live.Load()+begun[of] >= int64(b.bounds.bans))
		if d.began {
			begun[of]++
		}
		return merged
	}
}

// gather takes what the store has not yet out of the queues, bans first.
func (b *Board) gather() []delta {
	var list []delta
	for len(list) < mostMerged {
		s := b.next()
		if s == nil {
			break
		}
		s.of.mu.Lock()
		if d, ok := s.delta(); ok {
			list = append(list, d)
		}
		s.of.mu.Unlock()
	}
	return list
}

// next takes the next subject out of the queues.
func (b *Board) next() (s *subject) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case len(b.urgent) > 0:
		s, b.urgent = shift(b.urgent)
		s.urgent = false
	case len(b.dirty) > 0:
		s, b.dirty = shift(b.dirty)
		s.dirty = false
	}
	return s
}

// shift takes the first of a queue.
func shift(queue []*subject) (first *subject, rest []*subject) {
	first, queue[0] = queue[0], nil
	if rest = queue[1:]; len(rest) == 0 {
		rest = nil
	}
	return first, rest
}

// delta makes what the store is told of a subject; its account's mu is held. ok is false if there is nothing to tell, or if what was
// told before is under way.
func (s *subject) delta() (d delta, ok bool) {
	banned := s.unsent()
	if s.gone.Load() || s.pending == 0 && !banned {
		return d, false
	}
	d = delta{subject: s, key: s.ban.BanKey, points: s.pending, at: s.at, ban: s.ban, policy: s.policy, name: s.key, value: shown(s.value)}
	if !banned {
		d.ban.Until = time.Time{}
	}
	s.sent, s.pending = s.sent+s.pending, 0
	return d, true
}

// merge adds to what is stored. It may be called again for another state of the store. full: the account may have no more bans.
func (d *delta) merge(stored store.Ban, full bool) store.Ban {
	b := stored
	d.began = false
	b.Document = d.ban.Document
	if !d.ban.Until.IsZero() {
		takeBan(&b, &d.ban)
	}
	if d.points > 0 {
		d.began = score(&b, d.points, d.at, d.policy, full)
	}
	if !b.Until.IsZero() && b.Key == "" {
		b.Key, b.Value = d.name, d.value
	}
	if b.ExpiresAt.IsZero() {
		b.ExpiresAt = d.at
	}
	return b
}

// settle makes the store's answer known.
func (b *Board) settle(d *delta, row store.Ban) {
	s := d.subject
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	s.sent -= d.points
	if s.gone.Load() {
		return
	}
	was := s.marked
	began := s.take(row, b.clock())
	if !was && s.marked && (began || d.began) {
		b.begun(s)
	}
	if s.unsent() {
		b.enqueue(s)
	}
}

// forget deletes the points of subjects that gave way.
func (b *Board) forget(ctx context.Context) error {
	b.mu.Lock()
	list := b.evicted[:min(len(b.evicted), mostMerged*mostBatches)]
	b.evicted = b.evicted[len(list):]
	b.mu.Unlock()
	if len(list) == 0 {
		return nil
	}
	return b.store.Forget(ctx, list)
}

// read makes known what other nodes have written.
func (b *Board) read(ctx context.Context) error {
	for range mostReads {
		list, end, err := b.store.Since(ctx, b.cursor, mostRead)
		if err != nil {
			return err
		}
		if end < b.cursor { // the database was put back
			b.cursor = 0
			continue
		}
		for _, row := range list {
			b.know(row, false)
			b.cursor = row.Seq
		}
		if len(list) < mostRead {
			return nil
		}
	}
	return nil
}

// Know makes a ban by hand known that was made or lifted on this node.
func (b *Board) Know(row store.Ban) {
	if b != nil {
		b.know(row, true)
	}
}

// know makes what is stored of a subject known.
func (b *Board) know(row store.Ban, mine bool) {
	i, ok := parseID(row.ID)
	if !ok {
		return
	}
	now := b.clock()
	if _, known := b.accounts.Load(row.Account); !known && !now.Before(row.ExpiresAt) {
		return
	}
	a := b.lock(row.Account)
	defer a.mu.Unlock()
	if a.subjects[i] == nil && (!now.Before(row.ExpiresAt) || row.Score == 0 && row.Until.IsZero()) {
		return
	}
	s := a.subject(i, now)
	if s == nil {
		b.metrics.crowded.Inc()
		return
	}
	if s.take(row, now) {
		b.begun(s)
		b.enqueue(s)
	}
	s.mine = s.mine || mine && s.marked
}

// sweep takes what is over out of memory.
func (b *Board) sweep() {
	now := b.clock()
	if now.Sub(b.cleaned) < sweepInterval {
		return
	}
	b.cleaned = now
	b.accounts.Range(func(of aaa.AccountID, a *account) bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, s := range a.subjects {
			if s.end(now); !s.marked && s.pending == 0 && s.sent == 0 && !now.Before(s.ban.ExpiresAt) {
				a.drop(s, false)
			}
		}
		if len(a.subjects) == 0 {
			a.gone = true
			b.accounts.Delete(of)
		}
		return true
	})
	b.weigh()
}

// expunge deletes in the store what is over.
func (b *Board) expunge(ctx context.Context) error {
	now := b.clock()
	if now.Sub(b.expunged) < expungeInterval {
		return nil
	}
	b.expunged = now
	_, err := b.store.DeleteExpired(ctx, now)
	return err
}
