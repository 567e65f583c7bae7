package tally

import (
	"bytes"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// TestManyParts: octets that would be a hundred times as long in memory are refused before they are.
func TestManyParts(t *testing.T) {
	family := func(fields ...[]byte) []byte {
		return protowire.AppendBytes(nil, bytes.Join(fields, nil))
	}
	field := func(number protowire.Number, inner []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), inner)
	}
	const many = MaxOctets/2 - 100
	nothing := bytes.Repeat(field(4, nil), many) // metrics
	labels := field(4, bytes.Repeat(field(1, nil), many))
	buckets := field(4, field(7, bytes.Repeat(field(3, nil), many)))
	for name, octets := range map[string][]byte{
		"metrics": family(nothing), "labels": family(labels), "buckets": family(buckets), "families": bytes.Repeat(family(field(4, nil)), MaxOctets/3),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Read(octets)
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), "parts at the most") {
			t.Errorf("%s: %v", name, err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
			t.Errorf("%s take %d octets of memory", name, took)
		}
	}
	some := &dto.MetricFamily{Name: proto.String("x"), Type: dto.MetricType_COUNTER.Enum()}
	for range 1000 {
		some.Metric = append(some.Metric, &dto.Metric{
			Label: []*dto.LabelPair{{Name: proto.String("a"), Value: proto.String("b")}}, Counter: &dto.Counter{Value: proto.Float64(1)},
		})
	}
	octets, err := Write([]*dto.MetricFamily{some})
	if err != nil {
		t.Fatal(err)
	}
	if n := parts(octets, maxParts); n != 3001 {
		t.Errorf("%d parts", n)
	}
}

// TestManyProcessesGone: what is kept of processes that are gone does not grow with their number.
func TestManyProcessesGone(t *testing.T) {
	t.Parallel()
	b := New("secmod", newProcess())
	for i := range 10 {
		var list []*dto.MetricFamily
		for j := range 50 {
			f := &dto.MetricFamily{Name: proto.String(fmt.Sprintf("f%d_%d", i, j)), Type: dto.MetricType_COUNTER.Enum()}
			for k := range 200 {
				f.Metric = append(f.Metric, &dto.Metric{
					Label: []*dto.LabelPair{{Name: proto.String("k"), Value: proto.String(strconv.Itoa(k))}}, Counter: &dto.Counter{Value: proto.Float64(1)},
				})
			}
			list = append(list, f)
		}
		octets, err := Write(list)
		if err != nil {
			t.Fatal(err)
		}
		m := b.Join("front")
		if err := m.Report(octets); err != nil {
			t.Fatal(err)
		}
		m.Leave()
	}
	all, err := b.Gather()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range all {
		n += len(f.GetMetric())
	}
	if n > 2*maxMetrics {
		t.Errorf("%d metrics are kept", n)
	}
}
