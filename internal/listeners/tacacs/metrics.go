package tacacs

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what TACACS+ devices do.
type Metrics struct {
	open                     *prometheus.GaugeVec
	refused, closed, packets *prometheus.CounterVec
}

// NewMetrics registers the collectors; nil: nowhere.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &Metrics{
		open:    prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "aaa_api_tacacs_connections", Help: "Connections of TACACS+ devices that are open."}, []string{"listener"}),
		refused: counter("aaa_api_tacacs_refused_connections_total", "Connections that ended at once since there were too many.", "listener"),
		closed:  counter("aaa_api_tacacs_closed_connections_total", "Connections of TACACS+ devices that ended, by the reason.", "listener", "reason"),
		packets: counter("aaa_api_tacacs_packets_total", "Packets of TACACS+ devices, by what they turned out to be.", "listener", "verdict"),
	}
	if reg != nil {
		reg.MustRegister(m.open, m.refused, m.closed, m.packets)
	}
	return m
}
