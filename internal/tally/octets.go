package tally

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

const (
	// MaxOctets is how long the metrics of a process may be.
	MaxOctets   = 4 << 20
	maxFamilies = 500
	maxMetrics  = 20_000 // of all families of a process together
	maxLabels   = 16
	maxText     = 1024    // octets of a name, a label or a help
	maxParts    = 200_000 // messages in one another, each of which takes a hundred octets of memory or so, and two of the text
)

// Write makes octets of families: those of Prometheus' protobuf format.
func Write(families []*dto.MetricFamily) ([]byte, error) {
	var b bytes.Buffer
	for _, f := range families {
		if _, err := protodelim.MarshalTo(&b, f); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// Read is the reverse of Write. The octets may come from a process that strangers have taken over.
func Read(octets []byte) (families []*dto.MetricFamily, err error) {
	if len(octets) > MaxOctets {
		return nil, fmt.Errorf("the metrics of a process have %d octets at the most", MaxOctets)
	}
	if n := parts(octets, maxParts); n > maxParts {
		return nil, fmt.Errorf("the metrics of a process have %d parts at the most", maxParts)
	}
	r := bytes.NewReader(octets)
	read := protodelim.UnmarshalOptions{MaxSize: MaxOctets}
	metrics := 0
	for {
		f := &dto.MetricFamily{}
		if err := read.UnmarshalFrom(r, f); errors.Is(err, io.EOF) {
			return families, nil
		} else if err != nil {
			return nil, fmt.Errorf("the metrics of a process can't be read: %w", err)
		}
		if metrics += len(f.GetMetric()); metrics > maxMetrics || len(families) == maxFamilies {
			return nil, fmt.Errorf("a process has %d families with %d metrics at the most", maxFamilies, maxMetrics)
		}
		if err := check(f); err != nil {
			return nil, err
		}
		families = append(families, f)
	}
}

// parts counts the messages in delimited families, no further than a bit beyond most.
func parts(octets []byte, most int) (n int) {
	family := (&dto.MetricFamily{}).ProtoReflect().Descriptor()
	for len(octets) > 0 && n <= most {
		body, length := protowire.ConsumeBytes(octets)
		if length < 0 {
			break // reading it fails, too
		}
		n += 1 + partsOf(body, family, most-n)
		octets = octets[length:]
	}
	return n
}

// partsOf counts the messages in a message.
func partsOf(body []byte, of protoreflect.MessageDescriptor, most int) (n int) {
	for len(body) > 0 && n <= most {
		number, kind, length := protowire.ConsumeTag(body)
		if length < 0 {
			break
		}
		body = body[length:]
		if length = protowire.ConsumeFieldValue(number, kind, body); length < 0 {
			break
		}
		if f := of.Fields().ByNumber(number); f != nil && f.Message() != nil && kind == protowire.BytesType {
			inner, _ := protowire.ConsumeBytes(body)
			n += 1 + partsOf(inner, f.Message(), most-n)
		}
		body = body[length:]
	}
	return n
}

// check refuses a family that is none, or that could not be shown.
func check(f *dto.MetricFamily) error {
	if !isName(f.GetName()) || !isText(f.GetHelp()) {
		return errors.New("the name or the help of a metric is none")
	}
	for _, m := range f.GetMetric() {
		if len(m.GetLabel()) > maxLabels {
			return fmt.Errorf("%s: a metric has %d labels at the most", f.GetName(), maxLabels)
		}
		for i, l := range m.GetLabel() {
			if !isName(l.GetName()) || !isText(l.GetValue()) {
				return fmt.Errorf("%s: a label is none", f.GetName())
			}
			for _, before := range m.GetLabel()[:i] {
				if before.GetName() == l.GetName() {
					return fmt.Errorf("%s: a metric has a label twice", f.GetName())
				}
			}
		}
		if !hasValue(f.GetType(), m) {
			return fmt.Errorf("%s: a metric has no value of its type", f.GetName())
		}
	}
	return nil
}

func hasValue(t dto.MetricType, m *dto.Metric) bool {
	switch t {
	case dto.MetricType_COUNTER:
		return m.GetCounter() != nil
	case dto.MetricType_GAUGE:
		return m.GetGauge() != nil
	case dto.MetricType_SUMMARY:
		return m.GetSummary() != nil
	case dto.MetricType_UNTYPED:
		return m.GetUntyped() != nil
	case dto.MetricType_HISTOGRAM:
		return m.GetHistogram() != nil
	}
	return false
}

// isName reports a name as all versions of Prometheus take it.
func isName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_' && c != ':' && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != "" && len(s) <= maxText
}

func isText(s string) bool { return len(s) <= maxText && utf8.ValidString(s) }
