package gateway

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"aaa-api/internal/aaa"
	"aaa-api/internal/plans"
	"aaa-api/internal/session"
)

// Metrics counts requests by operation and outcome, and what becomes of sessions. All series of
// requests exist from the start, so that counting one is an index and an atomic addition.
type Metrics struct {
	requests [aaa.NumOps]map[string]prometheus.Counter
	seconds  [aaa.NumOps]prometheus.Observer
	devices  [aaa.NumClientProtocols]map[string]prometheus.Counter
	sessions *session.Metrics
}

// kindOutcomes names the requests that ended in an error.
var kindOutcomes = map[aaa.Kind]string{
	aaa.KindBadInput: "bad_input", aaa.KindNotFound: "not_found", aaa.KindForbidden: "forbidden",
	aaa.KindBusy: "busy", aaa.KindLimited: "limited", aaa.KindBadReply: "bad_reply", aaa.KindNoAnswer: "no_answer",
	aaa.KindUnavailable: "unavailable", aaa.KindInternal: "internal", aaa.KindBanned: "banned",
}

// cancelled names the requests that ended since their callers went away.
const cancelled = "cancelled"

// results are the outcomes of requests that ended without an error.
var results = []aaa.Outcome{aaa.Accept, aaa.Reject, aaa.Challenge, aaa.Off, aaa.Bypassed, aaa.Stored}

// Outcomes are the names of all that a request may end with.
func Outcomes() []string {
	list := []string{}
	for _, o := range results {
		list = append(list, string(o))
	}
	return append(append(list, slices.Sorted(maps.Values(kindOutcomes))...), cancelled)
}

// NewMetrics registers the collectors, among them those that read the tenants'
// pools, the tallies of their servers and the lag of the change log's reader when scraped.
func NewMetrics(reg prometheus.Registerer, t *plans.Cache, lag func() time.Duration) *Metrics {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "aaa_api_requests_total", Help: "AAA requests, by operation and outcome.",
	}, []string{"op", "outcome"})
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "aaa_api_request_seconds",
		Help:    "How long an AAA request took, waiting for a worker included.",
		Buckets: []float64{.0002, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"op"})
	devices := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "aaa_api_device_requests_total", Help: "Those of the AAA requests that network devices sent, by their protocol and outcome.",
	}, []string{"protocol", "outcome"})
	reg.MustRegister(requests, seconds, devices, &poolCollector{t}, newExchangeCollector(t.Tallies), t.Refusals().Collector(), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "aaa_api_reload_lag_seconds",
		Help: "How long ago this node last saw the whole change log.",
	}, func() float64 { return lag().Seconds() }))

	m := &Metrics{sessions: session.NewMetrics(reg)}
	for op := range aaa.Op(aaa.NumOps) {
		m.requests[op] = map[string]prometheus.Counter{}
		m.seconds[op] = seconds.WithLabelValues(op.String())
		for _, o := range results {
			m.requests[op][string(o)] = requests.WithLabelValues(op.String(), string(o))
		}
		for _, name := range kindOutcomes {
			m.requests[op][name] = requests.WithLabelValues(op.String(), name)
		}
		m.requests[op][cancelled] = requests.WithLabelValues(op.String(), cancelled)
	}
	for p := range aaa.NumClientProtocols {
		m.devices[p] = map[string]prometheus.Counter{}
		for _, o := range Outcomes() {
			m.devices[p][o] = devices.WithLabelValues(p.String(), o)
		}
	}
	return m
}

// outcomeOf names how a request of the caller whose ctx it is has ended.
func outcomeOf(ctx context.Context, res *aaa.Result, err error) string {
	switch {
	case err == nil:
		return string(res.Outcome)
	case errors.Is(err, context.Canceled) && errors.Is(ctx.Err(), context.Canceled):
		return cancelled
	}
	if name := kindOutcomes[aaa.KindOf(err)]; name != "" {
		return name
	}
	return kindOutcomes[aaa.KindInternal]
}

// count counts a request by its outcome.
func (m *Metrics) count(op aaa.Op, name string, elapsed time.Duration) {
	if c := m.requests[op][name]; c != nil {
		c.Inc()
	}
	m.seconds[op].Observe(elapsed.Seconds())
}

// pools are the tenants' pools.
type pools interface {
	Pools(each func(id aaa.AccountID, running, waiting int))
	Warm() int
}

// poolCollector reads the pools at each scrape, so that a request pays nothing for it.
type poolCollector struct{ pools }

var (
	runningDesc = prometheus.NewDesc("aaa_api_pool_running", "Requests at backends now, over all accounts.", nil, nil)
	waitingDesc = prometheus.NewDesc("aaa_api_pool_waiting", "Requests that wait for a worker now, over all accounts.", nil, nil)
	depthDesc   = prometheus.NewDesc("aaa_api_pool_depth", "Requests of an account that wait for a worker. The longest queues have series of their own, account=\"other\" sums the rest.", []string{"account"}, nil)
	warmDesc    = prometheus.NewDesc("aaa_api_warm_accounts", "Accounts in memory.", nil, nil)
)

// queue is the requests of an account that wait.
type queue struct {
	account string
	depth   int
}

func (c *poolCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{runningDesc, waitingDesc, depthDesc, warmDesc} {
		ch <- d
	}
}

func (c *poolCollector) Collect(ch chan<- prometheus.Metric) {
	var running, waiting int
	var queues []queue
	c.Pools(func(id aaa.AccountID, r, w int) {
		running, waiting = running+r, waiting+w
		if w > 0 {
			queues = append(queues, queue{string(id), w})
		}
	})
	slices.SortFunc(queues, func(a, b queue) int { return cmp.Compare(b.depth, a.depth) })
	if len(queues) > ownSeries {
		rest := queue{account: others}
		for _, q := range queues[ownSeries:] {
			rest.depth += q.depth
		}
		queues = append(queues[:ownSeries], rest)
	}
	for _, q := range queues {
		ch <- prometheus.MustNewConstMetric(depthDesc, prometheus.GaugeValue, float64(q.depth), q.account)
	}
	ch <- prometheus.MustNewConstMetric(runningDesc, prometheus.GaugeValue, float64(running))
	ch <- prometheus.MustNewConstMetric(waitingDesc, prometheus.GaugeValue, float64(waiting))
	ch <- prometheus.MustNewConstMetric(warmDesc, prometheus.GaugeValue, float64(c.Warm()))
}
