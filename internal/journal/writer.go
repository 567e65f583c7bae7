package journal

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"aaa-api/internal/atomicfile"
)

// file is what a segment is written to.
type file interface {
	io.WriteCloser
	Sync() error
	Truncate(size int64) error
}

type diskFile struct{ *os.File }

func (f diskFile) Sync() error { return datasync(f.File) }

// create makes a new file.
func create(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return diskFile{f}, nil
}

// writer is the segment that grows. Its size, entries and octets are those of acknowledged groups.
type writer struct {
	segment
	f    file
	seed uint32
}

// begin makes a segment whose header and name are durable.
func (j *Journal) begin() (*writer, error) {
	j.last = max(time.Now().UnixNano(), j.last+1)
	w := &writer{segment: segment{path: filepath.Join(j.own.path, segmentName(j.last)), size: headerSize}}
	var err error
	if w.f, err = j.o.create(w.path); err != nil {
		return nil, err
	}
	var header []byte
	header, w.seed = newHeader(j.database)
	if _, err = w.f.Write(header); err == nil {
		err = w.f.Sync()
	}
	if err == nil {
		err = atomicfile.SyncDir(j.own.path)
	}
	if err != nil {
		w.drop()
		return nil, err
	}
	return w, nil
}

// append writes a group after the others.
func (w *writer) append(g *group) error {
	checksum(g.records, w.seed, w.size)
	if _, err := w.f.Write(g.records); err != nil {
		return err
	}
	if err := w.f.Sync(); err != nil {
		return err
	}
	w.size += int64(len(g.records))
	w.octets += int64(len(g.records))
	w.entries += g.entries
	return nil
}

// drop removes a segment that has acknowledged nothing. One that stays holds no record.
func (w *writer) drop() {
	_ = errors.Join(w.f.Close(), os.Remove(w.path))
}

// segmentName is of 20 digits and 8 random ones, so that segments of different processes can be in one folder.
func segmentName(number int64) string {
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	return fmt.Sprintf("%020d-%s%s", number, hex.EncodeToString(random[:]), suffix)
}

const (
	suffix    = ".seg"
	maxNumber = 1 << 62 // nanoseconds until the year 2116; leaves room to count on
)

// segmentNumber reads a name that segmentName made.
func segmentNumber(name string) (number int64, ok bool) {
	if len(name) != 20+1+8+len(suffix) || name[29:] != suffix {
		return 0, false
	}
	for _, c := range name[:20] {
		if c < '0' || c > '9' || number > maxNumber/10 {
			return 0, false
		}
		number = number*10 + int64(c-'0')
	}
	return number, number < maxNumber
}
