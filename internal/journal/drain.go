package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"aaa-api/internal/atomicfile"
)

// The bounds of one batch.
const (
	batchEntries = 512
	batchOctets  = 4 << 20
)

// Drain gives all entries whose Append has returned to take, oldest first, at most 512 or 4 MiB at once, with those of processes that have
// ended. Take may keep what it gets. A segment is removed when take has returned nil for all of it; after an error the whole segment comes
// again with the next Drain. Appends go on beside it.
func (j *Journal) Drain(ctx context.Context, take func(entries [][]byte) error) error {
	select {
	case j.draining <- struct{}{}:
		defer func() { <-j.draining }()
	case <-j.stopped:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	j.adopt()
	j.disk.Lock()
	j.seal()
	j.disk.Unlock()
	j.mu.Lock()
	segments := slices.Clone(j.segments)
	j.mu.Unlock()
	var unreadable error
	for _, s := range segments {
		f, err := os.Open(s.path)
		if errors.Is(err, fs.ErrNotExist) {
			j.log.Error("a journal segment is gone: its entries are lost unless whoever moved it has them", "file", s.path, "entries", s.entries)
			j.forget(s)
			continue
		}
		if err != nil {
			unreadable = errors.Join(unreadable, err)
			continue
		}
		err = j.drain(ctx, s, f, take)
		_ = f.Close()
		if err != nil {
			return err
		}
	}
	if unreadable != nil {
		return fmt.Errorf("journal: %w", unreadable)
	}
	return nil
}

// drain gives the entries of a segment and removes it.
func (j *Journal) drain(ctx context.Context, s *segment, f *os.File, take func(entries [][]byte) error) error {
	scan, err := newScanner(f, s.size, j.database)
	if err != nil {
		j.forget(s)
		return j.reject(s.path, err)
	}
	for {
		batch := scan.batch()
		if len(batch) == 0 {
			break
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := take(batch); err != nil {
			return err
		}
	}
	if scan.bad != 0 {
		j.damaged(s, scan)
	}
	if s.damaged {
		err = setAside(s.path, "damaged")
	} else {
		err = os.Remove(s.path)
	}
	if err == nil {
		j.forget(s)
		err = atomicfile.SyncDir(filepath.Dir(s.path))
	}
	if err != nil {
		return fmt.Errorf("journal: entries that are moved may be moved again: %w", err)
	}
	return nil
}

// batch reads the next entries. It is empty at the end.
func (s *scanner) batch() [][]byte {
	var batch [][]byte
	for octets := 0; len(batch) < batchEntries && octets <= batchOctets-MaxEntry; {
		payload, ok := s.next()
		if !ok {
			break
		}
		batch = append(batch, slices.Clone(payload))
		octets += len(payload)
	}
	return batch
}
