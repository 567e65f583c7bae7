package bans

import (
	"sync"
	"sync/atomic"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// account is the subjects of one account's requests.
type account struct {
	board *Board
	id    aaa.AccountID
	live  atomic.Int64 // bans
	size  atomic.Int64 // subjects

	mu       sync.Mutex
	gone     bool // another one has its place
	subjects map[id]*subject
}

// subject is what a node knows of one. Its account's mu guards it, but for urgent and dirty.
type subject struct {
	of     *account
	id     id
	policy *Policy // nil: only other nodes have scored it
	key    string
	value  string
	ban    store.Ban // with what the store has not yet
	mine   bool      // the ban began on this node, which tells of its end
	marked bool      // it is among Board.banned
	stored bool      // the store has something of it

	pending int64     // points that the store has not been handed
	sent    int64     // points that it was handed and has not answered for
	at      time.Time // of the last of both
	known   time.Time // the end of the ban that the store has

	gone          atomic.Bool // it gave way
	urgent, dirty bool        // it is in that queue of the Board, whose mu guards them
}

// lock finds or makes an account, and locks it.
func (b *Board) lock(of aaa.AccountID) *account {
	for {
		a, _ := b.accounts.LoadOrCompute(of, func() (*account, bool) {
			return &account{board: b, id: of, subjects: make(map[id]*subject)}, false
		})
		a.mu.Lock()
		if !a.gone {
			return a
		}
		a.mu.Unlock()
	}
}

// subject finds a subject or makes it; nil if there is no room. mu is held.
func (a *account) subject(i id, now time.Time) *subject {
	if s := a.subjects[i]; s != nil {
		s.end(now)
		return s
	}
	if !a.room(now) {
		return nil
	}
	s := &subject{of: a, id: i, ban: store.Ban{BanKey: store.BanKey{Account: a.id, ID: i.String()}}}
	a.subjects[i] = s
	a.size.Add(1)
	return s
}

// room takes a place for one more subject. Of a few that chance chooses, the one with the fewest points gives way: a flood of new subjects, with
// few points each, does not free one that has many. A ban never gives way to one of its own account. If the node is full, the account
// with the most subjects makes room, so that a flood in one account frees none in others. mu is held.
func (a *account) room(now time.Time) bool {
	b := a.board
	switch {
	case b.subjects.Add(1) <= int64(b.bounds.node) && len(a.subjects) < b.bounds.account,
		len(a.subjects) < b.bounds.account && a.takesFrom(b.largest.Load(), now),
		a.evict(now, false),
		len(a.subjects) < b.bounds.account && a.takesFrom(b.weigh(), now):
		return true
	}
	b.subjects.Add(-1)
	return false
}

// takesFrom makes an account that has more subjects make room. mu is held.
func (a *account) takesFrom(most *account, now time.Time) bool {
	if most == nil || most == a || !most.mu.TryLock() { // two accounts must not wait for each other
		return false
	}
	defer most.mu.Unlock()
	return len(most.subjects) > len(a.subjects) && (most.evict(now, false) || most.evict(now, true))
}

// weigh finds the account with the most subjects.
func (b *Board) weigh() (most *account) {
	var n int64
	b.accounts.Range(func(_ aaa.AccountID, a *account) bool {
		if size := a.size.Load(); size > n {
			most, n = a, size
		}
		return true
	})
	b.largest.Store(most)
	return most
}

// sample is how many subjects are compared when one must give way.
const sample = 8

// evict forgets one subject, of bans the one that ends first. mu is held.
func (a *account) evict(now time.Time, bans bool) bool {
	var victim *subject
	passed, compared := 0, 0
	for _, s := range a.subjects { // it begins anywhere
		if passed == sample*sample || compared == sample {
			break
		}
		passed++
		s.end(now)
		if s.marked != bans {
			continue
		}
		compared++
		if victim == nil || s.before(victim) {
			victim = s
		}
	}
	if victim == nil {
		return false
	}
	a.board.metrics.evicted.Inc()
	a.drop(victim, true)
	return true
}

// before reports whether s gives way before other.
func (s *subject) before(other *subject) bool {
	switch {
	case s.marked:
		return s.ban.Until.Before(other.ban.Until)
	case s.ban.Score != other.ban.Score:
		return s.ban.Score < other.ban.Score
	}
	return s.ban.LastAt.Before(other.ban.LastAt)
}

// drop takes a subject out, and out of the store if that holds its points for nothing. mu is held.
func (a *account) drop(s *subject, forget bool) {
	s.unmark()
	s.gone.Store(true)
	delete(a.subjects, s.id)
	b := a.board
	a.size.Add(-1)
	b.subjects.Add(-1)
	if forget && s.stored {
		b.mu.Lock()
		if len(b.evicted) < b.bounds.account {
			b.evicted = append(b.evicted, s.ban.BanKey)
		}
		b.mu.Unlock()
	}
}

// score adds points to what the node knows, and reports whether a ban begins. If the account has as many bans as it may, it does not.
func (s *subject) score(points int64, at time.Time) bool {
	full := s.of.full()
	if !score(&s.ban, points, at, s.policy, full) {
		if full && s.ban.Score == s.policy.MaxScore-1 {
			s.of.board.metrics.full.Inc()
		}
		return false
	}
	s.pending = 0 // they are spent
	s.mark()
	return true
}

// full reports whether no more bans begin in the account.
func (a *account) full() bool { return a.live.Load() >= int64(a.board.bounds.bans) }

// mark puts the ban in force.
func (s *subject) mark() {
	if !s.marked {
		s.marked = true
		s.of.live.Add(1)
	}
	s.of.board.banned.Store(s.id, s.ban.Until.UnixMicro())
}

// unmark takes the ban out of force.
func (s *subject) unmark() {
	if s.marked {
		s.marked, s.mine = false, false
		s.of.live.Add(-1)
		s.of.board.banned.Delete(s.id)
	}
}

// end ends a ban that is over, and forgets points that are too old.
func (s *subject) end(now time.Time) {
	if s.marked && !now.Before(s.ban.Until) {
		s.of.board.ended(s)
		s.unmark()
	}
	endBan(&s.ban, now)
	if s.policy != nil && s.ban.Score > 0 && forgotten(&s.ban, now, s.policy.ResetTime) {
		s.ban.Score = 0
	}
}

// unsent reports whether a ban began that the store has not.
func (s *subject) unsent() bool { return s.ban.Until.After(s.known) && s.marked }

// take makes what the store has of a subject known, under what it has not yet. It reports whether the ban is in force by that alone:
// this node's points made it with those of other nodes.
func (s *subject) take(row store.Ban, now time.Time) (began bool) {
	if row.Seq < s.ban.Seq {
		return false
	}
	own := s.ban
	s.ban, s.stored, s.known = row, true, row.Until
	s.end(now)
	takeBan(&s.ban, &own)
	switch {
	case s.ban.Until.After(now):
		s.mark()
	default:
		s.unmark()
		if points := s.sent + s.pending; points > 0 && s.policy != nil {
			began = s.score(points, s.at)
		}
	}
	return began
}
