package operations

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"

	"aaa-api/internal/aaa"
	"aaa-api/internal/idempotency"
)

// Keyed is a request that came with an Idempotency-Key. The key is the token's account's.
type Keyed struct {
	Operation string // what is done to what
	Key       string
	Digest    [sha256.Size]byte // of what is asked
	Wait      bool              // for the run of another request with the key, to its end
}

// KeyBegun is what comes of a Keyed.
type KeyBegun struct {
	Run    string             // the id under which the request is to be run; empty: it is not
	Ticket idempotency.Ticket // ends the run
	Kept   []byte             // the answer of an earlier run, nil without one
	Waits  bool               // another run is under way: ask again with Wait
}

// errWaits ends a look at a key whose request runs.
var errWaits = errors.New("the request runs")

// KeyBegin begins the run of a request under its key, or finds how it was answered. What the caller may do to the account is asked by the
// request's own operation.
var KeyBegin = define("keys.begin", asks, func(ctx context.Context, s *Served, q *Keyed) (KeyBegun, error) {
	if strings.HasPrefix(q.Operation, ofWrites) {
		return KeyBegun{}, aaa.Errorf(aaa.KindBadInput, "the name is one of a change")
	}
	return s.beginKey(ctx, q, idempotency.Request{Operation: q.Operation, Digest: q.Digest})
}).checked(checkKeyed)

// KeyBeginWrite is KeyBegin of a request that changes configuration. The same token alone may repeat it: an answer may hold more than
// another token may see, such as a token's text.
var KeyBeginWrite = define("keys.begin_write", writesDocument, func(ctx context.Context, s *Served, q *Keyed) (KeyBegun, error) {
	own := sha256.Sum256(append([]byte(s.Who.TokenID), q.Digest[:]...))
	return s.beginKey(ctx, q, idempotency.Request{Operation: ofWrites + q.Operation, Digest: own, NeedsStore: true})
}).checked(checkKeyed).waiting()

// ofWrites begins the names of changes, so that nobody who may only send AAA requests finds the answer to one.
const ofWrites = "write "

func (s *Served) beginKey(ctx context.Context, q *Keyed, r idempotency.Request) (b KeyBegun, err error) {
	r.Account, r.Key = s.Who.Account, q.Key
	b.Run, b.Ticket, b.Kept, err = s.runs().Begin(ctx, s.Keys, r, func(id string) error {
		if !q.Wait {
			return errWaits
		}
		return s.Service.Repeat(ctx, s.Account, id)
	})
	if errors.Is(err, errWaits) {
		return KeyBegun{Waits: true}, nil
	}
	return b, err
}

func checkKeyed(q *Keyed) error {
	if q.Key == "" || len(q.Key) > MaxKey || len(q.Operation) > maxNameOctets {
		return aaa.Errorf(aaa.KindBadInput, "a request with an Idempotency-Key has a key of 1 to %d octets and a short name", MaxKey)
	}
	return nil
}

// MaxKey is how many octets an Idempotency-Key may have.
const MaxKey = 255

// KeyEnded is the end of a run.
type KeyEnded struct {
	Ticket idempotency.Ticket
	Answer []byte // that repetitions get; nil: the run failed
}

// KeyEnd ends a run. No token is needed: the request may have revoked its own.
var KeyEnd = define("keys.end", public, func(ctx context.Context, s *Served, q *KeyEnded) (None, error) {
	s.runs().End(ctx, q.Ticket, q.Answer)
	return None{}, nil
})

// runs are those of the process that calls.
func (p *Parts) runs() *idempotency.Runs {
	if p.front != nil {
		return p.front.runs
	}
	return p.Keys.Own()
}

// RunTime is how long a run may take.
const RunTime = idempotency.RunTime
