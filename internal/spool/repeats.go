package spool

import (
	"crypto/sha256"
	"sync"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

const (
	repeatsKept  = 5 * time.Minute
	mostRepeats  = 1 << 17
	sameInterim  = 2 * time.Second // how far apart the times of an Interim record and of its repetition can be
	repeatsEvery = repeatsKept     // a half of the memory is no older than that
)

// repeats knows the records that this node delivered in the last 5 minutes, or the last 65,536 of them: a NAS that missed the answer sends them
// again.
type repeats struct {
	mu     sync.Mutex
	known  recent[[16]byte, delivered]
	turned time.Time
}

type delivered struct{ at, event time.Time }

// repeatKey is equal for repetitions. A collision would lose a record, so it is a part of a cryptographic hash.
func repeatKey(account aaa.AccountID, kind store.SpoolKind, digest string) [16]byte {
	sum := sha256.Sum256([]byte(string(account) + "\x00" + string(kind) + "\x00" + digest))
	return [16]byte(sum[:])
}

// note remembers a delivered record.
func (p *repeats) note(account aaa.AccountID, kind store.SpoolKind, digest string, event, now time.Time) {
	if digest == "" {
		return
	}
	key := repeatKey(account, kind, digest)
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.turned) > repeatsEvery {
		p.known.turn()
		p.turned = now
	}
	p.known.put(key, delivered{now, event})
}

// seen reports whether a record repeats one that was delivered.
func (p *repeats) seen(r *store.SpoolRecord, now time.Time) bool {
	if r.Digest == "" {
		return false
	}
	key := repeatKey(r.Account, r.Kind, r.Digest)
	p.mu.Lock()
	defer p.mu.Unlock()
	d, ok := p.known.get(key)
	return ok && now.Sub(d.at) <= repeatsKept && (r.Kind != store.SpoolInterim || d.event.Sub(r.EventAt).Abs() <= sameInterim)
}

// delivered notes that a server took a record, so that its repetitions are not stored for 5 minutes.
func (i *intake) delivered(r *Record) {
	i.repeats.note(r.Account, r.Kind, r.Digest, r.EventAt, i.s.now())
}
