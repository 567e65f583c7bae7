package radsec

import "github.com/prometheus/client_golang/prometheus"

// fate is what became of a packet.
type fate uint8

const (
	answered  fate = iota
	silent         // verified, and without an answer
	repeated       // the same octets as one in flight
	unknown        // of a certificate without a client
	refused        // by the security module
	malformed      // of a code that no client sends
	failed         // the security module was not there
	numFates
)

var fateNames = [numFates]string{"answered", "silent", "repeated", "unknown", "refused", "malformed", "failed"}

// connFate is what ended a connection.
type connFate uint8

const (
	closedConn      connFate = iota // by either end, or by a bound of time
	refusedConn                     // too many, of one address or at all
	handshakeFailed                 // no certificate, no common protocol
	malformedConn                   // the octets are no packets
	expiredConn                     // the peer's certificate has ended
	numConnFates
)

var connFateNames = [numConnFates]string{"closed", "refused", "handshake", "malformed", "expired"}

// Metrics count the packets and connections of the TLS listeners.
type Metrics struct {
	packets  [numFates]prometheus.Counter
	ends     [numConnFates]prometheus.Counter
	open     prometheus.Gauge
	inFlight prometheus.Gauge
}

// NewMetrics makes metrics that reg shows.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	packets := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "aaa_api_radsec_packets_total", Help: "Packets of network devices over TLS, by what became of them.",
	}, []string{"fate"})
	ends := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "aaa_api_radsec_connections_ended_total", Help: "Connections of network devices over TLS that have ended, by why.",
	}, []string{"why"})
	m := &Metrics{
		open:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "aaa_api_radsec_connections", Help: "Connections of network devices over TLS."}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "aaa_api_radsec_packets_in_flight", Help: "Packets of network devices over TLS that are being answered."}),
	}
	reg.MustRegister(packets, ends, m.open, m.inFlight)
	for f := range numFates {
		m.packets[f] = packets.WithLabelValues(fateNames[f])
	}
	for f := range numConnFates {
		m.ends[f] = ends.WithLabelValues(connFateNames[f])
	}
	return m
}

func (m *Metrics) ended(f connFate) { m.ends[f].Inc() }
