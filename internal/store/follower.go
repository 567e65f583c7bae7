package store

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// ErrFollowerStopped is what Sync returns once Run has ended.
var ErrFollowerStopped = errors.New("the change log is no longer followed")

// FollowerOptions are a Follower's times. A zero value means the default.
type FollowerOptions struct {
	Interval time.Duration // between two readings without a wake-up; 1 s
	Keep     time.Duration // how long changes stay in the log; 24 h
	Prune    time.Duration // between two prunings; 1 h
	Batch    int           // changes read at once; 500
	// Again is when all is read anew once more after changes were missed or the database was put
	// back, counted from the first time; 5 s, 30 s and 5 min.
	Again []time.Duration
	// MaxStaleness is how old what the subscribers know may become before Stale says so; 0 is no bound.
	MaxStaleness time.Duration
}

func (o FollowerOptions) withDefaults() FollowerOptions {
	if o.Interval <= 0 {
		o.Interval = time.Second
	}
	if o.Keep <= 0 {
		o.Keep = 24 * time.Hour
	}
	if o.Prune <= 0 {
		o.Prune = time.Hour
	}
	if o.Batch <= 0 {
		o.Batch = 500
	}
	if o.Again == nil {
		o.Again = []time.Duration{5 * time.Second, 30 * time.Second, 5 * time.Minute}
	}
	return o
}

// A Subscriber is given the changes in their order, each once. With reset the
// list is empty and the subscriber must forget all that it took from the store:
// at the beginning, and, more than once, after changes were missed. It is called on the
// follower's one goroutine, so it should do no more than drop what is stale.
type Subscriber func(ctx context.Context, changes []Change, reset bool)

// Follower reads the change log from where it stopped and tells its subscribers.
//
// It reads every Interval and when the store wakes it, so a lost wake-up costs an
// Interval and never a change. While the store is away it keeps its position;
// where the log no longer holds what comes next, it resets the subscribers and
// goes on from the log's end.
//
// A database that is put back from a backup may have its old counter before it has its old documents, and a
// subscriber that reads in between takes them for deleted, of which no change will tell. So such a reset is repeated.
type Follower struct {
	changes Changes
	log     *slog.Logger
	opts    FollowerOptions
	subs    []Subscriber
	kick    chan struct{} // asks Run for a reading at once
	pruned  time.Time     // by Run alone, as are the next two
	doubt   bool          // the database was not complete, or not where the position says
	resets  []time.Time   // when the subscribers are to be reset once more, in order

	mu      sync.Mutex
	started bool          // the position is known
	last    Change        // that all subscribers were given
	begun   int64         // readings
	ended   int64         // the reading, counted from 1, that last found the log's end
	current time.Time     // when that began
	failed  int64         // readings that failed
	err     error         // of the last reading
	moved   chan struct{} // closed, and replaced, after every reading
	stopped bool

	staleness staleness
}

// NewFollower makes a follower of ch; Run starts it.
func NewFollower(ch Changes, log *slog.Logger, opts FollowerOptions) *Follower {
	return &Follower{
		changes: ch, log: log, opts: opts.withDefaults(),
		kick: make(chan struct{}, 1), moved: make(chan struct{}), current: time.Now(), pruned: time.Now(),
		staleness: staleness{max: opts.MaxStaleness},
	}
}

// Subscribe adds a subscriber. It must be called before Run.
func (f *Follower) Subscribe(fn Subscriber) { f.subs = append(f.subs, fn) }

// Run follows the log until ctx ends, and then returns nil. It survives every
// failure of the store.
func (f *Follower) Run(ctx context.Context) error {
	defer f.stop()
	f.watchStaleness()
	wake := f.changes.Wake(ctx)
	ticker := time.NewTicker(f.opts.Interval)
	defer ticker.Stop()
	for {
		f.read(ctx)
		f.prune(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-f.kick:
		case <-ticker.C:
		}
	}
}

// read gives the subscribers what is new, to the log's end.
func (f *Follower) read(ctx context.Context) {
	f.mu.Lock()
	f.begun++
	f.mu.Unlock()
	began := time.Now()
	for {
		more, err := f.batch(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil || !more {
			f.settle(began, err)
			return
		}
	}
}

// batch delivers one reading of the log and says whether there may be more.
func (f *Follower) batch(ctx context.Context) (more bool, err error) {
	f.mu.Lock()
	started, last := f.started, f.last
	f.mu.Unlock()
	if !started {
		return f.restart(ctx)
	}
	list, gap, err := f.changes.Since(ctx, last, f.opts.Batch)
	if err != nil {
		f.doubt = f.doubt || errors.Is(err, ErrNoTables)
		return false, err
	}
	if gap || f.doubt {
		f.log.WarnContext(ctx, "changes were missed, or the database was put back: everything is read anew", "after", last.Seq)
		f.doubt = true
		return f.restart(ctx)
	}
	f.repeat(ctx)
	if len(list) == 0 {
		return false, nil
	}
	f.tell(ctx, list, false)
	f.advance(list[len(list)-1])
	return len(list) >= f.opts.Batch, nil
}

// restart goes on from the log's end. The end is read first: what is written
// after it will be told as a change, what was before it the reset covers.
func (f *Follower) restart(ctx context.Context) (more bool, err error) {
	last, err := f.changes.Last(ctx)
	if err != nil {
		f.doubt = f.doubt || errors.Is(err, ErrNoTables)
		return false, err
	}
	if f.doubt {
		f.doubt, f.resets = false, nil
		for _, after := range f.opts.Again {
			f.resets = append(f.resets, time.Now().Add(after))
		}
	}
	f.tell(ctx, nil, true)
	f.advance(last)
	return true, nil
}

// repeat resets the subscribers once more where that is due. It is called when the log has just been read,
// so that nobody forgets what could not be read again. The position stays: what comes after it is told as ever.
func (f *Follower) repeat(ctx context.Context) {
	due := 0
	for due < len(f.resets) && !time.Now().Before(f.resets[due]) {
		due++
	}
	if due == 0 {
		return
	}
	f.resets = f.resets[due:]
	f.log.InfoContext(ctx, "everything is read anew once more", "left", len(f.resets))
	f.tell(ctx, nil, true)
}

func (f *Follower) tell(ctx context.Context, list []Change, reset bool) {
	for _, fn := range f.subs {
		fn(ctx, list, reset)
	}
}

// advance notes what all subscribers were given.
func (f *Follower) advance(last Change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.started, f.last = true, last
}

// settle ends a reading. A change between working and failing is logged once.
func (f *Follower) settle(began time.Time, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	was := f.err
	f.err = err
	switch {
	case err == nil:
		f.ended, f.current = f.begun, began
		f.confirm()
		if was != nil {
			f.log.Info("the change log is read again", "seq", f.last.Seq)
		}
	default:
		f.failed++
		if was == nil {
			f.log.Error("the change log can't be read; what is in memory stays in use", "seq", f.last.Seq, "error", err)
		}
	}
	f.announce()
}

// announce wakes those in Sync; the caller holds mu.
func (f *Follower) announce() {
	close(f.moved)
	f.moved = make(chan struct{})
}

func (f *Follower) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopped = true
	if f.staleness.timer != nil {
		f.staleness.timer.Stop()
	}
	f.announce()
}

// prune cuts the log now and then. Every node does; the second finds nothing to cut.
func (f *Follower) prune(ctx context.Context) {
	now := time.Now()
	if now.Sub(f.pruned) < f.opts.Prune {
		return
	}
	f.pruned = now // also after a failure: it can wait for the next time
	if err := f.changes.Prune(ctx, now.Add(-f.opts.Keep)); err != nil && ctx.Err() == nil {
		f.log.Warn("the change log can't be pruned", "error", err)
	}
}

// Sync returns once all subscribers were given every change that was committed
// before the call, so that what follows reads its own writes. It returns the
// store's error where the log can't be read.
//
// It waits for a reading that begins after the call and finds the log's end. The number of the newest change would not do: after
// the promotion of a standby it may stand for another change. All who wait share a reading.
func (f *Follower) Sync(ctx context.Context) error {
	f.mu.Lock()
	begun, failed := f.begun, f.failed
	select {
	case f.kick <- struct{}{}:
	default: // a reading is asked for already, and has yet to begin
	}
	for {
		if f.ended > begun {
			f.mu.Unlock()
			return nil
		}
		switch {
		case f.stopped:
			f.mu.Unlock()
			return ErrFollowerStopped
		case f.failed > failed:
			err := f.err
			f.mu.Unlock()
			if err == nil { // mended since
				return f.Sync(ctx)
			}
			return err
		}
		moved := f.moved
		f.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
		f.mu.Lock()
	}
}

// Lag is for how long what the subscribers know may have been out of date: the
// time since the beginning of the last reading that reached the log's end. A
// healthy follower shows at most its Interval.
func (f *Follower) Lag() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Since(f.current)
}
