package router

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/puzpuzpuz/xsync/v4"
)

// Metrics tells of exchanges what does not go by server: that is counted by the servers' tallies. Series are
// found without a lock once they exist.
type Metrics struct {
	seconds   *prometheus.HistogramVec
	externals *prometheus.CounterVec
	drops     prometheus.Counter
	ignored   prometheus.Counter
	endless   prometheus.Counter

	byEngine *xsync.Map[string, prometheus.Observer]
	dropped  func(attribute string)
}

// NewMetrics registers the collectors.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "aaa_api_backend_exchange_seconds",
			Help:    "How long an exchange with an upstream AAA server took, retransmissions included.",
			Buckets: []float64{.0002, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"engine"}),
		externals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "aaa_api_authz_apps_total",
			Help: "External authorisers asked, by what came of it.",
		}, []string{"outcome"}),
		drops: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "aaa_api_avps_dropped_total",
			Help: "AVPs left out of a packet because a strict server's dictionaries lack the attribute.",
		}),
		ignored: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "aaa_api_fsm_ignored_events_total",
			Help: "Events for which the state of a request's table had no line.",
		}),
		endless: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "aaa_api_fsm_endless_requests_total",
			Help: "Requests that were ended because their table took too many lines.",
		}),
		byEngine: xsync.NewMap[string, prometheus.Observer](),
	}
	m.dropped = func(string) { m.drops.Inc() }
	reg.MustRegister(m.seconds, m.externals, m.drops, m.ignored, m.endless)
	return m
}

func (m *Metrics) backend(engine string, elapsed time.Duration) {
	o, ok := m.byEngine.Load(engine)
	if !ok {
		o = m.seconds.WithLabelValues(engine)
		m.byEngine.Store(engine, o)
	}
	o.Observe(elapsed.Seconds())
}

func (m *Metrics) external(outcome string) { m.externals.WithLabelValues(outcome).Inc() }
