package spool

import (
	"encoding/hex"
	"sync/atomic"
	"time"

	"aaa-api/internal/aaa"
)

// ids makes the ids of records: 7 octets of microseconds since 1970, which grow from id to id, and 9 random octets, so that
// other nodes make other ids.
type ids struct{ last atomic.Int64 }

func (g *ids) next(now time.Time) string {
	at := now.UnixMicro()
	for {
		last := g.last.Load()
		at = max(at, last+1) // the clock may have been put back
		if g.last.CompareAndSwap(last, at) {
			break
		}
	}
	var id [16]byte
	for i := range 7 {
		id[i] = byte(at >> (8 * (6 - i)))
	}
	aaa.Random(id[7:])
	return hex.EncodeToString(id[:])
}

// idKey is an id as sets keep it.
type idKey [16]byte

func keyOf(id string) (k idKey) {
	_, _ = hex.Decode(k[:], []byte(id)) // ids are checked
	return k
}
