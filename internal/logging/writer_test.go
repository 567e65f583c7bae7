package logging

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// disk takes what is written, as its turn says.
type disk struct {
	turn func(b []byte) (int, error)

	mu     sync.Mutex
	got    bytes.Buffer
	writes int
}

func (d *disk) Write(b []byte) (n int, err error) {
	n = len(b)
	if d.turn != nil {
		n, err = d.turn(b)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.writes++
	d.got.Write(b[:n])
	return n, err
}

func (d *disk) lines() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Split(strings.TrimSuffix(d.got.String(), "\n"), "\n")
}

func say(w *Writer, i int) { fmt.Fprintf(w, "line %d\n", i) }

func sayAll(w *Writer, n int) {
	for i := range n {
		say(w, i)
	}
}

// numbers checks that list is the lines from 0 on, and returns how many.
func numbers(t *testing.T, list []string) int {
	t.Helper()
	for i, line := range list {
		if line != fmt.Sprintf("line %d", i) {
			t.Fatalf("line %d is %q", i, line)
		}
	}
	return len(list)
}

// TestAllInOrder: Close leaves no line unwritten, each caller's lines come in order, and few writes carry many lines.
func TestAllInOrder(t *testing.T) {
	t.Parallel()
	const callers, each = 8, 5000
	d := &disk{}
	w := NewWriter(d)
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				fmt.Fprintf(w, "%d %d\n", c, i)
			}
		})
	}
	wg.Wait()
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	var next [callers]int
	for _, line := range d.lines() {
		var c, i int
		if _, err := fmt.Sscanf(line, "%d %d", &c, &i); err != nil || i != next[c] {
			t.Fatalf("%q, caller %d's next is %d", line, c, next[c])
		}
		next[c]++
	}
	for c, n := range next {
		if n != each {
			t.Errorf("caller %d: %d lines", c, n)
		}
	}
	if d.writes > callers*each/100 || w.Dropped() != 0 {
		t.Errorf("%d writes of %d lines, %d dropped", d.writes, callers*each, w.Dropped())
	}
}

// TestLate: a line is written in less than 100 ms, and with it those that come a little later.
func TestLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		w := NewWriter(d)
		for i := range 3 {
			say(w, 2*i)
			time.Sleep(late / 2)
			say(w, 2*i+1)
			time.Sleep(99*time.Millisecond - late/2)
			synctest.Wait()
			if n := numbers(t, d.lines()); n != 2*i+2 || d.writes != i+1 {
				t.Errorf("%d lines with %d writes", n, d.writes)
			}
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestNobodyReads: a log that takes nothing keeps no request waiting. What it dropped is counted, and said in its place.
func TestNobodyReads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		read := make(chan struct{})
		d := &disk{turn: func(b []byte) (int, error) { <-read; return len(b), nil }}
		w := NewWriter(d)
		say(w, 0)
		time.Sleep(late)
		synctest.Wait() // the first line is on its way, and stuck
		const all = most / 8
		for i := 1; i < all; i++ {
			say(w, i)
		}
		dropped := int(w.Dropped())
		if dropped == 0 || len(w.lines) > most {
			t.Fatalf("%d lines are dropped, %d octets wait", dropped, len(w.lines))
		}
		close(read)
		time.Sleep(late)
		synctest.Wait()
		say(w, -1)
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		lines := d.lines()
		kept := all - dropped
		if n := numbers(t, lines[:kept]); n != kept || len(lines) != kept+2 || lines[kept+1] != "line -1" {
			t.Fatalf("%d of %d lines: %q", len(lines), all, lines[kept:])
		}
		var m struct {
			Level, Msg string
			Lines      int
		}
		if err := json.Unmarshal([]byte(lines[kept]), &m); err != nil || m.Lines != dropped || m.Level != "WARN" {
			t.Errorf("%d dropped: %q", dropped, lines[kept])
		}
	})
}

// TestStopWhileNobodyReads: a log that takes nothing does not keep the process from stopping.
func TestStopWhileNobodyReads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		read := make(chan struct{})
		w := NewWriter(&disk{turn: func(b []byte) (int, error) { <-read; return len(b), nil }})
		say(w, 0)
		begun := time.Now()
		if err := w.Close(); err == nil || time.Since(begun) != patience {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		close(read)
		<-w.done
	})
}

// TestFullDisk: a write that fails is tried again from where it failed, so that no line is torn or lost.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		full := 3
		d := &disk{turn: func(b []byte) (int, error) {
			if full--; full >= 0 {
				return 3, syscall.ENOSPC
			}
			return len(b), nil
		}}
		w := NewWriter(d)
		sayAll(w, 100)
		time.Sleep(10 * late)
		if err := w.Close(); err != nil || w.Dropped() != 0 || numbers(t, d.lines()) != 100 {
			t.Errorf("%v, %d dropped", err, w.Dropped())
		}
	})
}

// TestFullToTheEnd: a disk that stays full does not keep the process from stopping, which says what is lost.
func TestFullToTheEnd(t *testing.T) {
	t.Parallel()
	w := NewWriter(&disk{turn: func([]byte) (int, error) { return 0, syscall.ENOSPC }})
	sayAll(w, 100)
	if err := w.Close(); !errors.Is(err, syscall.ENOSPC) || w.Dropped() != 100 {
		t.Errorf("%v, %d dropped", err, w.Dropped())
	}
}
