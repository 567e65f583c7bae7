package radius

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"aaa-api/internal/ingress"
	"aaa-api/internal/radius"
)

func addr(n int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 0x0a000000+uint32(n)) //nolint:gosec // small
	return netip.AddrFrom4(b)
}

// answer has a source's request with a number answered.
func (c *cache) fill(from netip.Addr, n int, octets int, now time.Time) key {
	k := key{listener: ingress.RADIUSAuth, id: byte(n), from: netip.AddrPortFrom(from, uint16(1000+n>>8))} //nolint:gosec // small
	f, _, _, _ := c.begin(k, sum{uint64(n)}, now)                                                          //nolint:gosec // small
	if f != nil {
		c.finish(f, &ingress.Answer{Verdict: ingress.Verified, Octets: make([]byte, octets)}, now)
	}
	return k
}

// has reports whether a reply is there.
func (c *cache) has(k key, n int, now time.Time) bool {
	f, reply, _, _ := c.begin(k, sum{uint64(n)}, now) //nolint:gosec // small
	if f != nil {
		c.finish(f, nil, now)
	}
	return reply != nil
}

// TestCacheIsBoundedFairly: a source that fills the memory drops its own oldest replies, and nobody else's.
func TestCacheIsBoundedFairly(t *testing.T) {
	t.Parallel()
	const octets, most = 100, 1000 * (entryOctets + 100)
	c, now := newCache(most), time.Unix(1e9, 0)
	others := map[int]key{}
	for i := range 200 {
		others[i] = c.fill(addr(1+i), i, octets, now)
	}
	var own []key
	for i := range 5000 {
		own = append(own, c.fill(addr(0), i, octets, now))
		if c.octets > most {
			t.Fatalf("%d octets", c.octets)
		}
	}
	for i, k := range others {
		if !c.has(k, i, now) {
			t.Errorf("the reply of another source %d is gone", i)
		}
	}
	kept := 0
	for i, k := range own {
		if has := c.has(k, i, now); has != (i >= len(own)-800) {
			t.Fatalf("reply %d of %d: %v", i, len(own), has)
		} else if has {
			kept++
		}
	}
	if kept != 800 || len(c.slots) != 1000 || len(c.sources) != 201 || c.largest.Len() != 201 {
		t.Errorf("%d kept, %d slots, %d sources, %d in the heap", kept, len(c.slots), len(c.sources), c.largest.Len())
	}
	now = now.Add(30 * time.Second)
	for i := range 1000 { // requests drop what has ended, though they are others
		c.has(key{listener: ingress.RADIUSAcct, id: byte(i)}, i, now)
	}
	if c.octets != 0 || len(c.slots) != 0 || len(c.sources) != 0 || c.largest.Len() != 0 {
		t.Errorf("%d octets, %d slots, %d sources remain", c.octets, len(c.slots), len(c.sources))
	}
}

// TestLateAnswersChangeNothing: an answer to a request before the one in memory does not take its place.
func TestLateAnswersChangeNothing(t *testing.T) {
	t.Parallel()
	c, now, k := newCache(1<<20), time.Unix(1e9, 0), key{listener: ingress.RADIUSAuth}
	answer := func(text string) *ingress.Answer {
		return &ingress.Answer{Verdict: ingress.Verified, Octets: []byte(text)}
	}
	one, _, _, _ := c.begin(k, sum{1}, now)
	two, _, _, _ := c.begin(k, sum{2}, now)
	three, _, _, _ := c.begin(k, sum{3}, now)
	if !c.finish(two, answer("two"), now) || c.finish(one, answer("one"), now) {
		t.Error("the later request's answer alone is to be sent")
	}
	if _, reply, _, _ := c.begin(k, sum{2}, now); string(reply) != "two" {
		t.Errorf("%q", reply)
	}
	if !c.finish(three, answer("three"), now) {
		t.Error("the last request's answer is to be sent")
	}
	if _, reply, _, _ := c.begin(k, sum{3}, now); string(reply) != "three" {
		t.Errorf("%q", reply)
	}
	four, _, _, _ := c.begin(k, sum{4}, now)
	five, _, _, _ := c.begin(k, sum{5}, now)
	if c.finish(five, &ingress.Answer{Verdict: ingress.Verified}, now) { // the later request gets silence
		t.Error("an empty answer is to be sent")
	}
	if c.finish(four, answer("four"), now) {
		t.Error("the former request's answer is to be sent")
	}
	if len(c.slots) != 0 {
		t.Errorf("%d slots remain", len(c.slots))
	}
}

// TestPlacesAreShared: a source that floods leaves places to others, and urgent requests find one when no other does.
func TestPlacesAreShared(t *testing.T) {
	t.Parallel()
	fill := func(p *places, a netip.Addr, urgent bool) (n int) {
		for p.enter(a, urgent) {
			n++
		}
		return n
	}
	p := newPlaces(800)
	first, second, third := fill(p, addr(1), false), fill(p, addr(2), false), fill(p, addr(3), false)
	if first < 150 || first > 200 || second < 100 || third < 80 {
		t.Errorf("%d %d %d", first, second, third)
	}
	several := 0
	for i := 10; p.enter(addr(i), false); i++ {
		several++
	}
	if several < 100 || p.taken != 700 {
		t.Errorf("%d more sources, %d taken", several, p.taken)
	}
	if !p.enter(addr(5000), true) {
		t.Error("an urgent request of a new source finds no place")
	}
	urgent := fill(p, addr(1), true)
	if p.taken > 800 || urgent < 10 {
		t.Errorf("%d taken, %d urgent ones of the first source", p.taken, urgent)
	}
	for a, n := range p.by {
		for range n {
			p.leave(a)
		}
	}
	if p.taken != 0 || len(p.by) != 0 {
		t.Errorf("%d taken, %d sources", p.taken, len(p.by))
	}
}

// TestPlacesFollowTheProcessor: where calls wait there are fewer places, down to a bound, and all again when they don't.
func TestPlacesFollowTheProcessor(t *testing.T) {
	t.Parallel()
	p := newPlaces(1600)
	for i := range 51 {
		if len(p.crowded) != 0 {
			t.Fatalf("%d of 1600 places are a crowd", i)
		}
		p.enter(addr(i), true)
	}
	if len(p.crowded) != 1 {
		t.Error("51 places taken are no crowd")
	}
	for i := range 20 {
		if before := p.now; !p.adjust(slow+1) || p.now > before || i == 0 && p.now != 1200 {
			t.Errorf("%d places after %d", p.now, before)
		}
	}
	if p.now != 100 {
		t.Errorf("%d places are the least", p.now)
	}
	hog := addr(1 << 20)
	n := 0
	for p.enter(hog, false) {
		n++
	}
	if n == 0 || n > 10 || !p.enter(addr(1<<21), false) {
		t.Errorf("a source that floods has %d places", n)
	}
	for range 100 {
		p.adjust(slow)
	}
	if p.now != 1600 || !p.adjust(0) {
		t.Errorf("%d places", p.now)
	}
	for i := range 51 {
		p.leave(addr(i))
	}
	if p.adjust(0) {
		t.Error("a few places taken are a crowd")
	}
}

// TestStrangersAreBounded: whatever addresses they take, so many packets a second ask the security module. Known sources are not among them.
func TestStrangersAreBounded(t *testing.T) {
	t.Parallel()
	s, now := newSources(), time.Unix(1e9, 0)
	known := addr(1 << 23)
	s.learn(known, ingress.Refused, now)
	for second := range 3 {
		passed := 0
		for i := range 20000 {
			if a := addr(second<<16 + i); s.pass(a, now) {
				passed++
				s.learn(a, ingress.Unknown, now)
			}
		}
		if passed != newRate {
			t.Errorf("%d passed", passed)
		}
		if !s.pass(known, now) {
			t.Error("a known source does not pass")
		}
		now = now.Add(time.Second)
	}
	for i := range 2 * maxKnown {
		s.learn(addr(i), ingress.Verified, now)
	}
	for i := range 2 * maxUnknown {
		s.learn(addr(1<<22+i), ingress.Unknown, now)
	}
	if len(s.known) > maxKnown || len(s.unknown) > maxUnknown {
		t.Errorf("%d known, %d unknown", len(s.known), len(s.unknown))
	}
	now = now.Add(time.Hour)
	s.learn(known, ingress.Unknown, now)
	if s.pass(known, now) {
		t.Error("a client that is gone passes")
	}
}

// TestForgedSourcesOfClients: packets that no secret proves, from all the addresses of a wide client, take the place of no source whose
// packets were proven.
func TestForgedSourcesOfClients(t *testing.T) {
	t.Parallel()
	s, now := newSources(), time.Unix(1e9, 0)
	const proven = 100
	for i := range proven {
		s.learn(addr(1<<23+i), ingress.Verified, now)
	}
	for i := range 2 * maxKnown {
		s.learn(addr(i), ingress.Refused, now)
	}
	s.tokens, s.at = 0, now
	for i := range proven {
		if !s.pass(addr(1<<23+i), now) {
			t.Fatalf("source %d has to wait like a stranger", i)
		}
	}
	if len(s.refused) > maxKnown {
		t.Errorf("%d sources", len(s.refused))
	}
	if !s.pass(addr(2*maxKnown-1), now) {
		t.Error("a client whose secret is wrong asks like a stranger")
	}
}

// FuzzCheck: whatever comes, what passes is a packet of the listener's whose lengths add up.
func FuzzCheck(f *testing.F) {
	f.Add(uint8(0), packet(radius.AccessRequest, 1, "one", 24, 3, 1))
	f.Add(uint8(1), packet(radius.AccountingRequest, 1, "one", 1, 3, 'a'))
	f.Add(uint8(0), append(packet(radius.StatusServer, 1, "one"), 1, 2, 3))
	f.Add(uint8(0), packet(radius.AccessRequest, 1, "one", 1, 0))
	f.Fuzz(func(t *testing.T, listener uint8, datagram []byte) {
		l := ingress.Listener(listener % 2)
		q, ok := check(l, datagram)
		if !ok {
			return
		}
		if n := len(q.octets); n < ingress.MinRADIUS || n > ingress.MaxRADIUS || n > len(datagram) || int(binary.BigEndian.Uint16(datagram[2:])) != n {
			t.Errorf("%d octets of %d", len(q.octets), len(datagram))
		}
		state := false
		for rest := q.octets[20:]; len(rest) > 0; rest = rest[rest[1]:] {
			state = state || rest[0] == radius.AttrState
		}
		code := radius.Code(q.octets[0])
		if q.urgent != (state && code != radius.StatusServer || code == radius.StatusServer) {
			t.Errorf("code %d, State %v: urgent %v", code, state, q.urgent)
		}
		if code != radius.StatusServer && code != map[ingress.Listener]radius.Code{ingress.RADIUSAuth: radius.AccessRequest, ingress.RADIUSAcct: radius.AccountingRequest}[l] {
			t.Errorf("%v takes code %d", l, code)
		}
	})
}
