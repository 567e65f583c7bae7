package operations

import (
	"context"

	"aaa-api/internal/aaa"
	"aaa-api/internal/gateway"
	"aaa-api/internal/line"
)

// Handle runs an AAA request: see gateway.Service. The request's Account is the call's.
var Handle = defineQuick("requests.handle", asks, func(ctx context.Context, p *Parts, from line.From, q *aaa.Request) (*aaa.Result, error) {
	q.Account = from.Account
	return p.Service.Handle(ctx, q)
}).checked(checkRequest)

// DryRun does all of Handle but sending.
var DryRun = define("requests.dryrun", asks, func(ctx context.Context, s *Served, q *aaa.Request) (*gateway.DryRun, error) {
	q.Account = s.Account
	return s.Service.DryRun(ctx, q)
}).checked(checkRequest)

// What a front writes of its own into a request, in octets.
const (
	maxRequestID = 160 // as long as a batch makes them
	maxRepeatID  = 64
)

// checkRequest holds a request against what the handlers make.
func checkRequest(q *aaa.Request) error {
	switch {
	case q.Op >= aaa.NumOps:
		return aaa.Errorf(aaa.KindBadInput, "there is no operation %d of AAA requests", q.Op)
	case len(q.ID) > maxRequestID || !aaa.IsLine(q.ID):
		return aaa.Errorf(aaa.KindBadInput, "the request id is no line of %d octets at the most", maxRequestID)
	case len(q.RepeatID) > maxRepeatID || !aaa.IsLine(q.RepeatID):
		return aaa.Errorf(aaa.KindBadInput, "the id of repetitions is no line of %d octets at the most", maxRepeatID)
	case q.Device != nil:
		return aaa.Errorf(aaa.KindBadInput, "a network device's request is made in the process that verified its packet alone")
	case (q.Stored || q.RepeatID != "") && q.Op != aaa.Accounting:
		return aaa.Errorf(aaa.KindBadInput, "accounting requests alone are stored or repeated")
	case !q.Happened.IsZero() || q.SessionID != "":
		return aaa.Errorf(aaa.KindBadInput, "when a record's event happened and in which session is for the spool to say")
	}
	return checkValues(q.Values)
}

// checkValues refuses what no JSON body holds.
func checkValues(v aaa.Values) error {
	if err := aaa.CheckValues(v); err != nil {
		return aaa.Errorf(aaa.KindBadInput, "the values of a request: %s", err)
	}
	return nil
}

// Work is how much an account may have under way.
type Work struct {
	Workers   int   // requests at servers at once
	PerSecond int64 // the limit requests_per_second
}

// Workers tells how much an account may have under way, for lanes of batches.
var Workers = define("requests.workers", asks, func(ctx context.Context, s *Served, _ *None) (w Work, err error) {
	if w.Workers, err = s.Service.Workers(ctx, s.Account); err != nil {
		return w, err
	}
	have, err := s.Tree.Limits(ctx, s.Account)
	if err != nil {
		return w, err
	}
	w.PerSecond = have.Of(aaa.LimitRequestsPerSecond)
	return w, nil
})

// Learnt tells what the node has learnt of the servers of an account's own document, by their names.
var Learnt = define("servers.learnt", readsDocument, func(ctx context.Context, s *Served, _ *None) (map[string]gateway.Learnt, error) {
	return s.Service.Learnt(ctx, s.Account)
})
