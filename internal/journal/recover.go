package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"aaa-api/internal/atomicfile"
)

const asidePrefix = "aside-"

// segmentsOf lists a folder's segments, oldest first.
func segmentsOf(folder string) (names []string, err error) {
	list, err := os.ReadDir(folder) // by name
	for _, entry := range list {
		if _, ok := segmentNumber(entry.Name()); ok && entry.Type().IsRegular() {
			names = append(names, entry.Name())
		}
	}
	return names, err
}

// asideOf lists the files that are put aside in a folder.
func asideOf(folder string) (names []string, err error) {
	list, err := os.ReadDir(folder)
	for _, entry := range list {
		if strings.HasPrefix(entry.Name(), asidePrefix) && entry.Type().IsRegular() {
			names = append(names, entry.Name())
		}
	}
	return names, err
}

// recover makes the files of a process that is gone ready for Drain: torn tails are cut, and what can't be used is put aside.
func (j *Journal) recover(f *folder) (segments []*segment, err error) {
	names, err := segmentsOf(f.path)
	for i, name := range names {
		number, _ := segmentNumber(name)
		j.see(number)
		s, e := j.examine(filepath.Join(f.path, name), i == len(names)-1)
		if e != nil {
			err = errors.Join(err, e)
		} else if s != nil {
			segments = append(segments, s)
		}
	}
	return segments, errors.Join(err, atomicfile.SyncDir(f.path))
}

// see keeps the numbers of new segments above number.
func (j *Journal) see(number int64) {
	j.disk.Lock()
	defer j.disk.Unlock()
	j.last = max(j.last, min(number, maxNumber-1<<40)) // a name from outside leaves numbers for others
}

// examine reads a segment. It is nil if there is no entry to drain in it. Newest tells that a crash can have cut it short.
func (j *Journal) examine(path string, newest bool) (*segment, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // what is written is synced
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if newest && info.Size() < headerSize {
		j.log.Warn("a journal segment that was begun before a crash is removed: it acknowledges nothing", "file", path, "octets", info.Size())
		return nil, os.Remove(path)
	}
	scan, err := newScanner(f, info.Size(), j.database)
	if err != nil {
		return nil, j.reject(path, err)
	}
	s := &segment{path: path, size: info.Size()}
	for payload, ok := scan.next(); ok; payload, ok = scan.next() {
		s.entries++
		s.octets += frameSize + int64(len(payload))
	}
	if newest && scan.torn() {
		j.log.Warn("the torn end of a journal segment is cut: it acknowledges nothing", "file", path, "octets", s.size-scan.bad)
		if err := errors.Join(f.Truncate(scan.bad), f.Sync()); err != nil {
			return nil, fmt.Errorf("cutting %s: %w", path, err)
		}
		s.size = scan.bad
	} else if scan.bad != 0 {
		j.damaged(s, scan)
	}
	switch {
	case s.entries > 0:
		return s, nil
	case s.damaged:
		return nil, setAside(path, "damaged")
	default:
		return nil, os.Remove(path)
	}
}

// damaged marks a segment as one to be put aside when it is drained.
func (j *Journal) damaged(s *segment, scan *scanner) {
	j.mu.Lock()
	known := s.damaged
	s.damaged = true
	j.mu.Unlock()
	if !known {
		j.log.Error("a journal segment is damaged: its valid entries are used, and the file is put aside after them",
			"file", s.path, "offset", scan.bad, "entries", s.entries, "error", scan.broken)
	}
}

// reject puts a segment aside of which nothing can be used.
func (j *Journal) reject(path string, cause error) error {
	why := "unreadable"
	var wrong headerError
	if errors.As(cause, &wrong) {
		why = string(wrong)
	}
	j.log.Error("a journal segment is put aside: none of it is used", "file", path, "error", cause)
	return setAside(path, why)
}

// setAside renames a segment.
func setAside(path, why string) error {
	dir, name := filepath.Split(path)
	if err := rename(path, filepath.Join(dir, asidePrefix+why+"-"+name)); err != nil {
		return err
	}
	return atomicfile.SyncDir(dir)
}
