// Package logging takes the service's log lines from requests without making them wait for the disk.
//
// The Writer is our own. zap's BufferedWriteSyncer holds its lock while it writes, so that a slow disk stops every request.
// zerolog's diode and phuslu/log's AsyncWriter wake a goroutine for each line, which costs a request as much as the write that
// it is spared, and the latter does not count what it drops. The lines of requests are built by zerolog: it takes a
// third of the time that slog's JSON handler takes, and allocates nothing.
package logging

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// late is how long a line waits for others.
	late = 50 * time.Millisecond
	// batch is how many octets are written without waiting for more.
	batch = 64 << 10
	// most is how many octets wait while others are written. What comes then is dropped.
	most = 1 << 20
	// patience is how long Close waits for whatever takes the lines.
	patience = 2 * time.Second
)

// Writer gathers lines and writes them in batches. Its lock is never held during a write, and a line
// for which there is no room is dropped and counted. It is safe for use by many goroutines.
type Writer struct {
	out     io.Writer
	dropped atomic.Uint64 // since the start

	mu      sync.Mutex
	lines   []byte
	missing int // lines dropped since the last batch
	closed  bool

	begun, full, stop chan struct{} // the first line of a batch, enough for a write, and the end
	done              chan struct{}
	err               error // of the last write; after done
}

// NewWriter writes to out until Close. Nothing else may write to out meanwhile.
func NewWriter(out io.Writer) *Writer {
	w := &Writer{
		out: out, begun: make(chan struct{}, 1), full: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	go w.run()
	return w
}

// Write takes one line. It never fails: a line is dropped if the log takes lines too slowly, or after Close.
func (w *Writer) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := len(w.lines)
	if w.closed || before+len(line) > most {
		w.missing++
		w.dropped.Add(1)
		return len(line), nil
	}
	w.lines = append(w.lines, line...)
	if before == 0 {
		signal(w.begun)
	}
	if before < batch && len(w.lines) >= batch {
		signal(w.full)
	}
	return len(line), nil
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Dropped is how many lines were dropped since the start.
func (w *Writer) Dropped() uint64 { return w.dropped.Load() }

// ErrUnread is the error of a log whose end is lost since nothing takes its lines. What else is written there waits for ever.
var ErrUnread = errors.New("the end of the log is lost: nothing reads it")

// Close writes what is left. It gives up with ErrUnread after a while if nothing takes the lines, and says how many are lost if they can't be written.
func (w *Writer) Close() error {
	w.mu.Lock()
	closed := w.closed
	w.closed = true
	w.mu.Unlock()
	if !closed {
		close(w.stop)
	}
	over := time.NewTimer(patience)
	defer over.Stop()
	select {
	case <-w.done:
		return w.err
	case <-over.C:
		return ErrUnread
	}
}

// run writes batches until Close.
func (w *Writer) run() {
	defer close(w.done)
	wait := time.NewTimer(late)
	var lines []byte
	for stopping := false; !stopping; {
		select {
		case <-w.begun:
			wait.Reset(late)
			select {
			case <-wait.C:
			case <-w.full:
			case <-w.stop:
			}
		case <-w.stop:
			stopping = true // Write takes no more lines
		}
		lines = w.take(lines[:0])
		w.put(lines)
	}
}

// take swaps the lines that wait for an empty buffer.
func (w *Writer) take(empty []byte) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	lines := w.lines
	w.lines = empty
	if w.missing > 0 {
		lines = append(lines, missing(w.missing)...)
		w.missing = 0
	}
	return lines
}

// missing is the line that says how many others are missing in its place.
func missing(n int) []byte {
	var b bytes.Buffer
	slog.New(slog.NewJSONHandler(&b, nil)).Warn("lines are missing here: the log was written too slowly", "lines", n)
	return b.Bytes()
}

// put writes lines. Where that fails, as on a full disk, it goes on from the same octet until it succeeds, so that no line
// is torn. After Close it tries once.
func (w *Writer) put(lines []byte) {
	for len(lines) > 0 {
		n, err := w.out.Write(lines)
		lines = lines[n:]
		if w.err = err; err == nil {
			continue
		}
		select {
		case <-w.stop:
			lost := bytes.Count(lines, []byte{'\n'})
			w.dropped.Add(uint64(lost))
			w.err = fmt.Errorf("%d lines of the log are lost: %w", lost, err)
			return
		case <-time.After(late):
		}
	}
}
