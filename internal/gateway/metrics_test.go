package gateway

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/plans"
)

// manyTenants is what a scrape sees of many tenants.
type manyTenants struct {
	tallies []*plans.Tally
	queues  map[aaa.AccountID]int
}

func (m *manyTenants) Tallies() []*plans.Tally { return m.tallies }
func (m *manyTenants) Warm() int               { return len(m.queues) }

func (m *manyTenants) Pools(each func(id aaa.AccountID, running, waiting int)) {
	for id, n := range m.queues {
		each(id, 1, n)
	}
}

func tallyOf(i int) *plans.Tally {
	return &plans.Tally{Engine: "radius", Server: fmt.Sprintf("10.%d.%d.1:1812", i/250, i%250)}
}

// exchanges makes a server accept n times.
func exchanges(t *plans.Tally, n int) {
	for range n {
		t.Answered(aaa.Accept)
	}
}

// series scrapes and returns the values of a metric by one label.
func series(t *testing.T, reg *prometheus.Registry, name, label string) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == label {
					got[l.GetValue()] += m.GetCounter().GetValue() + m.GetGauge().GetValue()
				}
			}
		}
	}
	return got
}

// TestSeriesAreBounded has 10,000 tenants, each with a busy server of its own with every outcome, and a queue.
func TestSeriesAreBounded(t *testing.T) {
	t.Parallel()
	const tenants = 10_000
	m := &manyTenants{queues: map[aaa.AccountID]int{}}
	for i := range tenants {
		y := tallyOf(i)
		for _, o := range []aaa.Outcome{aaa.Accept, aaa.Reject, aaa.Challenge} {
			y.Answered(o)
		}
		for r := range engines.Reason(engines.NumReasons) {
			y.Failed(r)
		}
		y.Cancelled()
		exchanges(y, i/1000)
		m.tallies = append(m.tallies, y)
		m.queues[aaa.AccountID(fmt.Sprintf("%032x", i))] = 1 + i/1000
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(&poolCollector{m}, newExchangeCollector(m.Tallies))
	count := func() (n int) {
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			n += len(f.GetMetric())
		}
		return n
	}
	outcomes := 4 + engines.NumReasons
	if want, got := (ownSeries+1)*(outcomes+1)+3, count(); got != want || got > 2000 {
		t.Errorf("%d tenants make %d series, want %d", tenants, got, want)
	} else {
		t.Logf("%d tenants make %d series", tenants, got)
	}
	total := func(values map[string]float64) (sum float64) {
		for _, v := range values {
			sum += v
		}
		return sum
	}
	const extra = 1000 * (0 + 1 + 2 + 3 + 4 + 5 + 6 + 7 + 8 + 9)
	if got, want := total(series(t, reg, "aaa_api_backend_exchanges_total", "server")), float64(tenants*outcomes+extra); got != want {
		t.Errorf("exchanges add up to %v, want %v", got, want)
	}
	depth := series(t, reg, "aaa_api_pool_depth", "account")
	if got, want := total(depth), float64(tenants+extra); got != want {
		t.Errorf("queues add up to %v, want %v", got, want)
	}
	for account, n := range depth {
		if account != others && n != 10 {
			t.Errorf("a queue of %v has a series, and longer ones have none", n)
		}
	}
}

// A counter neither falls nor jumps where servers change places: each exchange is in one series, from the scrape on in which it happened.
func TestServersChangePlaces(t *testing.T) {
	t.Parallel()
	m := &manyTenants{}
	for i := range ownSeries + 2 {
		m.tallies = append(m.tallies, tallyOf(i))
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c := newExchangeCollector(m.Tallies)
	c.now = func() time.Time { return now }
	reg := prometheus.NewRegistry()
	reg.MustRegister(c)
	scrape := func() map[string]float64 {
		t.Helper()
		now = now.Add(time.Minute)
		return series(t, reg, "aaa_api_backend_exchanges_total", "server")
	}
	quiet, late := m.tallies[ownSeries], m.tallies[ownSeries+1]
	for _, y := range m.tallies[:ownSeries] {
		exchanges(y, 100)
	}
	exchanges(quiet, 7)
	exchanges(late, 5)
	got := scrape()
	if _, own := got[late.Server]; own || got[others] != 12 || len(got) != ownSeries+1 {
		t.Fatalf("at first: %v", got)
	}

	exchanges(late, 150) // not twice as busy as one that has a place
	if got = scrape(); got[others] != 162 || len(got) != ownSeries+1 {
		t.Fatalf("places change lightly: %v", got)
	}
	exchanges(late, 100)
	before := maps.Clone(got)
	got = scrape()
	if got[late.Server] != 100 || got[others] != 162 || len(got) != ownSeries+1 {
		t.Fatalf("a busy server has no place: %v", got)
	}
	var out *plans.Tally
	for _, y := range m.tallies[:ownSeries] {
		if v, own := got[y.Server]; !own {
			out = y
		} else if v != before[y.Server] {
			t.Errorf("%s went from %v to %v", y.Server, before[y.Server], v)
		}
	}
	exchanges(out, 3)
	exchanges(late, 1)
	if got = scrape(); got[others] != 165 || got[late.Server] != 101 {
		t.Errorf("after the change: %v", got)
	}

	// What was busy gives way to what is.
	now = now.Add(24 * time.Hour)
	exchanges(out, 20)
	if got = scrape(); got[out.Server] != 20 || got[others] != 165 {
		t.Errorf("a day later: %v %v", got[out.Server], got[others])
	}

	// A server that no document names any more leaves no series, and the rest goes on.
	m.tallies = []*plans.Tally{out, quiet}
	exchanges(quiet, 1)
	if got = scrape(); len(got) != 3 || got[others] != 165 || got[out.Server] != 20 || got[quiet.Server] != 1 {
		t.Errorf("two are left: %v", got)
	}
	if len(c.servers) != 2 {
		t.Errorf("%d servers are known, want 2", len(c.servers))
	}
}
