// Package idempotency runs requests that came with an Idempotency-Key once, on whichever node their repetitions arrive.
//
// The store keeps who runs a request and how it was answered, for a day. This node's memory makes repetitions wait that come to the
// same node meanwhile, and keeps the answers that are needed while the store is away.
package idempotency

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/backoff"
	"aaa-api/internal/secmod"
	"aaa-api/internal/store"
)

// RunTime is how long a run may take: it must end before its claim does.
const RunTime = 50 * time.Second

const (
	life       = 24 * time.Hour   // of an answer
	claimTime  = 60 * time.Second // of a node: a repetition runs anew after it, if there is no answer
	waitTime   = 30 * time.Second // of a repetition, for the first request
	endTime    = 5 * time.Second  // of the write after a run
	beginTime  = 2 * time.Second  // of the write before a run that does without the store if need be
	writerTime = 10 * time.Second // of the write before all others
	awayTime   = time.Second      // in which the store is not asked again
	firstLook  = 50 * time.Millisecond
	lastLook   = time.Second // between two looks at a request that another node runs
)

// Vault hides what is stored of requests and answers: an answer may hold the text of a token.
type Vault interface {
	secmod.SealOpener
	MAC(ctx context.Context, account aaa.AccountID, purpose string, text []byte) ([sha256.Size]byte, error)
}

// Options are what Keys needs. Members marked optional may be zero.
type Options struct {
	Store  store.Idempotency
	Vault  Vault
	Node   string // under which this process claims; no two have one name
	Log    *slog.Logger
	Memory int64            // octets of answers in memory; default 32 MiB
	Life   time.Duration    // of an answer in memory; default 10 min
	Now    func() time.Time // default time.Now
}

// Keys runs requests once for each Idempotency-Key.
type Keys struct {
	o      Options
	memory *memory
	own    *Runs        // of this process
	away   atomic.Int64 // until when the store is taken to be away, in nanoseconds of the Unix time
}

// New makes Keys.
func New(o Options) *Keys {
	if o.Memory == 0 {
		o.Memory = 32 << 20
	}
	if o.Life == 0 {
		o.Life = 10 * time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Keys{o: o, memory: newMemory(o.Memory, o.Life, o.Now), own: NewRuns()}
}

// Own are the runs of this process.
func (k *Keys) Own() *Runs { return k.own }

// DeleteExpired deletes the answers that are a day old.
func (k *Keys) DeleteExpired(ctx context.Context) error {
	_, err := k.o.Store.DeleteExpired(ctx, k.o.Now())
	return err
}

// Request is a request that came with an Idempotency-Key.
type Request struct {
	Account   aaa.AccountID // of the caller
	Operation string        // what is done to what: one key is another one for another operation
	Key       string
	Digest    [sha256.Size]byte // of what is asked
	// NeedsStore refuses the request while the store is away. Others run, and this node alone knows of it.
	NeedsStore bool
}

// name is what the request is known by.
func (r *Request) name() (sum name) {
	h := sha256.New()
	for _, part := range []string{string(r.Account), r.Operation, r.Key} { // each with its length, so that nothing can be shifted
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(part)))
		h.Write(n[:])
		h.Write([]byte(part))
	}
	h.Sum(sum[:0])
	return sum
}

// name is the account, the operation and the key in one.
type name [sha256.Size]byte

// id is the name as a text: the id under which the request runs.
func (n name) id() string { return hex.EncodeToString(n[:]) }

var (
	errOther = &aaa.Error{Kind: aaa.KindConflict, Message: "conflict", Fields: []aaa.Field{{
		Path: "Idempotency-Key", Rule: "unique",
		Message: "was used for another request within the last 24 hours: a repetition has the same body and query, and the same token if it changes configuration",
	}}}
	errRunning = &aaa.Error{
		Kind: aaa.KindBusy, RetryAfter: time.Second,
		Message: "the first request with this Idempotency-Key is still running",
	}
)

// Run is a request that runs under its key. Whoever began it must End it.
type Run struct {
	ID string // under which the request runs, the same for its repetitions

	keys    *Keys
	entry   *entry            // nil: memory has no room for it
	claimed *store.Remembered // nil: the store does not know of it
	keep    bool              // the answer in memory, too
	ended   atomic.Bool
}

// Begin begins the run of a request, which is then the only one on all nodes together, or returns the answer of an earlier run. While
// another one runs it waits, until ctx ends or for half a minute; wait is called before that, with the id of that run, and its error ends
// the wait. A run that fails is not remembered: each caller that waited for it may begin one.
func (k *Keys) Begin(ctx context.Context, r Request, wait func(id string) error) (run *Run, answer []byte, err error) {
	n := r.name()
	waiting, cancel := context.WithTimeoutCause(ctx, waitTime, errRunning)
	defer cancel()
	for {
		e, mine := k.memory.enter(r.Account, n, r.Digest)
		if e == nil || mine {
			return k.lead(waiting, r, e, wait)
		}
		if e.digest != r.Digest {
			return nil, nil, errOther
		}
		if !e.ended() {
			if err := wait(n.id()); err != nil {
				return nil, nil, err
			}
		}
		select {
		case <-e.done:
			if e.answer != nil {
				return nil, e.answer, nil
			}
		case <-waiting.Done():
			return nil, nil, context.Cause(waiting)
		}
	}
}

// lead begins a request that this node does not run yet, if no node does. e is nil if memory has no room for it.
func (k *Keys) lead(ctx context.Context, r Request, e *entry, wait func(id string) error) (_ *Run, answer []byte, err error) {
	run := &Run{ID: r.name().id(), keys: k, entry: e, keep: !r.NeedsStore}
	begun := false
	defer func() {
		if !begun { // a panic is one way to come here
			run.leave(answer)
		}
	}()
	run.claimed, answer, err = k.claim(ctx, r, wait)
	if err != nil || answer != nil {
		return nil, answer, err
	}
	begun = true
	return run, nil, nil
}

// leave lets those go on who wait for the run on this node.
func (r *Run) leave(answer []byte) {
	if r.entry != nil {
		r.entry.answer = answer
		r.keys.memory.leave(r.entry, r.keep)
	}
}

// End ends a run with the answer that repetitions get, or with nil if it failed. Only the first call does something.
func (r *Run) End(ctx context.Context, answer []byte) {
	if r.ended.Swap(true) {
		return
	}
	defer func() { r.leave(answer) }()
	switch {
	case r.claimed == nil:
	case answer == nil:
		r.keys.forget(ctx, r.claimed)
	case !r.keys.finish(ctx, r.claimed, answer):
		r.keep = true // this node at least knows it
	}
}

// claim takes a request for this node, or finds its answer. Without either, the store is away and the request runs all the same.
func (k *Keys) claim(ctx context.Context, r Request, wait func(id string) error) (claimed *store.Remembered, answer []byte, err error) {
	for tries := 1; ; tries++ {
		mine, first, err := k.begin(ctx, r)
		switch {
		case err != nil && ctx.Err() != nil:
			return nil, nil, context.Cause(ctx)
		case err != nil && k.isAway(err) && !r.NeedsStore:
			return nil, nil, nil
		case errors.Is(err, store.ErrStale): // forgotten again and again while the store looked
		case err != nil:
			return nil, nil, err
		case first == nil:
			return mine, nil, nil
		case first.Request != mine.Request:
			return nil, nil, errOther
		case first.Answer != "":
			answer, err = k.open(ctx, first)
			return nil, answer, err
		}
		if err := wait(r.name().id()); err != nil {
			return nil, nil, err
		}
		if backoff.Sleep(ctx, backoff.Jitter(backoff.Double(firstLook, lastLook, tries))) != nil {
			return nil, nil, context.Cause(ctx)
		}
	}
}

// begin asks the store once who has a request.
func (k *Keys) begin(ctx context.Context, r Request) (mine, first *store.Remembered, err error) {
	limit := beginTime
	if r.NeedsStore {
		limit = writerTime
	} else if k.o.Now().UnixNano() < k.away.Load() {
		return nil, nil, store.ErrUnavailable
	}
	bounded, cancel := context.WithTimeoutCause(ctx, limit, store.ErrUnavailable)
	defer cancel()
	mine = &store.Remembered{Account: r.Account, Key: r.name()}
	mine.Request, err = k.o.Vault.MAC(bounded, r.Account, "idempotency", r.Digest[:])
	if err == nil {
		now := k.now()
		mine.Claim, mine.Expires = store.Lease{Node: k.o.Node, Until: now.Add(claimTime)}, now.Add(life)
		first, err = k.o.Store.Begin(bounded, *mine, now)
	}
	if err != nil && bounded.Err() != nil {
		err = context.Cause(bounded)
	}
	return mine, first, err
}

// now is the time as both stores keep it.
func (k *Keys) now() time.Time { return k.o.Now().UTC().Truncate(time.Microsecond) }

// isAway reports whether an error says that the store is away. If so, requests that can do without the store do not ask it for a second.
func (k *Keys) isAway(err error) bool {
	if !errors.Is(err, store.ErrUnavailable) && aaa.KindOf(err) != aaa.KindUnavailable {
		return false
	}
	if now := k.o.Now(); now.UnixNano() >= k.away.Load() {
		k.away.Store(now.Add(awayTime).UnixNano())
	}
	return true
}

// finish stores an answer. It returns false if that fails: on other nodes a repetition then runs anew when the claim has ended.
func (k *Keys) finish(ctx context.Context, r *store.Remembered, answer []byte) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	text, err := pack(answer)
	if err == nil {
		r.Answer, err = k.o.Vault.Seal(ctx, r.Account, purpose(r), text)
	}
	if err == nil {
		err = k.o.Store.Finish(ctx, *r)
	}
	if err != nil {
		k.o.Log.LogAttrs(ctx, slog.LevelWarn, "an answer was not stored for repetitions of its request",
			slog.String("account", string(r.Account)), slog.String("error", err.Error()))
	}
	return err == nil
}

// forget lets a request be tried again. If it fails, the end of the claim does so.
func (k *Keys) forget(ctx context.Context, r *store.Remembered) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	if err := k.o.Store.Forget(ctx, *r); err != nil {
		k.o.Log.LogAttrs(ctx, slog.LevelWarn, "a request that failed can't be repeated under its Idempotency-Key for a minute",
			slog.String("account", string(r.Account)), slog.String("error", err.Error()))
	}
}

// open reads an answer that finish kept.
func (k *Keys) open(ctx context.Context, r *store.Remembered) ([]byte, error) {
	text, err := k.o.Vault.Open(ctx, r.Account, purpose(r), r.Answer)
	if err != nil {
		return nil, err
	}
	return unpack(text.Reveal())
}

// purpose binds an answer to its request.
func purpose(r *store.Remembered) string { return "idempotency " + hex.EncodeToString(r.Key[:]) }
