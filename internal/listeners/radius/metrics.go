package radius

import (
	"github.com/prometheus/client_golang/prometheus"

	"aaa-api/internal/ingress"
)

// fate is what became of a packet.
type fate uint8

const (
	answered  fate = iota
	silent         // verified, and without an answer
	abandoned      // answered too late: the client has begun another request with the same identifier
	cached         // a repetition, answered from memory
	repeated       // a repetition of one in flight
	unknown        // of an address without a client
	refused        // by the security module
	malformed      // by its lengths, or of a code for another port
	overload       // no place was free
	failed         // the security module was not there
	numFates
)

var fateNames = [numFates]string{"answered", "silent", "abandoned", "cached", "repeated", "unknown", "refused", "malformed", "overload", "failed"}

// Metrics count the packets of the UDP listeners.
type Metrics struct {
	packets  [ingress.NumListeners][numFates]prometheus.Counter
	inFlight [ingress.NumListeners]prometheus.Gauge
	drops    [ingress.NumListeners]prometheus.Counter
}

// NewMetrics makes metrics that reg shows.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	packets := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "aaa_api_device_packets_total", Help: "Packets of network devices over UDP, by what became of them.",
	}, []string{"listener", "fate"})
	inFlight := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "aaa_api_device_packets_in_flight", Help: "Packets of network devices that are being answered.",
	}, []string{"listener"})
	drops := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "aaa_api_device_socket_drops_total", Help: "Packets of network devices that the kernel dropped since they were not read fast enough.",
	}, []string{"listener"})
	reg.MustRegister(packets, inFlight, drops)
	m := &Metrics{}
	for l := range ingress.NumListeners {
		if !l.Datagrams() {
			continue
		}
		for f := range numFates {
			m.packets[l][f] = packets.WithLabelValues(l.String(), fateNames[f])
		}
		m.inFlight[l], m.drops[l] = inFlight.WithLabelValues(l.String()), drops.WithLabelValues(l.String())
	}
	return m
}

func (m *Metrics) count(l ingress.Listener, f fate) { m.packets[l][f].Inc() }
