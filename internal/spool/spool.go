package spool

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"aaa-api/internal/aaa"
	"aaa-api/internal/limits"
	"aaa-api/internal/secmod"
	"aaa-api/internal/store"
)

// Options are the parts that a Spool works with.
type Options struct {
	Store   store.Spool
	Vault   Vault
	Journal Journal // nil: what comes while the store is away is refused
	Deliver Deliver
	Width   Width
	// Answered reports whether an accounting server of an account has ever answered: while it is silent it is tried each second, others ever
	// more rarely. nil: this node's own deliveries tell.
	Answered func(account aaa.AccountID) bool
	// Within reports whether an account is another one or below it, so that servers of its document may serve it. nil: none is below another.
	Within func(ctx context.Context, ancestor, account aaa.AccountID) (bool, error)
	Limits func(ctx context.Context, account aaa.AccountID) (*limits.Account, error)
	Node   string
	// Alone: no other node has the store, so that the leases it has at the beginning are those of nodes that fell.
	Alone bool

	JournalOctets  int64 // the journal's bound; 0: it has none
	Disk           Disk  // of the journal; nil: its free space is not looked at
	DiskHoldsStore bool  // the store is on that disk too

	Now     func() time.Time // nil: time.Now
	Metrics *Metrics
	Log     *slog.Logger
}

// Vault seals and opens what records hold.
type Vault interface {
	secmod.HeldSealer
	secmod.Opener
}

// Journal keeps entries on this node's disk. package journal has the one of the service.
type Journal interface {
	// Append returns when the entries are on the disk. It is called by many goroutines.
	Append(ctx context.Context, entries [][]byte) error
	// Drain gives all entries that were appended before it, oldest first, in batches, and forgets those of which take returned nil.
	Drain(ctx context.Context, take func(entries [][]byte) error) error
	// Len is how many entries there are, and their octets.
	Len() (entries, octets int64)
	// Aside is how many of its files can't be used, wholly or in part, and are kept for somebody to look at.
	Aside() int
}

// Spool takes accounting records and has them delivered. It is safe for use by many goroutines and on many nodes at once.
type Spool struct {
	o Options
	*intake
	*delivery
}

// New makes a Spool. Nothing is delivered before Run.
func New(o Options) *Spool {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(prometheus.NewRegistry())
	}
	if o.Journal != nil {
		o.Metrics.journal.Store(&o.Journal)
	}
	s := &Spool{o: o}
	s.intake = newIntake(s)
	s.delivery = newDelivery(s)
	return s
}

// now is the time as stores keep it.
func (s *Spool) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }

// Run delivers records until ctx ends and what it has begun is done.
func (s *Spool) Run(ctx context.Context) {
	var under sync.WaitGroup
	defer under.Wait()
	under.Go(func() { s.intake.run(ctx) })
	s.delivery.run(ctx)
}
