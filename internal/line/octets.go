package line

import (
	"encoding/binary"
	"time"
)

// reader reads octets that a stranger may have written. After a fault it reads nothing more.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) fail() {
	r.failed = true
	r.rest = nil
}

func (r *reader) failIf(fault bool) {
	if fault {
		r.fail()
	}
}

func (r *reader) octet() byte {
	if len(r.rest) == 0 {
		r.fail()
		return 0
	}
	c := r.rest[0]
	r.rest = r.rest[1:]
	return c
}

func (r *reader) uvarint() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *reader) varint() int64 {
	n, size := binary.Varint(r.rest)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

// take returns the next n octets, which belong to the frame.
func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.fail()
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) text() string { return string(r.take(r.uvarint())) }

// bounded is text, of no more than most octets.
func (r *reader) bounded(most int) string {
	n := r.uvarint()
	r.failIf(n > uint64(most)) //nolint:gosec // not negative
	return string(r.take(n))
}

// count reads how many elements follow, each of so many octets at least; none means nil.
func (r *reader) count(least int) (n int, none bool) {
	c := r.uvarint()
	if c == 0 {
		return 0, true
	}
	if c-1 > uint64(len(r.rest)/least) { //nolint:gosec // not negative
		r.fail()
		return 0, true
	}
	return int(c - 1), false //nolint:gosec // not more than there are octets
}

func (r *reader) time() time.Time {
	sec, nsec := r.varint(), r.uvarint()
	if r.failed || nsec >= uint64(time.Second) {
		r.fail()
		return time.Time{}
	}
	return time.Unix(sec, int64(nsec)).UTC()
}

func appendTime(b []byte, t time.Time) []byte {
	return binary.AppendUvarint(binary.AppendVarint(b, t.Unix()), uint64(t.Nanosecond())) //nolint:gosec // not negative
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// appendCount writes the count of what is not nil; nil is a zero octet.
func appendCount(b []byte, n int) []byte {
	return binary.AppendUvarint(b, uint64(n)+1) //nolint:gosec // not negative
}
