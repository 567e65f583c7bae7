package plans

import (
	"sync/atomic"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
)

// Tally counts what came of the exchanges with one address, over all documents that name it. It lives as
// long as one of them holds it, or a request that runs by an older one: what tenants once wrote leaves nothing behind. A
// nil Tally counts nothing.
type Tally struct {
	Engine string
	Server string // address and port
	counts [numTallied]atomic.Uint64
}

// The places of a Tally: those of the answers, those of the Failures by their Reason, then that of what was cancelled.
const (
	tallyAccept = iota
	tallyReject
	tallyChallenge
	tallyFailed
	tallyCancelled = tallyFailed + engines.NumReasons
	numTallied     = tallyCancelled + 1
)

// Answered counts an answer.
func (t *Tally) Answered(o aaa.Outcome) {
	switch o {
	case aaa.Accept:
		t.add(tallyAccept)
	case aaa.Challenge:
		t.add(tallyChallenge)
	default:
		t.add(tallyReject)
	}
}

// Failed counts an exchange without one.
func (t *Tally) Failed(r engines.Reason) { t.add(tallyFailed + int(r)) }

// Cancelled counts an exchange that was given up while the server had yet to answer.
func (t *Tally) Cancelled() { t.add(tallyCancelled) }

func (t *Tally) add(place int) {
	if t != nil {
		t.counts[place].Add(1)
	}
}

// Each calls fn with every outcome that there was.
func (t *Tally) Each(fn func(outcome string, n uint64)) {
	for i := range t.counts {
		if n := t.counts[i].Load(); n > 0 {
			fn(tallied(i), n)
		}
	}
}

func tallied(place int) string {
	switch place {
	case tallyAccept:
		return string(aaa.Accept)
	case tallyReject:
		return string(aaa.Reject)
	case tallyChallenge:
		return string(aaa.Challenge)
	case tallyCancelled:
		return "cancelled"
	default:
		return engines.Reason(place - tallyFailed).String()
	}
}

type tallyKey struct{ engine, server string }

// tally finds an address's Tally.
func (t *Cache) tally(engine, server string) *Tally {
	tally, _ := t.tallies.Get(tallyKey{engine, server}, func() (*Tally, error) { // this build has no errors
		return &Tally{Engine: engine, Server: server}, nil
	})
	return tally
}

// Tallies returns those of all addresses that a document in memory names.
func (t *Cache) Tallies() []*Tally { return t.tallies.Values() }
