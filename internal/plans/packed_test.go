package plans

import (
	"bytes"
	"strings"
	"testing"
)

// TestPacked: every text comes back as it was, and a document of the common kind takes less than a third of itself.
func TestPacked(t *testing.T) {
	t.Parallel()
	doc := documentWith(t, `"workers":3`)
	for _, text := range [][]byte{nil, []byte("x"), doc, []byte(strings.Repeat("ATTRIBUTE One 1 string\n", 100_000))} {
		p := pack(text)
		got, err := p.unpack()
		if err != nil || !bytes.Equal(got, text) {
			t.Errorf("%d octets came back as %d: %v", len(text), len(got), err)
		}
		if len(text) > 100 && len(p) > len(text)/3 {
			t.Errorf("%d octets take %d", len(text), len(p))
		}
	}
	if text, err := packed("no such thing").unpack(); err == nil {
		t.Errorf("a damaged text is %q", text)
	}
}

func BenchmarkUnpack(b *testing.B) {
	p := pack(documentWith(b, ``))
	b.ReportMetric(float64(len(p)), "octets")
	for b.Loop() {
		if _, err := p.unpack(); err != nil {
			b.Fatal(err)
		}
	}
}
