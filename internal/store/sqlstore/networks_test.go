package sqlstore

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"aaa-api/internal/aaa"
)

// aPrefix is one of few that overlap often.
func aPrefix(r *rand.Rand) netip.Prefix {
	addr := netip.AddrFrom4([4]byte{10, 0, byte(r.IntN(2)) * 128, byte(r.IntN(256))})
	if r.IntN(2) == 0 {
		octets := addr.As4()
		addr = netip.AddrFrom16([16]byte{0x20, 1, 14: octets[2], 15: octets[3]})
	}
	return netip.PrefixFrom(addr, r.IntN(addr.BitLen()+1)).Masked()
}

// TestNetworkKeys: a network overlaps another if its key is in the range of the other's or among the other's wider ones, and only then.
func TestNetworkKeys(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // no secret
	met := 0
	for range 20_000 {
		p, q := aPrefix(r), aPrefix(r)
		key := networkKey(q)
		if back, err := networkOf(key); err != nil || back != q {
			t.Fatalf("%s is %q and back %s, %v", q, key, back, err)
		}
		found := key >= networkKey(p) && key < networkEnd(p) || slices.Contains(wider(p), any(key))
		if found != p.Overlaps(q) {
			t.Fatalf("%s and %s (%s): found %v", p, q, key, found)
		}
		if found {
			met++
		}
		a, b := []claimed{{network: p}, {network: p}}, []claimed{{network: q}}
		if overlap(a, b) != p.Overlaps(q) || overlap(b, a) != p.Overlaps(q) || overlap(a, nil) {
			t.Fatalf("%s and %s: overlap says %v", p, q, overlap(a, b))
		}
	}
	if met < 500 {
		t.Errorf("only %d of them overlap", met)
	}
	for _, key := range []string{"", "4", "4/008", "40a000000", "40a0000/008", "40a000000/", "40a000000/033", "4zz000000/008"} {
		if p, err := networkOf(key); err == nil {
			t.Errorf("%q is %s", key, p)
		}
	}
}

// TestOverlapOfMany: two lists overlap if two of their networks do.
func TestOverlapOfMany(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // no secret
	seen := [2]int{}
	for range 4_000 {
		var lists [2][]claimed
		for i := range lists {
			for range 1 + r.IntN(3) {
				p := aPrefix(r)
				for p.Bits() < p.Addr().BitLen()-6 { // wide ones overlap nearly everything
					p = aPrefix(r)
				}
				lists[i] = append(lists[i], claimed{aaa.AccountID("x"), p})
			}
		}
		want := slices.ContainsFunc(lists[0], func(a claimed) bool {
			return slices.ContainsFunc(lists[1], func(b claimed) bool { return a.network.Overlaps(b.network) })
		})
		if got := overlap(lists[0], lists[1]); got != want {
			t.Fatalf("%v and %v: %v", lists[0], lists[1], got)
		}
		if want {
			seen[1]++
		} else {
			seen[0]++
		}
	}
	if min(seen[0], seen[1]) < 300 {
		t.Errorf("apart and overlapping: %v", seen)
	}
}
