package radius

import (
	"hash/maphash"
	"net/netip"
	"sync"

	"aaa-api/internal/aaa"
	"aaa-api/internal/ingress"
	"aaa-api/internal/radius"
)

// numShards is a power of two: how many packets can be noted at the same moment.
const numShards = 64

// flights are the packets that are being answered. There are as many as there are calls, which the line bounds.
type flights struct {
	seed   maphash.Seed
	shards [numShards]flightShard
}

type flightShard struct {
	mu sync.Mutex
	of map[flightKey]*flight
	_  [40]byte // a cache line each
}

// flightKey is what tells requests of a device apart, one at a time (RFC 2865 §3).
type flightKey struct {
	process    string
	conn       uint64
	from       netip.AddrPort
	listener   ingress.Listener
	identifier uint32 // or token
}

func keyOf(process string, p *ingress.Packet, packet radius.Packet) flightKey {
	k := flightKey{process: process, conn: p.Conn, from: p.From, listener: p.Listener, identifier: uint32(packet.Identifier())}
	if p.V11 {
		k.identifier = uint32(packet.Token())
	}
	return k
}

// flight is a packet that is being answered. It lies in the memory of a job, so only its shard's lock protects it.
type flight struct {
	sum     uint64 // of its octets as they came
	account aaa.AccountID
	id      string // of the request, and of its repetitions
}

func (f *flights) begin() {
	f.seed = maphash.MakeSeed()
	for i := range f.shards {
		f.shards[i].of = make(map[flightKey]*flight)
	}
}

func (f *flights) shard(k flightKey) *flightShard {
	return &f.shards[maphash.Comparable(f.seed, k)%numShards]
}

// add notes a packet. ok is false if the same octets are being answered. Another packet of the same key is abandoned: the device has given
// it up, or it would not use the identifier again. instead is that one's request.
func (f *flights) add(k flightKey, now *flight) (instead string, ok bool) {
	s := f.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.of[k]; old != nil {
		if old.sum == now.sum {
			return "", false
		}
		instead = old.id
	}
	s.of[k] = now
	return instead, true
}

// remove forgets a packet that has been answered. ok is false if it was abandoned.
func (f *flights) remove(k flightKey, now *flight) (ok bool) {
	s := f.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of[k] != now {
		return false
	}
	delete(s.of, k)
	return true
}

// find returns the request of a packet that is being answered.
func (f *flights) find(k flightKey, sum uint64) (account aaa.AccountID, id string, ok bool) {
	s := f.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if at := s.of[k]; at != nil && at.sum == sum {
		return at.account, at.id, true
	}
	return "", "", false
}
