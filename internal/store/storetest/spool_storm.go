package storetest

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// LedgerAgainstRows compares the ledgers of all accounts with the rows, in one statement and so at one moment: what waits by each, what is
// parked by each, and the octets by each.
const LedgerAgainstRows = `SELECT
	(SELECT CAST(COALESCE(SUM(acknowledged - parked - delivered - replaced - dropped), 0) AS bigint) FROM spool_counts), (SELECT COUNT(*) FROM spool WHERE state = 0),
	(SELECT CAST(COALESCE(SUM(parked), 0) AS bigint) FROM spool_counts), (SELECT COUNT(*) FROM spool WHERE state = 1),
	(SELECT CAST(COALESCE(SUM(octets), 0) AS bigint) FROM spool_counts), (SELECT CAST(COALESCE(SUM(octet_length(payload)), 0) AS bigint) FROM spool)`

// SpoolStorm has several nodes append, claim, settle, send again and drop records of few accounts and sessions at random. moment gives what
// LedgerAgainstRows says, and is asked all the while.
func SpoolStorm(t *testing.T, s store.Store, rounds int, moment func() ([6]int64, error)) {
	m := &storm{s: s.Spool(), t: t, records: make(map[string]*stormed), flying: make(map[[2]string]int), dropping: make(map[[2]string]int)}
	for range 3 {
		m.accounts = append(m.accounts, aaa.NewAccountID())
	}
	m.now.Store(noon.UnixMicro())
	var nodes, watch sync.WaitGroup
	over := make(chan struct{})
	watch.Go(func() {
		for {
			got, err := moment()
			if err != nil || got[0] != got[1] || got[2] != got[3] || got[4] != got[5] {
				t.Errorf("the ledger and the rows are %v, %v", got, err)
				return
			}
			select {
			case <-over:
				return
			default:
			}
		}
	})
	for node := range 4 {
		nodes.Go(func() {
			at := rand.New(rand.NewPCG(uint64(node), 1))
			for range rounds {
				if t.Failed() {
					return
				}
				m.step(at, fmt.Sprintf("node-%d", node))
			}
		})
	}
	nodes.Wait()
	close(over)
	watch.Wait()
	if !t.Failed() {
		m.drain()
	}
}

type storm struct {
	s        store.Spool
	t        *testing.T
	accounts []aaa.AccountID
	last     atomic.Int64
	now      atomic.Int64 // in microseconds

	mu        sync.Mutex
	records   map[string]*stormed
	flying    map[[2]string]int // Interim records of a session that are being appended
	dropping  map[[2]string]int // calls that drop records of an account and kind
	kept      int64             // acknowledged
	repeated  int64
	withdrawn int64 // or parked, where they were repeated before
}

// stormed is a record as the test knows it.
type stormed struct {
	store.SpoolRecord
	told   bool // its append has returned
	unsure bool // something that can end it, or has it wait anew, was begun
	held   bool // a node that claimed it has not begun to settle it
}

func (m *storm) time() time.Time { return time.UnixMicro(m.now.Load()).UTC() }

func (m *storm) step(at *rand.Rand, node string) {
	ctx := m.t.Context()
	account := m.accounts[at.IntN(len(m.accounts))]
	var err error
	switch n := at.IntN(20); {
	case n < 8:
		err = m.append(at, node)
	case n < 18:
		err = m.deliver(at, node)
	case n == 18:
		m.end(func(r *stormed) bool { return r.Account == account })
		_, err = m.s.Resend(ctx, account, store.SpoolFilter{State: store.SpoolParked}, m.time(), noon.Add(24*time.Hour))
	case at.IntN(4) == 0:
		kind := []store.SpoolKind{store.SpoolStart, store.SpoolInterim, store.SpoolStop}[at.IntN(3)]
		m.drop(account, kind, 1)
		m.end(func(r *stormed) bool { return r.Account == account && r.Kind == kind })
		_, err = m.s.Drop(ctx, account, store.SpoolFilter{Kind: kind})
		m.drop(account, kind, -1)
	default:
		_, err = m.s.Recover(ctx, account, m.time())
	}
	if err != nil {
		m.t.Errorf("%s: %v", node, err)
	}
}

// end notes that something is about to happen to records.
func (m *storm) end(which func(r *stormed) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.records {
		r.unsure = r.unsure || which(r)
	}
}

func (m *storm) append(at *rand.Rand, node string) error {
	list := make([]store.SpoolRecord, 1+at.IntN(12))
	for i := range list {
		n := int(m.last.Add(1))
		kind := []store.SpoolKind{store.SpoolStart, store.SpoolInterim, store.SpoolInterim, store.SpoolStop, store.SpoolOther}[at.IntN(5)]
		r := spooled(m.accounts[at.IntN(len(m.accounts))], n, kind, fmt.Sprint("s", at.IntN(6)))
		if r.DueAt = m.time(); kind == store.SpoolOther {
			r.Session = ""
		} else if at.IntN(2) == 0 {
			r.Digest = fmt.Sprint(at.IntN(10))
		}
		if at.IntN(3) == 0 {
			r.Lease = store.Lease{Node: node, Until: m.time().Add(time.Second)}
		}
		if i > 0 && at.IntN(10) == 0 {
			r = list[0]
		}
		list[i] = r
	}
	m.mu.Lock()
	for _, r := range list {
		m.records[string(r.Account)+r.ID] = &stormed{SpoolRecord: r, unsure: m.dropping[[2]string{string(r.Account), string(r.Kind)}] > 0}
		m.fly(r, 1)
	}
	for _, r := range m.records { // any of two Interim records that are on their way may replace the other
		r.unsure = r.unsure || r.Kind == store.SpoolInterim && m.flying[line(r)] > 0 && (r.told || m.flying[line(r)] > 1)
	}
	m.mu.Unlock()
	out, err := m.s.Append(m.t.Context(), list)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range list {
		m.fly(r, -1)
	}
	for i, o := range out {
		if o == store.SpoolRepeated {
			m.repeated++
			continue
		}
		m.records[string(list[i].Account)+list[i].ID].told = true
		m.kept++
	}
	return err
}

func line(r *stormed) [2]string { return [2]string{string(r.Account), r.Session} }

func (m *storm) fly(r store.SpoolRecord, n int) {
	if r.Kind == store.SpoolInterim {
		m.flying[[2]string{string(r.Account), r.Session}] += n
	}
}

func (m *storm) drop(account aaa.AccountID, kind store.SpoolKind, n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dropping[[2]string{string(account), string(kind)}] += n
}

// deliver claims records, and settles them in some way.
func (m *storm) deliver(at *rand.Rand, node string) error {
	m.now.Add(100_000)
	now := m.time()
	m.mu.Lock()
	before := make([]*stormed, 0, len(m.records))
	for _, r := range m.records {
		if r.told && !r.unsure {
			before = append(before, r)
		}
	}
	m.mu.Unlock()
	claimed, err := m.s.Due(m.t.Context(), now, store.Lease{Node: node, Until: now.Add(time.Hour)}, upTo(20))
	if err != nil {
		return err
	}
	m.mu.Lock()
	var list []store.SpoolSettlement
	for _, r := range claimed {
		is := m.records[string(r.Account)+r.ID]
		if is.Revision == r.Revision || is.held {
			m.t.Errorf("%s is claimed twice", r.ID)
		}
		is.Revision, is.held = r.Revision, true
		for _, o := range before {
			if o.Account == r.Account && o.Session == r.Session && r.Session != "" && !o.unsure &&
				(spoolRank(o.Kind) < spoolRank(r.Kind) || o.Kind == r.Kind && o.ID < r.ID) {
				m.t.Errorf("%s %s of %s is claimed before %s %s", r.Kind, r.ID, r.Session, o.Kind, o.ID)
			}
		}
	}
	for _, r := range claimed {
		is := m.records[string(r.Account)+r.ID]
		outcome := []store.SpoolOutcome{
			store.SpoolDelivered, store.SpoolDelivered, store.SpoolDelivered, store.SpoolFailed, store.SpoolRefused, store.SpoolWithdrawn, store.SpoolReleased, store.SpoolGone,
		}[at.IntN(8)]
		if outcome != store.SpoolFailed && outcome != store.SpoolReleased {
			is.unsure = true
		}
		if outcome == store.SpoolWithdrawn {
			m.withdrawn++
		}
		list = append(list, settlement(r, outcome, now.Add(time.Duration(at.IntN(500))*time.Millisecond)))
	}
	m.mu.Unlock()
	runtime.Gosched()
	m.mu.Lock()
	for _, r := range claimed {
		m.records[string(r.Account)+r.ID].held = false
	}
	m.mu.Unlock()
	return m.s.Settle(m.t.Context(), now, list)
}

func spoolRank(k store.SpoolKind) int {
	return map[store.SpoolKind]int{store.SpoolStart: 0, store.SpoolInterim: 1, store.SpoolStop: 2, store.SpoolOther: 3}[k]
}

// drain delivers all that is left: nothing is lost, and the ledger says so.
func (m *storm) drain() {
	ctx, t := m.t.Context(), m.t
	now := noon.Add(1000 * time.Hour)
	for _, a := range m.accounts {
		must[int64](t)(m.s.Resend(ctx, a, store.SpoolFilter{State: store.SpoolParked}, now, now.Add(time.Hour)))
	}
	for rounds := 0; ; rounds++ {
		now = now.Add(time.Hour)
		list := must[[]store.SpoolRecord](t)(m.s.Due(ctx, now, store.Lease{Node: "n", Until: now.Add(time.Minute)}, upTo(2000)))
		if len(list) == 0 {
			break
		}
		out := make([]store.SpoolSettlement, len(list))
		for i, r := range list {
			out[i] = settlement(r, store.SpoolDelivered, now)
		}
		ok(t, m.s.Settle(ctx, now, out))
	}
	var sum store.SpoolCounts
	for _, a := range m.accounts {
		c := must[store.SpoolCounts](t)(m.s.Counts(ctx, a))
		if c.Waiting != 0 || c.Parked != 0 || c.Octets != 0 || c.Acknowledged != c.Delivered+c.Replaced+c.Dropped {
			rows, _ := must2[[]store.SpoolRecord, string](t)(m.s.List(ctx, a, store.SpoolFilter{}, store.Page{Limit: 5}))
			t.Errorf("at %v the ledger says %+v, and the first records are %+v", now, c, rows)
		}
		sum.Acknowledged += c.Acknowledged
		sum.Delivered += c.Delivered
	}
	if sum.Acknowledged < m.kept-m.withdrawn || sum.Acknowledged > m.kept-m.withdrawn+m.repeated || sum.Delivered == 0 {
		t.Errorf("%d records were acknowledged, %d repeated and %d withdrawn, and the ledger says %+v", m.kept, m.repeated, m.withdrawn, sum)
	}
}
