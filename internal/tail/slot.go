package tail

import (
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"aaa-api/internal/aaa"
)

// The texts of a slot, in this order. A reason may have what the others leave.
const (
	textAccount = iota
	textID
	textUser
	textOutcome
	textServer
	textDevice
	textReason
	numTexts
)

// The most octets of a text.
const (
	maxAccount = 32
	maxID      = 64
	maxUser    = 64
	maxOutcome = 16
	maxServer  = 48
	maxDevice  = 80
	allText    = 320
)

// slot is the place of an entry. It holds no pointers, so the collector of garbage has nothing to look at.
type slot struct {
	mu   sync.Mutex
	seq  uint64 // 0: empty
	at   int64
	took int64
	ends [numTexts]uint16 // in text
	op   aaa.Op
	text [allText]byte
}

// put writes an entry. s.mu is held.
func (s *slot) put(e *Entry) {
	s.seq, s.at, s.took, s.op = e.Seq, e.At.UnixNano(), int64(e.Took), e.Op
	end := 0
	put := func(text int, v string, most int) {
		end += copy(s.text[end:], cut(v, min(most, allText-end)))
		s.ends[text] = uint16(end) //nolint:gosec // at most allText
	}
	put(textAccount, string(e.Account), maxAccount)
	put(textID, e.ID, maxID)
	put(textUser, e.User, maxUser)
	put(textOutcome, e.Outcome, maxOutcome)
	put(textServer, e.Server, maxServer)
	put(textDevice, e.Device, maxDevice)
	put(textReason, e.Reason, allText)
}

// entry reads the slot. s.mu is held.
func (s *slot) entry() Entry {
	all := string(s.text[:s.ends[numTexts-1]])
	text := func(i int) string {
		if i == 0 {
			return all[:s.ends[0]]
		}
		return all[s.ends[i-1]:s.ends[i]]
	}
	return Entry{
		Seq: s.seq, At: time.Unix(0, s.at), Took: time.Duration(s.took), Op: s.op,
		Account: aaa.AccountID(text(textAccount)), ID: text(textID), User: text(textUser),
		Outcome: text(textOutcome), Server: text(textServer), Device: text(textDevice), Reason: text(textReason),
	}
}

// cut returns as much of a text as fits, in whole characters.
func cut(v string, most int) string {
	if len(v) <= most {
		return v
	}
	for most > 0 && !utf8.RuneStart(v[most]) {
		most--
	}
	return v[:most]
}

// ring is a number of slots, the next of which is written over.
type ring struct {
	next  atomic.Uint64
	slots []slot
}

// add writes an entry, unless a reader is at its slot, and returns how many there have been.
func (r *ring) add(e *Entry) int {
	n := r.next.Add(1)
	s := &r.slots[(n-1)%uint64(len(r.slots))]
	if s.mu.TryLock() {
		s.put(e)
		s.mu.Unlock()
	}
	return int(n) //nolint:gosec // nobody counts so far
}

// entries appends those that a filter takes.
func (r *ring) entries(list []Entry, f *Filter) []Entry {
	for i := range r.slots {
		s := &r.slots[i]
		s.mu.Lock()
		if s.seq != 0 {
			if e := s.entry(); f.takes(&e) {
				list = append(list, e)
			}
		}
		s.mu.Unlock()
	}
	return list
}
