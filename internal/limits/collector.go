package limits

import (
	"github.com/prometheus/client_golang/prometheus"

	"aaa-api/internal/aaa"
)

// collector reads at each scrape how often each limit refused something.
type collector struct{ counts *Counts }

// Collector is the metric of what limits refused.
func (c *Counts) Collector() prometheus.Collector { return collector{c} }

var limitedDesc = prometheus.NewDesc("aaa_api_limited_total", "What limits of accounts refused or dropped, by limit.", []string{"limit"}, nil)

// Describe implements prometheus.Collector.
func (collector) Describe(ch chan<- *prometheus.Desc) { ch <- limitedDesc }

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	for l := range aaa.NumLimits {
		ch <- prometheus.MustNewConstMetric(limitedDesc, prometheus.CounterValue, float64(c.counts.Of(l)), l.Name())
	}
}
