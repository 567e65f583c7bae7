package clients

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"aaa-api/internal/aaa"
)

// counters are what a client's packets have been so far. They are the same for all revisions of a client.
type counters struct {
	requests atomic.Uint64
	previous atomic.Uint64 // with the previous secret
	seen     atomic.Int64  // Unix seconds
	warned   atomic.Int64  // Unix seconds
}

// warnEach is the shortest time between two warnings of one client's previous secret, in seconds.
const warnEach = 3600

// Seen counts a packet that a secret of the client has verified, its previous secret or the current one.
func (r *Registry) Seen(c *Client, previous bool) {
	now := r.now()
	second := now.Unix()
	c.used.requests.Add(1)
	if c.used.seen.Load() < second { // else the store would be one more write to a shared line of memory
		c.used.seen.Store(second)
	}
	if previous {
		c.used.previous.Add(1)
		r.metrics.previous.Inc()
		r.tellPrevious(c, now)
	}
}

// tellPrevious logs the use of a previous secret: once before the document's WarnAfter, and then as a warning each hour.
func (r *Registry) tellPrevious(c *Client, now time.Time) {
	after := c.Document.WarnAfter
	if after.IsZero() || now.Before(after) {
		if c.informed.CompareAndSwap(false, true) {
			r.log.Info("a client uses its previous secret", "client", c)
		}
		return
	}
	last := c.used.warned.Load()
	if now.Unix()-last >= warnEach && c.used.warned.CompareAndSwap(last, now.Unix()) {
		r.log.Warn("a client still uses its previous secret", "client", c, "since", after)
	}
}

// status is the client as operators see it.
func (c *Client) status() Status {
	s := Status{
		Account: c.Account, Name: c.Name, Address: c.Prefix, Disabled: c.Document.Disabled,
		Requests: c.used.requests.Load(), Previous: c.used.previous.Load(),
	}
	if seen := c.used.seen.Load(); seen != 0 {
		s.LastSeen = time.Unix(seen, 0).UTC()
	}
	return s
}

// metrics are the registry's collectors.
type metrics struct {
	previous, unopened prometheus.Counter
	unknown            [aaa.NumClientProtocols]prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, r *Registry) (m metrics) {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		reg.MustRegister(c)
		return c
	}
	m.previous = counter("aaa_api_client_previous_secret_total", "Packets of network devices that a previous secret verified.")
	m.unopened = counter("aaa_api_client_secret_failures_total", "Attempts to open a client's secrets that failed.")
	unknown := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "aaa_api_client_missed_total", Help: "Packets of network devices that no client and no secret fits.",
	}, []string{"protocol"})
	for p := range m.unknown {
		m.unknown[p] = unknown.WithLabelValues(aaa.ClientProtocol(p).String())
	}
	reg.MustRegister(unknown, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "aaa_api_clients", Help: "Clients in memory, disabled ones too."},
		func() float64 { return float64(r.size()) }))
	return m
}
