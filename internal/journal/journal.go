package journal

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// The errors of Append. Other errors are those of the disk.
var (
	ErrFull     = errors.New("journal: full")
	ErrBusy     = errors.New("journal: the disk does not keep up")
	ErrTooLarge = errors.New("journal: entry too large")
	ErrClosed   = errors.New("journal: closed")
)

// Options bound a journal. Zero values stand for the defaults.
type Options struct {
	SegmentOctets int64 // after which another file begins; default 16 MiB. A group that is longer has a file of its own
	MaxOctets     int64 // of all records of this process with those that it took over; default 1 GiB

	create func(path string) (file, error)
}

// Journal is one process's part of a journal directory. It is safe for use by many goroutines.
type Journal struct {
	dir      string
	database [32]byte
	log      *slog.Logger
	o        Options
	own      *folder
	draining chan struct{} // holds one element while a Drain or Close runs
	stopped  chan struct{} // closed when the writer has ended

	mu       sync.Mutex
	queued   sync.Cond // on mu: queue or closed has changed
	queue    []*group  // of entries that wait for the writer, oldest first
	closed   bool
	segments []*segment // that are complete, oldest first
	entries  int64      // in segments, in the current one and in groups
	octets   int64
	foreign  int // folders of other databases that hold segments and had no owner at Open

	disk    sync.Mutex // held while a group is written; guards what follows
	current *writer    // nil: the next group begins a segment
	last    int64      // number of the newest segment
	failing bool       // the last group failed
}

// segment is a file that no longer grows.
type segment struct {
	path    string
	size    int64 // octets of the file that are looked at
	entries int64
	octets  int64 // of the records
	damaged bool
}

// Open takes a folder of dir for this process, and the entries of processes that are gone. Database is what the entries belong to: segments
// of another one are not used.
func Open(dir string, database [32]byte, log *slog.Logger, o Options) (*Journal, error) {
	if o.SegmentOctets == 0 {
		o.SegmentOctets = 16 << 20
	}
	if o.MaxOctets == 0 {
		o.MaxOctets = 1 << 30
	}
	if o.create == nil {
		o.create = create
	}
	j := &Journal{
		dir: dir, database: database, log: log, o: o,
		draining: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
	j.queued.L = &j.mu
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if err := j.settle(); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	go j.write()
	return j, nil
}

// Len is how many entries there are, and their octets on the disk. Entries that are being written are counted.
func (j *Journal) Len() (entries, octets int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.entries, j.octets
}

// Aside is how many files are put aside or are damaged and will be, with the folders of other databases that had no owner at Open.
func (j *Journal) Aside() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := j.foreign
	for _, s := range j.segments {
		if s.damaged {
			n++
		}
	}
	files, err := asideOf(j.own.path)
	if err != nil {
		j.log.Error("files that the journal has put aside can't be counted", "folder", j.own.path, "error", err)
	}
	return n + len(files)
}

// Close waits for entries that are being written and for a Drain, and gives the folder back.
func (j *Journal) Close() error {
	j.mu.Lock()
	closed := j.closed
	j.closed = true
	j.queued.Broadcast()
	j.mu.Unlock()
	if closed {
		return nil
	}
	<-j.stopped
	j.draining <- struct{}{} // for ever: no Drain follows
	j.disk.Lock()
	defer j.disk.Unlock()
	j.seal()
	return j.own.release()
}

// add makes segments known, each at the place of its number.
func (j *Journal) add(segments ...*segment) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, s := range segments {
		j.entries += s.entries
		j.octets += s.octets
	}
	j.insert(segments...)
}

// insert is add for entries that are counted. It is called with mu.
func (j *Journal) insert(segments ...*segment) {
	j.segments = append(j.segments, segments...)
	slices.SortStableFunc(j.segments, func(a, b *segment) int {
		return strings.Compare(filepath.Base(a.path), filepath.Base(b.path))
	})
}

// forget is for a segment whose file is gone or put aside.
func (j *Journal) forget(s *segment) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if i := slices.Index(j.segments, s); i >= 0 {
		j.segments = slices.Delete(j.segments, i, i+1)
		j.entries -= s.entries
		j.octets -= s.octets
	}
}
