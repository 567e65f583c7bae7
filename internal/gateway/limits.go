package gateway

import (
	"github.com/prometheus/client_golang/prometheus"

	"aaa-api/internal/aaa"
	"aaa-api/internal/limits"
)

// limitCollector reads at each scrape how often each limit refused something.
type limitCollector struct{ counts *limits.Counts }

var limitedDesc = prometheus.NewDesc("aaa_api_limited_total", "What limits of accounts refused or dropped, by limit.", []string{"limit"}, nil)

func (c *limitCollector) Describe(ch chan<- *prometheus.Desc) { ch <- limitedDesc }

func (c *limitCollector) Collect(ch chan<- prometheus.Metric) {
	for l := range aaa.NumLimits {
		ch <- prometheus.MustNewConstMetric(limitedDesc, prometheus.CounterValue, float64(c.counts.Of(l)), l.Name())
	}
}
