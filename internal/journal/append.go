package journal

import (
	"context"
	"fmt"
)

// maxQueue is how many groups may wait for the disk: 32 MiB.
const maxQueue = 8

// group is entries that are written at once.
type group struct {
	records []byte // without checksums
	entries int64
	done    chan struct{} // closed when err is known
	err     error
}

// Append returns nil when the entries are on the disk. After an error some of them may be there. If ctx ends first, they are written nevertheless
// and may come with a Drain.
func (j *Journal) Append(ctx context.Context, entries [][]byte) error {
	for i, e := range entries {
		if len(e) > MaxEntry {
			return fmt.Errorf("%w: entry %d has %d octets, %d are allowed", ErrTooLarge, i, len(e), MaxEntry)
		}
	}
	for len(entries) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		g, n, err := j.join(entries)
		if err != nil {
			return err
		}
		select {
		case <-g.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if g.err != nil {
			return g.err
		}
		entries = entries[n:]
	}
	return nil
}

// join puts the first n of the entries into a group: all of them, unless they are longer than a group.
func (j *Journal) join(entries [][]byte) (g *group, n int, err error) {
	var octets, all int64
	for _, e := range entries {
		all += frameSize + int64(len(e))
		if all <= maxGroup {
			octets, n = all, n+1
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil, 0, ErrClosed
	}
	if j.octets+all > j.o.MaxOctets {
		return nil, 0, fmt.Errorf("%w: %d of %d octets are in use", ErrFull, j.octets, j.o.MaxOctets)
	}
	if last := len(j.queue) - 1; last >= 0 && int64(len(j.queue[last].records))+octets <= maxGroup {
		g = j.queue[last]
	} else if len(j.queue) == maxQueue {
		return nil, 0, ErrBusy
	} else {
		g = &group{done: make(chan struct{})}
		j.queue = append(j.queue, g)
		j.queued.Signal()
	}
	for _, e := range entries[:n] {
		g.records = appendFrame(g.records, e)
	}
	g.entries += int64(n)
	j.entries += int64(n)
	j.octets += octets
	return g, n, nil
}

// write is the goroutine that writes groups, until Close.
func (j *Journal) write() {
	defer close(j.stopped)
	for g := j.next(); g != nil; g = j.next() {
		if g.err = j.commit(g); g.err != nil {
			j.mu.Lock()
			j.entries -= g.entries
			j.octets -= int64(len(g.records))
			j.mu.Unlock()
		}
		close(g.done)
	}
}

// next waits for a group. It is nil when the journal is closed and all is written.
func (j *Journal) next() *group {
	j.mu.Lock()
	defer j.mu.Unlock()
	for len(j.queue) == 0 {
		if j.closed {
			return nil
		}
		j.queued.Wait()
	}
	g := j.queue[0]
	j.queue[0] = nil
	j.queue = j.queue[1:]
	return g
}

// commit makes a group durable.
func (j *Journal) commit(g *group) (err error) {
	j.disk.Lock()
	defer j.disk.Unlock()
	defer func() {
		if err != nil && !j.failing {
			j.log.Error("the journal can't be written: nothing is acknowledged until it can", "folder", j.own.path, "error", err)
		} else if err == nil && j.failing {
			j.log.Info("the journal is written again", "folder", j.own.path)
		}
		j.failing = err != nil
	}()
	if j.current != nil && j.current.size+int64(len(g.records)) > j.o.SegmentOctets {
		j.seal()
	}
	if j.current == nil {
		if j.current, err = j.begin(); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
	}
	if err = j.current.append(g); err != nil {
		j.abandon()
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// seal ends the current segment, if there is one. It is called with disk.
func (j *Journal) seal() {
	w := j.current
	j.current = nil
	if w == nil {
		return
	}
	_ = w.f.Close() // all of it is synced
	j.mu.Lock()
	defer j.mu.Unlock()
	j.insert(&w.segment)
}

// abandon ends the current segment after a write or a sync that failed. What it has acknowledged stays. It is called with disk.
func (j *Journal) abandon() {
	w := j.current
	if err := w.f.Truncate(w.size); err != nil {
		j.log.Warn("a journal segment keeps entries that were refused: they may be delivered", "file", w.path, "error", err)
	}
	if w.entries == 0 {
		j.current = nil
		w.drop()
		return
	}
	j.seal()
}
