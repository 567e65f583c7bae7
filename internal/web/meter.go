package web

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// NewMeter registers the metrics of HTTP requests and returns the Meter for
// Options. Each route's histogram and the counters of common statuses are looked up
// once, at start.
func NewMeter(reg prometheus.Registerer) func(method, route string) func(int, time.Duration) {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "aaa_api_http_requests_total", Help: "HTTP requests answered.",
	}, []string{"method", "route", "status"})
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "aaa_api_http_request_seconds", Help: "Time from a request's header to its answer.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"method", "route"})
	reg.MustRegister(requests, seconds)
	return func(method, route string) func(int, time.Duration) {
		ok := requests.WithLabelValues(method, route, "200")
		took := seconds.WithLabelValues(method, route)
		return func(status int, d time.Duration) {
			took.Observe(d.Seconds())
			if status == 200 {
				ok.Inc()
				return
			}
			requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
		}
	}
}
