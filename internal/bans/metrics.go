package bans

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what becomes of bans on this node.
type Metrics struct {
	begun, refused, full, crowded, evicted prometheus.Counter
	reg                                    prometheus.Registerer
}

// NewMetrics registers the collectors.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		reg.MustRegister(c)
		return c
	}
	return &Metrics{
		reg:     reg,
		begun:   counter("aaa_api_bans_begun_total", "Bans that began on this node by points."),
		refused: counter("aaa_api_banned_requests_total", "Logins that were answered by a ban."),
		full:    counter("aaa_api_bans_full_total", "Bans that did not begin since their account has as many as it may."),
		crowded: counter("aaa_api_ban_subjects_crowded_total", "Points that were not counted since there was no room for their subject."),
		evicted: counter("aaa_api_ban_subjects_evicted_total", "Subjects that were forgotten before their time to make room."),
	}
}

// watch registers the gauges that read a Board when scraped.
func (m *Metrics) watch(b *Board) {
	m.reg.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "aaa_api_bans", Help: "Bans that this node knows."},
			func() float64 { return float64(b.banned.Size()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "aaa_api_ban_subjects", Help: "Subjects with points or a ban that this node knows."},
			func() float64 { return float64(b.subjects.Load()) }),
	)
}
