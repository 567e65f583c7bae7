package gateway

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"sync"
	"time"
	"weak"

	"github.com/prometheus/client_golang/prometheus"

	"aaa-api/internal/plans"
)

const (
	// ownSeries is how many servers, and how many accounts, have series of their own. Tenants name servers, so without a
	// bound they decide what a scrape costs.
	ownSeries = 100
	// others names the series that sums the rest. No server's address and no account's id reads so.
	others = "other"
	// weightHalves is when an exchange counts half in the choice of the servers with series of their own.
	weightHalves = time.Hour
	// keepsPlace is by how much another server must outweigh one with series of its own to take its place.
	keepsPlace = 2
)

// exchangeCollector reads the tallies of servers at each scrape. A server that no document in memory names any
// more is not among them, so that tenants who change addresses leave no series behind.
//
// Counters must not fall and must not jump, also where a server gets series of its own or loses them. So the sum of the others
// grows by what each of them counted since the scrape before, and a server's own series begin at what it counted since then.
type exchangeCollector struct {
	tallies func() []*plans.Tally
	now     func() time.Time

	mu      sync.Mutex
	scraped time.Time
	servers map[weak.Pointer[plans.Tally]]*server
	rest    map[restKey]uint64
}

type restKey struct{ engine, outcome string }

// server is what the collector knows of a tally from the scrape before.
type server struct {
	tally  *plans.Tally // during a scrape
	own    bool         // has series of its own
	last   map[string]uint64
	base   map[string]uint64 // what came before its own series began
	weight float64
}

func newExchangeCollector(tallies func() []*plans.Tally) *exchangeCollector {
	return &exchangeCollector{tallies: tallies, now: time.Now, rest: map[restKey]uint64{}}
}

var exchangesDesc = prometheus.NewDesc("aaa_api_backend_exchanges_total",
	"Exchanges with upstream AAA servers, by what came of them. The busiest servers have series of their own, server=\"other\" counts the rest.",
	[]string{"engine", "server", "outcome"}, nil)

// Describe implements prometheus.Collector.
func (c *exchangeCollector) Describe(ch chan<- *prometheus.Desc) { ch <- exchangesDesc }

// Collect implements prometheus.Collector.
func (c *exchangeCollector) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	send := func(engine, name, outcome string, n uint64) {
		ch <- prometheus.MustNewConstMetric(exchangesDesc, prometheus.CounterValue, float64(n), engine, name, outcome)
	}
	for i, s := range c.weigh() {
		s.choose(i < ownSeries)
		s.tally.Each(func(outcome string, n uint64) {
			if s.own {
				send(s.tally.Engine, s.tally.Server, outcome, n-s.base[outcome])
			} else {
				c.rest[restKey{s.tally.Engine, outcome}] += n - s.last[outcome]
			}
			s.last[outcome] = n
		})
		s.tally = nil // the documents that name it keep it, and nothing else
	}
	for k, n := range c.rest {
		send(k.engine, others, k.outcome, n)
	}
}

// weigh returns the servers, those that come first for series of their own first.
func (c *exchangeCollector) weigh() []*server {
	now := c.now()
	fade := math.Exp2(-now.Sub(c.scraped).Hours() / weightHalves.Hours())
	c.scraped = now
	known := c.servers
	c.servers = make(map[weak.Pointer[plans.Tally]]*server, len(known))
	list := make([]*server, 0, len(known))
	for _, t := range c.tallies() {
		s := known[weak.Make(t)]
		if s == nil {
			s = &server{last: map[string]uint64{}}
		}
		s.tally = t
		s.weight *= fade
		t.Each(func(outcome string, n uint64) { s.weight += float64(n - s.last[outcome]) })
		c.servers[weak.Make(t)] = s
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b *server) int { return cmp.Compare(b.claim(), a.claim()) })
	return list
}

func (s *server) claim() float64 {
	if s.own {
		return keepsPlace * s.weight
	}
	return s.weight
}

// choose gives the server series of its own, or takes them away.
func (s *server) choose(own bool) {
	if own && !s.own {
		s.base = maps.Clone(s.last)
	}
	s.own = own
}
