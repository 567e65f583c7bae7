package operations

import (
	"context"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/tail"
)

const (
	// MaxTail bounds the requests of an answer.
	MaxTail = 500
	// followTime is how long a follower waits for the next request: well below the time after which it counts as gone.
	followTime = 10 * time.Second
)

// AskRequests chooses AAA requests.
type AskRequests struct {
	Account aaa.AccountID // with all below; empty: any
	User    string        // empty: any
	Outcome string        // empty: any
	Limit   int           // at most MaxTail; 0: as many as that
}

// FollowFrom chooses AAA requests that end after a number.
type FollowFrom struct {
	AskRequests
	Begin bool // from now on: After says nothing
	After uint64
}

// Followed are the requests that a follower gets.
type Followed struct {
	Requests []tail.Entry
	Next     uint64 // the After of the next call
	Missed   uint64 // requests in between that can't be told of, whether they were asked for or not
}

func (q *AskRequests) limit() int {
	if q.Limit <= 0 || q.Limit > MaxTail {
		return MaxTail
	}
	return q.Limit
}

func (s *Served) filter(ctx context.Context, q *AskRequests) (*tail.Filter, error) {
	below, err := s.below(ctx, q.Account)
	return &tail.Filter{Account: below, User: q.User, Outcome: q.Outcome}, err
}

// OperatorRequests returns the last requests of this node, the oldest first.
var OperatorRequests = define("operators.requests", operators, func(ctx context.Context, s *Served, q *AskRequests) ([]tail.Entry, error) {
	f, err := s.filter(ctx, q)
	if err != nil {
		return nil, err
	}
	return s.Local.Tail.Last(f, q.limit()), nil
})

// OperatorFollow waits for requests for up to ten seconds. Nothing of a follower is kept between two calls, so one that stops calling
// holds nothing up.
var OperatorFollow = define("operators.follow", operators, func(ctx context.Context, s *Served, q *FollowFrom) (Followed, error) {
	f, err := s.filter(ctx, &q.AskRequests)
	if err != nil {
		return Followed{}, err
	}
	if q.Begin {
		return Followed{Next: s.Local.Tail.Begin()}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, followTime)
	defer cancel()
	var out Followed
	out.Requests, out.Next, out.Missed = s.Local.Tail.Follow(ctx, q.After, f, q.limit())
	return out, nil
})
