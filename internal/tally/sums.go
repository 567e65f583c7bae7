package tally

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"
)

// sums are families by name.
type sums map[string]*sum

type sum struct {
	family  *dto.MetricFamily      // its name, help and type
	metrics map[string]*dto.Metric // by their labels
}

// labelProcess tells the metrics of processes apart.
const labelProcess = "process"

// addAs adds the families of a process.
func (s sums) addAs(process string, families []*dto.MetricFamily) {
	for _, f := range families {
		if ofProcess(f) {
			for _, m := range f.GetMetric() {
				m.Label = slices.DeleteFunc(m.GetLabel(), func(l *dto.LabelPair) bool { return l.GetName() == labelProcess })
				m.Label = append(m.Label, &dto.LabelPair{Name: proto.String(labelProcess), Value: &process})
			}
		}
		s.add(f)
	}
}

// add adds a family, whose metrics it may keep. What has another type than the family of its name, or would make all longer than two processes may
// report, is left out: it comes from a process that is not as it was built.
func (s sums) add(f *dto.MetricFamily) {
	have, ok := s[f.GetName()]
	if !ok {
		if len(s) >= 2*maxFamilies {
			return
		}
		have = &sum{&dto.MetricFamily{Name: f.Name, Help: f.Help, Type: f.Type, Unit: f.Unit}, make(map[string]*dto.Metric)}
		s[f.GetName()] = have
	}
	if have.family.GetType() != f.GetType() {
		return
	}
	room := 2 * maxMetrics
	for _, other := range s {
		room -= len(other.metrics)
	}
	for _, m := range f.GetMetric() {
		key := keyOf(m)
		if to, ok := have.metrics[key]; ok {
			addMetric(to, m)
		} else if room > 0 {
			have.metrics[key] = m
			room--
		}
	}
}

// keyOf names the labels of a metric, which it sorts.
func keyOf(m *dto.Metric) string {
	slices.SortFunc(m.GetLabel(), func(a, b *dto.LabelPair) int { return cmp.Compare(a.GetName(), b.GetName()) })
	var key []byte
	for _, l := range m.GetLabel() {
		key = append(strconv.AppendQuote(append(key, l.GetName()...), l.GetValue()), ',')
	}
	return string(key)
}

// addMetric adds one metric to another one.
func addMetric(to, m *dto.Metric) {
	if a, b := to.GetCounter(), m.GetCounter(); a != nil && b != nil {
		a.Value = proto.Float64(a.GetValue() + b.GetValue())
	}
	if a, b := to.GetGauge(), m.GetGauge(); a != nil && b != nil {
		a.Value = proto.Float64(a.GetValue() + b.GetValue())
	}
	if a, b := to.GetUntyped(), m.GetUntyped(); a != nil && b != nil {
		a.Value = proto.Float64(a.GetValue() + b.GetValue())
	}
	if a, b := to.GetHistogram(), m.GetHistogram(); a != nil && b != nil {
		addHistogram(a, b)
	}
}

// addHistogram adds a histogram to one of the same buckets. One of others is left out.
func addHistogram(to, h *dto.Histogram) {
	same := slices.EqualFunc(to.GetBucket(), h.GetBucket(), func(a, b *dto.Bucket) bool { return a.GetUpperBound() == b.GetUpperBound() })
	if !same {
		return
	}
	for i, b := range h.GetBucket() {
		to.Bucket[i].CumulativeCount = proto.Uint64(to.Bucket[i].GetCumulativeCount() + b.GetCumulativeCount())
	}
	to.SampleCount = proto.Uint64(to.GetSampleCount() + h.GetSampleCount())
	to.SampleSum = proto.Float64(to.GetSampleSum() + h.GetSampleSum())
}

// list gives the families by their names, their metrics by their labels.
func (s sums) list() []*dto.MetricFamily {
	list := make([]*dto.MetricFamily, 0, len(s))
	for _, name := range slices.Sorted(maps.Keys(s)) {
		f := s[name].family
		f.Metric = nil
		for _, key := range slices.Sorted(maps.Keys(s[name].metrics)) {
			f.Metric = append(f.Metric, s[name].metrics[key])
		}
		if len(f.Metric) > 0 {
			list = append(list, f)
		}
	}
	return list
}

func copyOf(f *dto.MetricFamily) *dto.MetricFamily { return proto.CloneOf(f) }
