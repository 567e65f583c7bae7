package tally

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// process is a process with metrics.
type process struct {
	*prometheus.Registry
	requests *prometheus.CounterVec
	seconds  prometheus.Histogram
	open     prometheus.Gauge
}

func newProcess() *process {
	p := &process{
		Registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "requests_total", Help: "Requests."}, []string{"status", "route"}),
		seconds:  prometheus.NewHistogram(prometheus.HistogramOpts{Name: "seconds", Help: "Time.", Buckets: []float64{1, 2}}),
		open:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "open", Help: "Open."}),
	}
	p.MustRegister(p.requests, p.seconds, p.open, collectors.NewGoCollector())
	return p
}

// use has a process count.
func (p *process) use(requests int) {
	p.requests.WithLabelValues("200", `/a"b`).Add(float64(requests))
	p.seconds.Observe(1.5)
	p.open.Set(float64(requests))
}

func (p *process) report(t *testing.T, m *Member) {
	t.Helper()
	families, err := p.Gather()
	if err != nil {
		t.Fatal(err)
	}
	octets, err := Write(families)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Report(octets); err != nil {
		t.Fatal(err)
	}
}

// shown is what a scrape gets.
func shown(t *testing.T, g prometheus.Gatherer) string {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&b, f); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestMetricsAreAddedUp(t *testing.T) {
	t.Parallel()
	own, one, two := newProcess(), newProcess(), newProcess()
	board := New("secmod", own)
	own.use(1)
	if got := shown(t, board); strings.Contains(got, `process="`) || !strings.Contains(got, "\nrequests_total{") || !strings.Contains(got, "go_goroutines ") {
		t.Errorf("alone: %s", got)
	}
	a, b := board.Join("front1"), board.Join("front2")
	one.use(10)
	two.use(100)
	two.requests.WithLabelValues("404", "/").Inc()
	want := func(lines ...string) {
		t.Helper()
		got := shown(t, board)
		for _, line := range lines {
			if !strings.Contains(got, line+"\n") {
				t.Errorf("%s is not in\n%s", line, got)
			}
		}
	}
	one.report(t, a)
	two.report(t, b)
	for range 2 { // a scrape changes nothing
		want(`requests_total{route="/a\"b",status="200"} 111`, `requests_total{route="/",status="404"} 1`, `open 111`,
			`seconds_bucket{le="1"} 0`, `seconds_bucket{le="2"} 3`, `seconds_sum 4.5`, `seconds_count 3`)
	}
	if got := shown(t, board); strings.Count(got, "\ngo_goroutines{process=") != 3 {
		t.Errorf("%s", got)
	}
	one.use(5)
	one.report(t, a) // in the place of the first
	want(`requests_total{route="/a\"b",status="200"} 116`, `open 106`, `seconds_count 4`)

	// What a process counted stays in when it is gone, and what it had open does not.
	a.Leave()
	a.Leave()
	want(`requests_total{route="/a\"b",status="200"} 116`, `open 101`, `seconds_count 4`)
	if got := shown(t, board); strings.Contains(got, "front1") {
		t.Errorf("%s", got)
	}
	again := board.Join("front1")
	one.report(t, again) // it counts from its own beginning
	want(`requests_total{route="/a\"b",status="200"} 131`)
}

// What a process reports that strangers have taken over is refused, or harms itself alone.
func TestBadReports(t *testing.T) {
	t.Parallel()
	own := newProcess()
	own.use(1)
	board := New("secmod", own)
	m := board.Join("front1")
	good := func(text string) []byte {
		t.Helper()
		parser := expfmt.NewTextParser(model.UTF8Validation)
		families, err := parser.TextToMetricFamilies(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		var octets []byte
		for _, f := range families {
			b, err := Write([]*dto.MetricFamily{f})
			if err != nil {
				t.Fatal(err)
			}
			octets = append(octets, b...)
		}
		return octets
	}
	for name, octets := range map[string][]byte{
		"too long":     make([]byte, MaxOctets+1),
		"cut":          good("# TYPE a counter\na 1\n")[:5],
		"a length":     {0xff, 0xff, 0xff, 0x7f, 1},
		"many":         good("# TYPE a counter\n" + many("a", maxMetrics+1)),
		"many labels":  good("# TYPE a counter\n" + `a{` + labels(maxLabels+1) + "} 1\n"),
		"a long label": good("# TYPE a counter\n" + `a{b="` + strings.Repeat("x", maxText+1) + "\"} 1\n"),
		"no name":      {0},
	} {
		if err := m.Report(octets); err == nil {
			t.Errorf("%s: was taken", name)
		}
	}
	if err := m.Report(good("# TYPE requests_total gauge\nrequests_total 7\n# TYPE seconds histogram\nseconds_bucket{le=\"3\"} 1\nseconds_sum 1\nseconds_count 1\n")); err != nil {
		t.Fatal(err)
	}
	got := shown(t, board)
	if strings.Contains(got, "requests_total 7") || !strings.Contains(got, "seconds_count 1\n") || !strings.Contains(got, `le="2"`) {
		t.Errorf("%s", got)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte{0})
	f.Add([]byte{6, 10, 1, 'a', 34, 1, 1})
	f.Fuzz(func(t *testing.T, octets []byte) {
		families, err := Read(octets)
		if err != nil {
			return
		}
		board := New("secmod", prometheus.NewRegistry())
		m := board.Join("front1")
		if err := m.Report(octets); err != nil {
			t.Fatal(err)
		}
		shown(t, board)
		m.Leave()
		shown(t, board)
		if _, err := Write(families); err != nil {
			t.Fatal(err)
		}
	})
}

// many are so many metrics of a name.
func many(name string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s{n=\"%d\"} 1\n", name, i)
	}
	return b.String()
}

func labels(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "l%d=\"x\",", i)
	}
	return b.String()
}
