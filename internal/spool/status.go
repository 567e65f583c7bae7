package spool

import "time"

// Status is what waits of all accounts, as the node last read it, and what its journal has.
type Status struct {
	Waiting int64     `json:"waiting"`
	Parked  int64     `json:"parked"`
	Octets  int64     `json:"octets"`           // of both
	Oldest  time.Time `json:"oldest,omitzero"`  // when the oldest waiting record was received
	ReadAt  time.Time `json:"read_at,omitzero"` // zero: not yet

	JournalEntries int64 `json:"journal_entries"`
	JournalOctets  int64 `json:"journal_octets"`
	JournalAside   int   `json:"journal_aside"` // files that somebody has to look at
}

// Status asks nothing of the store.
func (s *Spool) Status() Status {
	var out Status
	if j := s.o.Metrics.journal.Load(); j != nil {
		out.JournalEntries, out.JournalOctets = (*j).Len()
		out.JournalAside = (*j).Aside()
	}
	w := s.o.Metrics.watched.Load()
	if w == nil {
		return out
	}
	out.ReadAt = w.at
	for _, b := range w.backlogs {
		out.Waiting += b.Waiting
		out.Parked += b.Parked
		out.Octets += b.Octets
		if !b.Oldest.IsZero() && (out.Oldest.IsZero() || b.Oldest.Before(out.Oldest)) {
			out.Oldest = b.Oldest
		}
	}
	return out
}
