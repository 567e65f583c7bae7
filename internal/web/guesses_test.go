package web

import (
	"net/http"
	"net/netip"
	"testing"
	"time"
)

func TestGuesses(t *testing.T) {
	t.Parallel()
	g := newGuesses(20, 100)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	taken := func(source netip.Addr) (n int) {
		for g.take(source, now) == 0 {
			n++
		}
		return n
	}
	one, two := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	if n := taken(one); n != 100 {
		t.Errorf("%d at once", n)
	}
	now = now.Add(500 * time.Millisecond)
	if n := taken(one); n != 10 {
		t.Errorf("%d after half a second", n)
	}
	g.giveBack(one, now)
	if n := taken(one); n != 1 {
		t.Errorf("%d after one was given back", n)
	}
	if n := taken(two); n != 100 {
		t.Errorf("%d from another address", n)
	}
	for range 200 {
		g.giveBack(two, now)
	}
	if n := taken(two); n != 100 {
		t.Errorf("%d after more were given back than taken", n)
	}
	now = now.Add(-time.Hour) // a request that began earlier
	if n := taken(two); n != 0 {
		t.Errorf("%d an hour ago", n)
	}
}

// However many addresses ask, the memory is bounded: those that find no place share one allowance until others are idle.
func TestGuessesFromManyAddresses(t *testing.T) {
	t.Parallel()
	g := newGuesses(20, 100)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	address := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}) }
	passed := 0
	for n := range maxSources + 1000 {
		if g.take(address(n), now) == 0 {
			passed++
		}
	}
	if len(g.sources) != maxSources || passed != maxSources+100 {
		t.Errorf("%d addresses are known, %d passed", len(g.sources), passed)
	}
	now = now.Add(10 * time.Second)
	if g.take(address(maxSources+5000), now) > 0 || len(g.sources) != 1 {
		t.Errorf("after a while %d addresses are known", len(g.sources))
	}
}

// A source that goes on beyond its allowance is asked to wait longer and longer; one that waits, or sends few, begins anew.
func TestRetreat(t *testing.T) {
	t.Parallel()
	g := newGuesses(0.001, 1)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	source := netip.MustParseAddr("192.0.2.1")
	g.take(source, now)
	for _, step := range []struct{ after, want time.Duration }{
		{0, time.Second},
		{600 * time.Millisecond, 400 * time.Millisecond},
		{400 * time.Millisecond, 2 * time.Second},
		{2 * time.Second, 4 * time.Second},
		{4 * time.Second, 8 * time.Second},
		{8 * time.Second, 16 * time.Second},
		{16 * time.Second, 32 * time.Second},
		{32 * time.Second, 64 * time.Second},
		{64 * time.Second, 128 * time.Second},
		{128 * time.Second, 256 * time.Second},
		{256 * time.Second, 300 * time.Second},
		{300 * time.Second, 300 * time.Second},
		{599 * time.Second, 300 * time.Second},
		{600 * time.Second, time.Second},
	} {
		g.sources[source].left, g.sources[source].at = 0, now.Add(step.after)
		if now = now.Add(step.after); g.take(source, now) != step.want {
			t.Errorf("%v after the one before the wait is not %v", step.after, step.want)
		}
	}
	if g.take(netip.MustParseAddr("192.0.2.2"), now) != 0 {
		t.Error("another address is asked to wait")
	}
}

func TestSourceOf(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"192.0.2.1:80":               "192.0.2.1",
		"[::ffff:192.0.2.1]:80":      "192.0.2.1",
		"[2001:db8:1:2:3:4:5:6]:80":  "2001:db8:1:2::",
		"[fe80::1%eth0]:80":          "fe80::",
		"@":                          "invalid IP",
		"":                           "invalid IP",
		"[2001:db8:1:2:ffff::1]:443": "2001:db8:1:2::",
	} {
		r := &http.Request{RemoteAddr: remote, Header: http.Header{"X-Forwarded-For": {"198.51.100.1"}, "Forwarded": {"for=198.51.100.1"}}}
		if got := sourceOf(r.RemoteAddr).String(); got != want {
			t.Errorf("%s is %s, want %s", remote, got, want)
		}
	}
}
