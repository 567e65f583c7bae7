package token

import (
	"context"
	"encoding/binary"
	"errors"
	"sync/atomic"
	"time"

	"github.com/puzpuzpuz/xsync/v4"
	"golang.org/x/sync/singleflight"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// Bounds of the memory of a Verifier.
const (
	maxKnown   = 200_000          // good credentials, about 250 octets each
	maxUnknown = 50_000           // texts that were no credential, about 80 octets each
	unknownFor = 10 * time.Second // how long a text is refused without asking the store
)

// retryAfter is the advice given while the store is away.
const retryAfter = 2 * time.Second

// Tokens is what a Verifier needs of the store.
type Tokens interface {
	ByHash(ctx context.Context, hash [32]byte) (store.Token, error)
	WithoutChecksum(ctx context.Context) (bool, error)
}

// Guard is asked before a text is looked up that anybody can have made up. Where it returns an error, the text is not looked
// up and the caller gets that error.
type Guard interface{ Guess() error }

// Verifier finds out whose a credential is. It remembers both answers: a
// credential seen before is verified without the store and without a lock, also
// while the store is away. Subscribe its Changed to the change log, which is what
// takes revoked credentials out.
type Verifier struct {
	tokens Tokens
	key    Key
	now    func() time.Time

	known   *xsync.Map[[32]byte, *entry]
	unknown *xsync.Map[[32]byte, time.Time] // when to ask again
	asking  singleflight.Group
	plain   atomic.Int32 // whether the store has tokens without a checksum: unasked, some or none

	maxKnown, maxUnknown int

	// generation counts the changes. Who asked the store before a change and got
	// the answer after it must not remember that answer.
	generation atomic.Uint64
}

// The values of Verifier's plain.
const (
	unasked int32 = iota
	some
	none
)

type entry struct {
	principal Principal
	kind      string
}

func (e *entry) ended(now time.Time) bool {
	at := e.principal.ExpiresAt
	return !at.IsZero() && !now.Before(at)
}

// NewVerifier makes a Verifier of the tokens that key made. now is time.Now but in tests.
func NewVerifier(t Tokens, key Key, now func() time.Time) *Verifier {
	return &Verifier{
		tokens: t, key: key, now: now, maxKnown: maxKnown, maxUnknown: maxUnknown,
		known: xsync.NewMap[[32]byte, *entry](), unknown: xsync.NewMap[[32]byte, time.Time](),
	}
}

// refused is the one answer to a text that is no credential, whatever the reason.
var refused = &aaa.Error{Kind: aaa.KindUnauthorized, Message: "invalid credentials"}

// Verify returns whose token (of KindToken or KindSession) text is. It is an
// *aaa.Error: KindUnauthorized for a text that is none, also one revoked, run out
// or of a deleted account; KindUnavailable where only the store could tell and is away. g may be nil.
func (v *Verifier) Verify(ctx context.Context, text string, g Guard) (Principal, error) {
	e, err := v.find(ctx, text, g)
	if err != nil {
		return Principal{}, err
	}
	if e.kind == KindAPIKey {
		return Principal{}, refused
	}
	return e.principal, nil
}

// VerifyKey is Verify for an API key, which is good for getting a session only.
func (v *Verifier) VerifyKey(ctx context.Context, text string, g Guard) (Principal, error) {
	e, err := v.find(ctx, text, g)
	if err != nil {
		return Principal{}, err
	}
	if e.kind != KindAPIKey {
		return Principal{}, refused
	}
	return e.principal, nil
}

func (v *Verifier) find(ctx context.Context, text string, g Guard) (*entry, error) {
	if !wellFormed(text) {
		return nil, refused
	}
	hash := Hash(text)
	if e, ok := v.known.Load(hash); ok {
		return v.unexpired(e)
	}
	if until, ok := v.unknown.Load(hash); ok && v.now().Before(until) {
		return nil, refused
	}
	if !v.key.made(text) {
		if err := v.mayBePlain(ctx, g); err != nil {
			return nil, err
		}
	}
	e, err := v.ask(ctx, hash)
	if err != nil {
		return nil, err
	}
	return v.unexpired(e)
}

// mayBePlain refuses a text without a checksum where no such token is stored, or where the guard does. What the store can't
// say now, the question for the token itself will.
func (v *Verifier) mayBePlain(ctx context.Context, g Guard) error {
	if v.plain.Load() == none {
		return refused
	}
	if g != nil {
		if err := g.Guess(); err != nil {
			return err
		}
	}
	if v.plain.Load() == unasked {
		generation := v.generation.Load()
		found, err, _ := v.asking.Do("plain", func() (any, error) { return v.tokens.WithoutChecksum(context.WithoutCancel(ctx)) })
		if err != nil {
			return nil //nolint:nilerr // the question for the token itself will tell
		}
		state := none
		if found.(bool) {
			state = some
		}
		v.plain.Store(state)
		if v.generation.Load() != generation { // as in remember
			v.plain.Store(unasked)
		}
	}
	if v.plain.Load() == none {
		return refused
	}
	return nil
}

func (v *Verifier) unexpired(e *entry) (*entry, error) {
	if e.ended(v.now()) {
		return nil, refused
	}
	return e, nil
}

// ask looks the hash up in the store, once for all who ask at the same time.
// Who asks after a change does not share the answer of one who asked before it.
func (v *Verifier) ask(ctx context.Context, hash [32]byte) (*entry, error) {
	generation := v.generation.Load()
	key := binary.BigEndian.AppendUint64(hash[:], generation)
	ch := v.asking.DoChan(string(key), func() (any, error) {
		if e, ok := v.known.Load(hash); ok { // the answer to one who asked came just before
			return e, nil
		}
		// The first to ask may go away while others wait for the same answer. The
		// store has time limits of its own.
		return v.load(context.WithoutCancel(ctx), hash, generation)
	})
	select {
	case r := <-ch:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*entry), nil
	case <-ctx.Done():
		return nil, &aaa.Error{
			Kind: aaa.KindUnavailable, Message: "the token could not be checked in time", RetryAfter: retryAfter, Err: ctx.Err(),
		}
	}
}

func (v *Verifier) load(ctx context.Context, hash [32]byte, generation uint64) (*entry, error) {
	t, err := v.tokens.ByHash(ctx, hash)
	switch {
	case errors.Is(err, store.ErrNotFound):
		v.forget(hash, generation)
		return nil, refused
	case errors.Is(err, store.ErrUnavailable):
		return nil, &aaa.Error{
			Kind: aaa.KindUnavailable, Message: "the store is away and the token has not been seen before",
			RetryAfter: retryAfter, Err: err,
		}
	case err != nil:
		return nil, &aaa.Error{Kind: aaa.KindInternal, Message: "the token could not be checked", Err: err}
	}
	e := &entry{
		principal: Principal{TokenID: t.ID, Account: t.Account, Scopes: t.Scopes, ExpiresAt: t.ExpiresAt, KeyID: t.KeyID},
		kind:      t.Kind,
	}
	v.remember(hash, e, generation)
	return e, nil
}

// remember stores first and then looks at the generation, and Changed moves the
// generation first and then deletes: whichever comes second takes the entry out.
func (v *Verifier) remember(hash [32]byte, e *entry, generation uint64) {
	if v.known.Size() >= v.maxKnown {
		v.makeRoom()
	}
	v.known.Store(hash, e)
	if v.generation.Load() != generation {
		v.known.Compute(hash, func(old *entry, loaded bool) (*entry, xsync.ComputeOp) {
			if loaded && old == e {
				return nil, xsync.DeleteOp
			}
			return old, xsync.CancelOp
		})
	}
}

// makeRoom drops what has run out and, where that is little, whatever comes first.
func (v *Verifier) makeRoom() {
	now := v.now()
	v.known.DeleteMatching(func(_ [32]byte, e *entry) (drop, stop bool) {
		return e.ended(now), false
	})
	if v.known.Size() < v.maxKnown*7/8 {
		return
	}
	left := v.maxKnown / 8
	v.known.DeleteMatching(func([32]byte, *entry) (drop, stop bool) {
		left--
		return true, left <= 0
	})
}

// forget notes that a hash is unknown. A flood of guesses empties the note book
// rather than growing it.
func (v *Verifier) forget(hash [32]byte, generation uint64) {
	if v.unknown.Size() >= v.maxUnknown {
		v.unknown.Clear()
	}
	v.unknown.Store(hash, v.now().Add(unknownFor))
	if v.generation.Load() != generation {
		v.unknown.Delete(hash)
	}
}

// Changed drops what changes made stale. It is a store.Subscriber.
func (v *Verifier) Changed(_ context.Context, changes []store.Change, reset bool) {
	v.generation.Add(1)
	if reset {
		v.plain.Store(unasked)
		v.known.Clear()
		v.unknown.Clear()
		return
	}
	tokens, accounts := make(map[string]bool), make(map[aaa.AccountID]bool)
	for _, c := range changes {
		switch {
		case c.Kind == store.ChangedToken && c.Name != "":
			tokens[c.Name] = true
		case c.Kind == store.ChangedToken, // some of the account's tokens are gone
			c.Kind == store.ChangedAccount: // it may have been deleted, and its tokens with it
			accounts[c.Account] = true
		}
	}
	if len(tokens) > 0 {
		v.unknown.Clear() // one of them may be new, and made by a node of an older version
		v.plain.Store(unasked)
	}
	if len(tokens)+len(accounts) == 0 {
		return
	}
	all := accounts[aaa.SystemConfig]
	v.known.DeleteMatching(func(_ [32]byte, e *entry) (drop, stop bool) {
		return all || tokens[e.principal.TokenID] || tokens[e.principal.KeyID] || accounts[e.principal.Account], false
	})
}
