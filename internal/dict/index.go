package dict

import (
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
	"strings"

	"aaa-api/internal/aaa"
)

// The hashes are keyed anew in every process, so that nobody can write a
// dictionary whose names all fall into one slot.
var (
	nameSeed = maphash.MakeSeed()
	idKeyA   = rand.Uint64() | 1
	idKeyB   = rand.Uint64()
)

// hashName hashes a name of at most MaxName octets without regard to ASCII case.
func hashName(name string) uint64 {
	var buf [MaxName]byte
	n := copy(buf[:], name)
	for i, c := range buf[:n] {
		if c >= 'A' && c <= 'Z' {
			buf[i] = c + ('a' - 'A')
		}
	}
	return maphash.Bytes(nameSeed, buf[:n])
}

// equalFold compares names without regard to ASCII case.
func equalFold(a, b string) bool {
	return len(a) == len(b) && (a == b || strings.EqualFold(a, b))
}

func mix(h, x uint64) uint64 {
	hi, lo := bits.Mul64(h^x^idKeyB, idKeyA)
	return hi ^ lo
}

// hashPlace hashes an identity: a number in a vendor's space below a parent.
func hashPlace(parent *aaa.Attribute, vendor, number uint32) uint64 {
	h := uint64(0x9e3779b97f4a7c15)
	if parent != nil {
		h = hashAttr(parent)
	}
	return mix(h, uint64(vendor)<<32|uint64(number))
}

func hashAttr(a *aaa.Attribute) uint64 {
	return hashPlace(a.Parent, vendorNumber(a), a.Number)
}

func vendorNumber(a *aaa.Attribute) uint32 {
	if a.Vendor == nil {
		return 0
	}
	return a.Vendor.Number
}

// sameAttr says whether two definitions are of one identity. Two nils are the same.
func sameAttr(a, b *aaa.Attribute) bool {
	for {
		if a == b {
			return true
		}
		if a == nil || b == nil || a.Number != b.Number || vendorNumber(a) != vendorNumber(b) {
			return false
		}
		a, b = a.Parent, b.Parent
	}
}

func samePlace(a, parent *aaa.Attribute, vendor, number uint32) bool {
	return a.Number == number && vendorNumber(a) == vendor && sameAttr(a.Parent, parent)
}

// table is an open hash table of indices into a slice. Entries are found by
// walking from start until a free slot; the slice's owner compares. Go's maps take 3.7 to 6.8 times
// the memory (7.8 KB instead of 2 KB for the names and numbers of 100 attributes): see BenchmarkIndex.
type table []uint32

func newTable(n int) table {
	if n == 0 {
		return nil
	}
	return make(table, 1<<bits.Len(uint(n+n/2)))
}

func (t table) start(h uint64) uint32 { return uint32(h) & uint32(len(t)-1) }

// at gives the index in a slot, ok=false for a free one.
func (t table) at(slot uint32) (i int, ok bool) {
	v := t[slot]
	return int(v) - 1, v != 0
}

func (t table) next(slot uint32) uint32 { return (slot + 1) & uint32(len(t)-1) }

// insert adds an index behind all others of its hash, so that the first inserted is found first.
func (t table) insert(h uint64, i int) {
	slot := t.start(h)
	for t[slot] != 0 {
		slot = t.next(slot)
	}
	t[slot] = uint32(i + 1)
}
