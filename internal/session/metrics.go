package session

import "github.com/prometheus/client_golang/prometheus"

// What is counted besides the results of verbs.
const (
	countFailed   = "failed"   // ended in an error before it was authenticated
	countRepeated = "repeated" // the answer to an earlier request was given again
	countExpired  = "expired"  // ended by a timeout, or given up by its caller
	countInterim  = "interim"  // an interim update was handed over
	countStopped  = "stopped"  // a Stop was handed over
)

// Metrics counts what happens to sessions.
type Metrics struct{ total *prometheus.CounterVec }

// NewMetrics registers the collectors.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "aaa_api_sessions_total", Help: "What happened to AAA sessions, by result.",
	}, []string{"result"})}
	reg.MustRegister(m.total)
	return m
}

func (m *Metrics) count(result string) { m.total.WithLabelValues(result).Inc() }
