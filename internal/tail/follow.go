package tail

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const (
	liveSlots = 4096             // 1.5 MiB
	liveTime  = 30 * time.Second // after its last call a follower counts as gone
	gather    = 50 * time.Millisecond
)

// live is the ring of followers: the request of a number has the slot of that number.
type live struct {
	begun atomic.Uint64 // numbers up to this one are not here
	until atomic.Int64  // when the last follower counts as gone
	slots []slot

	mu   sync.Mutex
	news atomic.Pointer[chan struct{}] // closed by the next request; nil: nobody waits. Set under mu
}

// tell writes an entry that ended at a time for followers.
func (t *Tail) tell(l *live, e *Entry, now int64) {
	if now > l.until.Load() && l.news.Load() == nil {
		t.live.CompareAndSwap(l, nil)
		return
	}
	s := &l.slots[e.Seq%liveSlots]
	s.mu.Lock() // only its readers, one at a time, and who is a whole ring behind may be there
	if s.seq < e.Seq {
		s.put(e)
	}
	s.mu.Unlock()
	if l.news.Load() != nil {
		if news := l.news.Swap(nil); news != nil {
			close(*news)
		}
	}
}

// following returns the ring of followers, which is filled from now on at least.
func (t *Tail) following() *live {
	for {
		l := t.live.Load()
		if l == nil {
			l = &live{slots: make([]slot, liveSlots)}
			l.until.Store(time.Now().Add(liveTime).UnixNano())
			l.begun.Store(^uint64(0))
			if !t.live.CompareAndSwap(nil, l) {
				continue
			}
			l.begun.Store(t.seq.Load()) // whoever has a greater number has seen the ring
			return l
		}
		l.until.Store(time.Now().Add(liveTime).UnixNano())
		if t.live.Load() == l {
			return l
		}
	}
}

// Begin begins to follow: it returns the number after which Follow has the requests to come.
func (t *Tail) Begin() uint64 {
	t.following()
	return t.seq.Load()
}

// Follow returns requests after a number that a filter takes, at most limit, and the number up to which it looked. Where there are none, it
// waits for one until ctx ends. missed counts the requests in between that can't be told of: they were too many, or too long ago.
func (t *Tail) Follow(ctx context.Context, after uint64, f *Filter, limit int) (list []Entry, next, missed uint64) {
	for {
		l := t.following()
		if list, after, missed = l.read(after, t.seq.Load(), f, limit); len(list) > 0 || missed > 0 {
			return list, after, missed
		}
		news := l.wait()
		if list, after, missed = l.read(after, t.seq.Load(), f, limit); len(list) > 0 || missed > 0 {
			return list, after, missed
		}
		select {
		case <-ctx.Done():
			return list, after, missed
		case <-news:
		}
		// More are likely to follow: they go along.
		pause := time.NewTimer(gather)
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
		pause.Stop()
	}
}

// wait returns a channel that the next request closes.
func (l *live) wait() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if news := l.news.Load(); news != nil {
		return *news
	}
	news := make(chan struct{})
	l.news.Store(&news)
	return news
}

// read returns the requests after a number and up to newest, as Follow does, and waits for none.
func (l *live) read(after, newest uint64, f *Filter, limit int) (list []Entry, next, missed uint64) {
	begun := l.begun.Load()
	if begun > newest || after > newest { // the ring is just being made, or the number is of a process before this one
		return nil, newest, 0
	}
	first := max(begun, newest-min(newest, liveSlots))
	if after < first {
		missed = first - after
		after = first
	}
	for after < newest && len(list) < limit {
		s := &l.slots[(after+1)%liveSlots]
		s.mu.Lock()
		seq, e := s.seq, Entry{}
		if seq == after+1 {
			e = s.entry()
		}
		s.mu.Unlock()
		switch {
		case seq == after+1:
			if f.takes(&e) {
				list = append(list, e)
			}
		case seq > after+1:
			missed++
		default:
			return list, after, missed // it is just being written
		}
		after++
	}
	return list, after, missed
}
