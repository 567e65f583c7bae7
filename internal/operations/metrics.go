package operations

import (
	"context"

	"aaa-api/internal/aaa"
	"aaa-api/internal/tally"
)

// Families are metrics in octets: see tally.Write.
type Families struct{ Octets []byte }

// Metrics takes the metrics of the process that calls, which are none where it is the security module itself, and gives those of the node.
var Metrics = define("metrics", public, func(_ context.Context, s *Served, q *Families) (f Families, err error) {
	if s.Metrics == nil {
		return f, aaa.Errorf(aaa.KindNotFound, "the node has no metrics")
	}
	if err := s.take(q); err != nil {
		return f, err
	}
	families, err := s.Metrics.Gather()
	if err != nil && families == nil {
		return f, err
	}
	f.Octets, err = tally.Write(families)
	return f, err
})

// ReportMetrics takes the metrics of the process that calls, for when another one is asked for those of the node.
var ReportMetrics = define("metrics.report", public, func(_ context.Context, s *Served, q *Families) (None, error) {
	return None{}, s.take(q)
})

// take notes the metrics of the process that calls.
func (s *Served) take(q *Families) error {
	if s.front == nil || s.front.metrics == nil {
		return nil
	}
	if err := s.front.metrics.Report(q.Octets); err != nil {
		return aaa.Errorf(aaa.KindBadInput, "%s", err)
	}
	return nil
}
