package tenant

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"sync"
)

// packed is a text that is kept for the time when the store is away, compressed: a dictionary
// to about a tenth.
type packed []byte

// packers are kept for the next text: a new one is larger than most of what it makes.
var packers = sync.Pool{New: func() any {
	w, err := flate.NewWriter(io.Discard, flate.BestSpeed)
	if err != nil {
		panic(err) // the level is a good one
	}
	return w
}}

func pack(text []byte) packed {
	var out bytes.Buffer
	w, _ := packers.Get().(*flate.Writer)
	defer packers.Put(w)
	w.Reset(&out)
	_, _ = w.Write(text) // a Buffer takes all
	_ = w.Close()
	return bytes.Clone(out.Bytes()) // no larger than it has to be
}

func (p packed) unpack() ([]byte, error) {
	text, err := io.ReadAll(flate.NewReader(bytes.NewReader(p)))
	if err != nil {
		return nil, fmt.Errorf("text in memory: %w", err)
	}
	return text, nil
}
