package operations

import (
	"context"

	"aaa-api/internal/idempotency"
	"aaa-api/internal/tally"
)

// front is what the security module knows of another process that calls it.
type front struct {
	runs    *idempotency.Runs
	metrics *tally.Member // nil: the node has none
}

// For returns the parts as another process sees them: requests that run there under a key, and its metrics, are told apart from those of other
// processes. Serve of the result serves all lines to that process. leave is to be called when the lines have ended: it ends what the process
// left behind.
func (p *Parts) For(process string) (here *Parts, leave func()) {
	of := *p
	of.front = &front{runs: idempotency.NewRuns()}
	if p.Metrics != nil {
		of.front.metrics = p.Metrics.Join(process)
	}
	return &of, func() {
		of.front.runs.Close(context.Background())
		if m := of.front.metrics; m != nil {
			m.Leave()
		}
	}
}
