package operations

import (
	"context"
	"strconv"
	"sync/atomic"

	"aaa-api/internal/admission"
	"aaa-api/internal/idempotency"
	"aaa-api/internal/line"
	"aaa-api/internal/tally"
)

// front is what the security module knows of another process that calls it.
type front struct {
	name    string // no two processes have the same, not even one after the other
	runs    *idempotency.Runs
	metrics *tally.Member // nil: the node has none
	places  *admission.Places
}

// Hold takes memory of the budget for a call of another process: see line.Options.
func (p *Parts) Hold() line.Holding { return &callHolding{budget: p.Budget} }

// callHolding is a line.Holding.
type callHolding struct {
	budget *admission.Budget // nil: nothing bounds it
	admission.Holding
}

// Take implements line.Holding.
func (h *callHolding) Take(octets int) error {
	if h.budget == nil {
		return nil
	}
	return h.budget.HoldShared(&h.Holding, int64(octets))
}

// Release implements line.Holding.
func (h *callHolding) Release() {
	if h.budget != nil {
		h.budget.Release(&h.Holding)
	}
}

// joined counts the processes that have called.
var joined atomic.Uint64

// process names the process that calls, for the servers of devices.
func (p *Parts) process() string {
	if p.front == nil {
		return "here"
	}
	return p.front.name
}

// For returns the parts as another process sees them: requests that run there under a key, and its metrics, are told apart from those of other
// processes. Serve of the result serves all lines to that process. leave is to be called when the lines have ended: it ends what the process
// left behind.
func (p *Parts) For(process string) (here *Parts, leave func()) {
	of := *p
	of.front = &front{name: process + "/" + strconv.FormatUint(joined.Add(1), 10), runs: idempotency.NewRuns(), places: admission.NewPlaces()}
	if p.Metrics != nil {
		of.front.metrics = p.Metrics.Join(process)
	}
	return &of, func() {
		of.front.runs.Close(context.Background())
		if p.TACACS != nil {
			p.TACACS.Closed(of.front.name, 0)
		}
		if m := of.front.metrics; m != nil {
			m.Leave()
		}
	}
}
