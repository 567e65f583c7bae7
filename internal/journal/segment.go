package journal

import (
	"bufio"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

const (
	headerSize = 64
	frameSize  = 12      // of a record, before its payload
	maxGroup   = 4 << 20 // octets of records that one sync makes durable
	version    = 1

	// MaxEntry is how long an entry may be.
	MaxEntry = 1 << 20
)

var (
	magic      = [8]byte{'a', 'a', 'a', 'j', 'r', 'n', 'l', '\n'}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// A headerError says why a file is no segment of this journal. It is part of the name under which the file is put aside.
type headerError string

func (e headerError) Error() string { return "journal: wrong segment header: " + string(e) }

const (
	errMagic    headerError = "no-journal"
	errVersion  headerError = "version"
	errHeader   headerError = "header"
	errDatabase headerError = "database"
)

// newHeader returns the header of a new segment and the seed of its records.
func newHeader(database [32]byte) (header []byte, seed uint32) {
	header = make([]byte, headerSize)
	copy(header, magic[:])
	binary.BigEndian.PutUint32(header[8:], version)
	copy(header[16:], database[:])
	_, _ = rand.Read(header[48:60]) // never fails
	seed = crc32.Checksum(header[:60], castagnoli)
	binary.BigEndian.PutUint32(header[60:], seed)
	return header, seed
}

// readHeader returns the seed of a segment's records, or a headerError.
func readHeader(header []byte, database [32]byte) (seed uint32, err error) {
	switch {
	case len(header) < headerSize:
		return 0, errHeader
	case [8]byte(header) != magic:
		return 0, errMagic
	case binary.BigEndian.Uint32(header[8:]) != version:
		return 0, errVersion
	}
	seed = crc32.Checksum(header[:60], castagnoli)
	switch {
	case binary.BigEndian.Uint32(header[60:]) != seed:
		return 0, errHeader
	case [32]byte(header[16:48]) != database:
		return 0, errDatabase
	}
	return seed, nil
}

// appendFrame appends a record whose checksums are still missing.
func appendFrame(b, payload []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	b = append(b, make([]byte, frameSize-4)...)
	return append(b, payload...)
}

// checksum completes the records of b for their place in a segment.
func checksum(b []byte, seed uint32, offset int64) {
	for len(b) > 0 {
		end := frameSize + int(binary.BigEndian.Uint32(b))
		binary.BigEndian.PutUint32(b[4:], crc32.Checksum(b[frameSize:end], castagnoli))
		binary.BigEndian.PutUint32(b[8:], frameSum(b, seed, offset))
		b, offset = b[end:], offset+int64(end)
	}
}

// frameSum is the checksum of a record's first 8 octets at its place.
func frameSum(frame []byte, seed uint32, offset int64) uint32 {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], uint64(offset))
	copy(b[8:], frame[:8])
	return crc32.Update(seed, castagnoli, b[:])
}

// scanner reads the records of a segment, and skips what is not valid. Its memory is at most one record, and never more than the file.
type scanner struct {
	r        *bufio.Reader
	seed     uint32
	at, size int64

	bad       int64 // offset of the first invalid octet; 0: there is none
	goodAfter bool  // a valid record follows bad
	broken    error // reading failed
}

// newScanner reads the header. Its errors are headerErrors and those of r. Size is how many octets of r are looked at.
func newScanner(r io.Reader, size int64, database [32]byte) (*scanner, error) {
	s := &scanner{r: bufio.NewReaderSize(io.LimitReader(r, size), int(min(max(size, headerSize), frameSize+MaxEntry))), size: size}
	header, err := s.r.Peek(headerSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if s.seed, err = readHeader(header, database); err != nil {
		return nil, err
	}
	s.skip(headerSize)
	return s, nil
}

// next returns the next valid record's payload, which is good until the following call. ok is false at the end.
func (s *scanner) next() (payload []byte, ok bool) {
	for s.at < s.size {
		frame, err := s.r.Peek(int(min(frameSize, s.size-s.at)))
		if err != nil {
			s.fail(err)
			return nil, false
		}
		if len(frame) < frameSize {
			s.invalid()
			return nil, false
		}
		length := int64(binary.BigEndian.Uint32(frame))
		sum := binary.BigEndian.Uint32(frame[4:])
		if binary.BigEndian.Uint32(frame[8:]) != frameSum(frame, s.seed, s.at) || length > MaxEntry {
			s.invalid()
			s.skip(1)
			continue
		}
		if length > s.size-s.at-frameSize {
			s.invalid()
			return nil, false
		}
		whole, err := s.r.Peek(int(frameSize + length))
		if err != nil {
			s.fail(err)
			return nil, false
		}
		valid := crc32.Checksum(whole[frameSize:], castagnoli) == sum
		if !valid {
			s.invalid()
		}
		s.skip(len(whole))
		if valid {
			s.goodAfter = s.bad != 0
			return whole[frameSize:], true
		}
	}
	return nil, false
}

// skip passes over octets that the reader has buffered.
func (s *scanner) skip(n int) {
	_, _ = s.r.Discard(n)
	s.at += int64(n)
}

func (s *scanner) invalid() {
	if s.bad == 0 {
		s.bad = s.at
	}
}

func (s *scanner) fail(err error) {
	s.invalid()
	s.broken = err
}

// torn reports whether the invalid octets can be the end of a group that a crash cut short.
func (s *scanner) torn() bool {
	return s.bad != 0 && !s.goodAfter && s.broken == nil && s.size-s.bad <= maxGroup
}
