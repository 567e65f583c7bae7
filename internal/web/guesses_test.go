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
		for g.take(source, now) {
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
		if g.take(address(n), now) {
			passed++
		}
	}
	if len(g.sources) != maxSources || passed != maxSources+100 {
		t.Errorf("%d addresses are known, %d passed", len(g.sources), passed)
	}
	now = now.Add(10 * time.Second)
	if !g.take(address(maxSources+5000), now) || len(g.sources) != 1 {
		t.Errorf("after a while %d addresses are known", len(g.sources))
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
