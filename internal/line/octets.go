package line

import (
	"encoding/binary"
	"time"
)

// reader reads octets that a stranger may have written. The texts that it returns share the memory of the frame, so that a frame
// is one allocation. After a fault it reads nothing more.
type reader struct {
	rest   string
	failed bool

	takes   func(octets int) error // of memory for what is read; nil: nothing bounds it
	due     int                    // octets that were not taken yet
	refused error                  // of takes
}

// light is how long a form may be that is read for nothing: as nearly all AAA requests.
const light = 512

// costly is how much memory is taken at once.
const costly = 32 << 10

// cost takes memory, many octets at once.
func (r *reader) cost(octets int) {
	if r.takes == nil {
		return
	}
	if r.due += octets; r.due < costly {
		return
	}
	if r.refused = r.takes(r.due); r.refused != nil {
		r.fail()
	}
	r.due = 0
}

func (r *reader) fail() {
	r.failed = true
	r.rest = ""
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
	if len(r.rest) > 0 && r.rest[0] < 0x80 { // nearly all lengths
		n := uint64(r.rest[0])
		r.rest = r.rest[1:]
		return n
	}
	var n uint64
	for i := 0; i < len(r.rest) && i < binary.MaxVarintLen64; i++ {
		c := r.rest[i]
		if i == binary.MaxVarintLen64-1 && c > 1 {
			break
		}
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			r.rest = r.rest[i+1:]
			return n
		}
	}
	r.fail()
	return 0
}

func (r *reader) varint() int64 {
	n := r.uvarint()
	return int64(n>>1) ^ -int64(n&1) //nolint:gosec // zigzag: the bits are what counts
}

// take returns the next n octets.
func (r *reader) take(n uint64) string {
	if n > uint64(len(r.rest)) {
		r.fail()
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

// prefixed returns what has its length in four octets before it.
func (r *reader) prefixed() string {
	if len(r.rest) < lengthOctets {
		r.fail()
		return ""
	}
	n := uint64(r.rest[0])<<24 | uint64(r.rest[1])<<16 | uint64(r.rest[2])<<8 | uint64(r.rest[3])
	r.rest = r.rest[lengthOctets:]
	return r.take(n)
}

func (r *reader) text() string { return r.take(r.uvarint()) }

// bounded is text, of no more than most octets.
func (r *reader) bounded(most int) string {
	n := r.uvarint()
	r.failIf(n > uint64(most)) //nolint:gosec // not negative
	return r.take(n)
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
