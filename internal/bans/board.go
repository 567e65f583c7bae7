package bans

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/puzpuzpuz/xsync/v4"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// Bounds of what a node keeps. See account.room for what gives way.
const (
	mostOfNode    = 100_000 // subjects
	mostOfAccount = 10_000  // of them those of one account
	// MostBans is how many bans an account can have at a time, and a few more that begin at once. They are the subjects that do not give way.
	MostBans = mostOfAccount / 2
)

// Board is the points and bans that a node knows. All methods are safe for use by many goroutines; those of a nil Board do nothing.
type Board struct {
	store   store.Bans
	writer  string // names the lists that are written: no other Board has had it
	key     [32]byte
	now     func() time.Time
	log     *slog.Logger
	values  bool // log lines have them
	metrics *Metrics
	bounds  bounds

	banned   *xsync.Map[id, int64] // until when, in microseconds
	accounts *xsync.Map[aaa.AccountID, *account]
	subjects atomic.Int64
	largest  atomic.Pointer[account] // when that was last looked at

	mu      sync.Mutex // may be taken with that of an account
	urgent  []*subject // whose bans the store has not
	dirty   []*subject // whose points the store has not
	evicted []store.BanKey

	// Of Run alone.
	batch    []delta // handed to the store, which has not answered yet
	number   int64   // of the batch
	cursor   int64   // of what was read
	away     bool    // the store
	cleaned  time.Time
	expunged time.Time
}

type bounds struct{ node, account, bans int }

// Options are the parts that a Board works with. All but the ones marked optional must be there.
type Options struct {
	Store   store.Bans
	Node    string           // this node's name
	Key     [32]byte         // of the MAC by which the store knows subjects: the same on all nodes
	Now     func() time.Time // optional: time.Now
	Log     *slog.Logger
	Values  bool // log lines show who is banned
	Metrics *Metrics
}

// New makes a Board. Run is what it needs beside the requests.
func New(o Options) *Board {
	if o.Now == nil {
		o.Now = time.Now
	}
	b := &Board{
		store: o.Store, writer: o.Node + "-" + aaa.NewID(), key: o.Key, now: o.Now, log: o.Log, values: o.Values, metrics: o.Metrics,
		bounds: bounds{mostOfNode, mostOfAccount, MostBans},
		banned: xsync.NewMap[id, int64](), accounts: xsync.NewMap[aaa.AccountID, *account](),
	}
	b.metrics.watch(b)
	return b
}

// clock is the time as stores keep it.
func (b *Board) clock() time.Time { return b.now().UTC().Truncate(time.Microsecond) }

// Refuse returns the error of a login whose subjects include one that is banned, nil of any other. It is *aaa.Error of KindBanned;
// or KindBadInput, of a key with too many values. It takes no lock.
func (b *Board) Refuse(account aaa.AccountID, policies []*Policy, values aaa.Values) error {
	if b == nil || len(policies) == 0 {
		return nil
	}
	a, ok := b.accounts.Load(account)
	known := ok && a.live.Load() > 0
	var texts [maxValues]string
	for _, p := range policies {
		for _, key := range p.By {
			list, err := valuesOf(values, key, texts[:0])
			if err != nil {
				return err
			}
			if !known {
				continue
			}
			for _, value := range list {
				until, banned := b.banned.Load(b.idOf(account, p.Document, key, value))
				if left := time.UnixMicro(until).Sub(b.clock()); banned && left > 0 {
					b.metrics.refused.Inc()
					return &aaa.Error{
						Kind: aaa.KindBanned, RetryAfter: left,
						Message: fmt.Sprintf("logins with this %s are banned for now", key),
					}
				}
			}
		}
	}
	return nil
}

// Rejected scores the subjects of a login that was refused.
func (b *Board) Rejected(account aaa.AccountID, policies []*Policy, values aaa.Values) {
	if b == nil {
		return
	}
	var texts [maxValues]string
	at := b.clock()
	for _, p := range policies {
		if p.Reject == 0 {
			continue
		}
		for _, key := range p.By {
			list, err := valuesOf(values, key, texts[:0])
			if err != nil {
				continue // Refuse has refused it
			}
			for _, value := range list {
				b.add(account, p, key, value, at)
			}
		}
	}
}

// add scores one subject.
func (b *Board) add(of aaa.AccountID, p *Policy, key, value string, at time.Time) {
	a := b.lock(of)
	defer a.mu.Unlock()
	s := a.subject(b.idOf(of, p.Document, key, value), at)
	if s == nil {
		b.metrics.crowded.Inc()
		return
	}
	s.policy, s.key, s.value = p, key, value
	s.ban.Document = p.Document
	if s.ban.Until.After(at) {
		return
	}
	s.pending += p.Reject
	s.at = later(s.at, at)
	if s.score(p.Reject, at) {
		b.begun(s)
	}
	b.enqueue(s)
}

// begun tells of a ban that begins on this node; its account's mu is held.
func (b *Board) begun(s *subject) {
	s.mine = true
	b.metrics.begun.Inc()
	b.tell(s, "a ban begins", slog.Time("until", s.ban.Until))
}

// ended tells of a ban that is over; its account's mu is held.
func (b *Board) ended(s *subject) {
	if s.mine {
		b.tell(s, "a ban ends")
	}
}

func (b *Board) tell(s *subject, message string, more ...slog.Attr) {
	attrs := append([]slog.Attr{
		slog.String("account", string(s.of.id)), slog.String("document", string(s.ban.Document)), slog.String("ban", s.id.String()),
		slog.String("key", cmp.Or(s.key, s.ban.Key)),
	}, more...)
	if b.values {
		attrs = append(attrs, slog.String("value", cmp.Or(s.ban.Value, shown(s.value))))
	}
	b.log.LogAttrs(context.Background(), slog.LevelInfo, message, attrs...)
}

// enqueue has the store told of a subject; its account's mu is held. What it is told is made when it is told.
func (b *Board) enqueue(s *subject) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch banned := s.unsent(); {
	case banned && !s.urgent:
		s.urgent = true
		b.urgent = append(b.present(b.urgent), s)
	case !banned && !s.dirty:
		s.dirty = true
		b.dirty = append(b.present(b.dirty), s)
	}
}

// present takes those that gave way out of a queue that is longer than there are subjects.
func (b *Board) present(queue []*subject) []*subject {
	if len(queue) < b.bounds.node+b.bounds.node/4 {
		return queue
	}
	return slices.DeleteFunc(queue, func(s *subject) bool { return s.gone.Load() })
}

// Subject is what a ban by hand is about.
type Subject struct {
	store.Ban               // without a ban
	BanTime   time.Duration // that a ban lasts by the document
}

// Subject names a subject for a ban by hand.
func (b *Board) Subject(account aaa.AccountID, p *Policy, key, value string) Subject {
	return Subject{store.Ban{
		BanKey: store.BanKey{Account: account, ID: b.idOf(account, p.Document, key, value).String()}, Document: p.Document, Key: key, Value: shown(value),
	}, p.BanTime}
}
