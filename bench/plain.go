package main

import (
	"context"
	"errors"
	"sync"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/plans"
)

// parcel is lent for one request of plainFailover.
type parcel struct {
	avps    []aaa.AVP
	request engines.Request
}

var parcels = sync.Pool{New: func() any { return &parcel{avps: make([]aaa.AVP, 0, 32)} }}

func (p *parcel) giveBack() {
	clear(p.avps[:cap(p.avps)])
	*p = parcel{avps: p.avps[:0]}
	parcels.Put(p)
}

// plainFailover does for a request what the built-in table says, in a straight loop with the
// same pieces: it is what the price of the state machine is measured by. It looks at no clock, counts
// nothing and knows neither traces nor challenges, all of which the router does for every request.
func plainFailover(ctx context.Context, plan *plans.Plan, req *aaa.Request) (*aaa.Result, error) {
	if !plan.Pool.TryAcquire() {
		return nil, errors.New("a place of the pool was not given back")
	}
	defer plan.Pool.Release()
	p := parcels.Get().(*parcel)
	defer p.giveBack()
	attempts := 0
	var last error
	for _, level := range plan.Routes[req.Op].Levels {
		list := level.Lists[req.Op]
		usable := 0
		for _, server := range list {
			if server.Client.Health().Usable() {
				usable++
			}
		}
		for _, server := range list {
			if usable > 0 && !server.Client.Health().Usable() {
				continue
			}
			var err error
			if p.avps, err = server.Rules[req.Op].Out(ctx, p.avps[:0], req.Values, nil, nil); err != nil {
				return nil, err
			}
			p.request = engines.Request{
				Op: req.Op, AVPs: p.avps, Dict: server.Dict,
				NASAddress: level.NASAddress, NASPort: level.NASPort, HasNASPort: level.HasNASPort,
			}
			reply, err := server.Client.Exchange(ctx, &p.request)
			if err != nil {
				var failure *engines.Failure
				if !errors.As(err, &failure) {
					return nil, err
				}
				attempts += failure.Attempts
				if last = failure; ctx.Err() != nil {
					return nil, noAnswer(last)
				}
				continue
			}
			res := &aaa.Result{
				Outcome: reply.Outcome, IsAuthorized: reply.Outcome == aaa.Accept, Document: level.Account,
				Server: server.Name, Attempts: attempts + reply.Attempts,
			}
			if res.Keys, res.AVPs, err = server.Rules[req.Op].Back(ctx, reply.AVPs, nil, nil); err != nil {
				return nil, err
			}
			return res, nil
		}
	}
	return nil, noAnswer(last)
}

func noAnswer(last error) error {
	return &aaa.Error{Kind: aaa.KindNoAnswer, Message: "no AAA server answered", Err: last}
}
